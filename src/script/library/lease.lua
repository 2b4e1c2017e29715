-- A lease: a lock that ends by itself, with a fencing token that only grows. For the node that grants it.
local Lease = {}
Lease.__index = Lease

-- lease(state): keeps `holder`, `token` and `ends` in the table `state`, for example in ctx.durable.
local function lease(state)
  state.token = state.token or 0
  return setmetatable({ state = state }, Lease)
end

-- Who holds it now; nil if nobody does.
function Lease:holder()
  local s = self.state
  if s.holder and ctx.now() < s.ends then return s.holder end
  return nil
end

-- Grants it to `who` for `ms`. Returns a new token, or nil and who holds it. Whose it is already gets a new token as
-- well: they may have crashed and forgotten the old one, and what they did under it may still be on its way.
function Lease:acquire(who, ms)
  local holder = self:holder()
  if holder and holder ~= who then return nil, holder end
  local s = self.state
  s.token = s.token + 1
  s.holder, s.ends = who, ctx.now() + ms
  return s.token
end

-- Makes it last longer, if it is theirs still. Returns the token, or nil.
function Lease:renew(who, token, ms)
  if self:holder() ~= who or self.state.token ~= token then return nil end
  self.state.ends = ctx.now() + ms
  return token
end

-- Gives it back, if it is theirs.
function Lease:release(who, token)
  if self:holder() ~= who or self.state.token ~= token then return false end
  self.state.holder, self.state.ends = nil, nil
  return true
end

return lease
