-- Primary and backup: one of two nodes answers, and a write is acknowledged when the other has it too. Which of
-- them answers is decided by a witness, who grants a lease (Gray and Cheriton, "Leases", 1989).
--   env.bug = "split-brain": nobody is asked. The backup takes over when it hears nothing, and the primary, who
--   hears nothing either, goes on alone.
local bug = ctx.env.bug or "none"
local BEAT = ctx.env.beat or 50
local CALL, PATIENCE, LEASE, MARGIN = BEAT, 3 * BEAT, 6 * BEAT, BEAT / 2
local other = ctx.peers[1]

-- Kept over a crash: the data, and how new they are: the token of the lease under which they were written, and
-- the number of the write under that lease. All data go with every write; they are few.
local disk = ctx.durable
disk.token, disk.count, disk.data = disk.token or 0, disk.count or 0, disk.data or {}

local mine, ends, asks = nil, 0, 0  -- my lease: its token, until when I rely on it, how often I asked for more
local open = false                  -- what I took over is safe: I may answer
local stale = nil                   -- the other one, if the witness knows that it lacks something
local heard = ctx.name < other and -PATIENCE or ctx.now()
local writes = ctx.queue()

local function leads() return mine == disk.token and ctx.now() < ends end

local function with(write)
  local data = {}
  for key, value in pairs(disk.data) do data[key] = value end
  if write then data[write.key] = write.value end
  return data
end

local function show() ctx.expose("primary_until", open and math.floor(ends) or 0) end

-- A lease counts from when it was asked for, so that it ends here before it ends for the witness.
local function ask(msg)
  if bug == "split-brain" then
    ends = 1000000
    return { token = mine or disk.token + 1 }
  end
  local asked = ctx.now()
  local reply = ctx.call("w", msg, { timeout = CALL })
  if reply then ends = asked + LEASE - MARGIN end
  return reply
end

local function renew(lacking)
  asks = asks + 1
  return ask { type = "renew", token = mine, ms = LEASE, n = asks, stale = lacking }
end

-- True when whoever may lead after me has these data: the other one took them, or it may not lead any more.
local function commit(data, try)
  disk.count = disk.count + 1
  while leads() do
    if try or not stale then
      local msg = { type = "copy", token = mine, count = disk.count, data = json.object(data) }
      local took = ctx.call(other, msg, { timeout = CALL })
      if not leads() then return false end
      if took then stale = nil end
      if took or stale then return true end
    end
    if stale then return true end
    if renew(other) then stale = other end
  end
  return false
end

local function take_over()
  local reply = ask { type = "acquire", ms = LEASE }
  if not reply or reply.token <= disk.token then return end
  mine, asks, stale, open = reply.token, 0, nil, false
  disk.token, disk.count = mine, 0
  open = commit(disk.data, true)
  show()
end

-- One thing at a time: a write, or what is due when there is none.
function on.start()
  while true do
    if not leads() and ctx.now() - heard >= PATIENCE then take_over() end
    local write = writes:take(BEAT)
    if leads() and open then
      if ends - ctx.now() < LEASE / 2 and renew(stale) then show() end
      local data = with(write)
      local done = commit(data, not write)
      if done then disk.data = data end
      if write then write.done:put(done and "ok" or "unknown") end
    else
      if open then
        open = false
        show()
      end
      if write then write.done:put("no") end
    end
  end
end

function on.copy(msg)
  if msg.token < disk.token or (msg.token == disk.token and msg.count < disk.count) then
    return ctx.error("abort", "there is a newer primary")
  end
  disk.token, disk.count, disk.data, heard = msg.token, msg.count, msg.data, ctx.now()
  return { type = "copy_ok" }
end

function on.write(msg)
  local write = { key = msg.key, value = msg.value, done = ctx.queue() }
  if not (leads() and open) then return ctx.error("temporarily-unavailable", "ask " .. other) end
  writes:put(write)
  local result = write.done:take()
  if result == "ok" then return { type = "write_ok" } end
  if result == "no" then return ctx.error("temporarily-unavailable", "ask " .. other) end
  return ctx.error("timeout", "perhaps it is written")
end

function on.read(msg)
  if not (leads() and open) then return ctx.error("temporarily-unavailable", "ask " .. other) end
  local value = disk.data[msg.key]
  return { type = "read_ok", value = value == nil and null or value }
end
