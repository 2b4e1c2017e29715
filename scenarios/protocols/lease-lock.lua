-- A lock that ends by itself, and what it protects. Three roles, one script: `lock` grants the lock, `store` keeps a
-- number, the others are workers that add to it: they take the lock, read, think, and write.
--   env.fencing of the store: "none"    takes every write
--                             "writes"  refuses a write under an older token than it has seen with a write
--                             "all"     looks at the tokens of reads as well
-- Kleppmann, "How to do distributed locking" (2016); Gray and Cheriton, "Leases" (1989).
local disk = ctx.durable

-- ---- the lock -------------------------------------------------------------------------------------------------

local LEASE = ctx.env.lease or 100
local lease = require("lease")(disk)

function on.acquire(_, from)
  local token, holder = lease:acquire(from, LEASE)
  if not token then return ctx.error("temporarily-unavailable", holder .. " has it") end
  return { type = "acquire_ok", token = token }
end

function on.release(msg, from)
  lease:release(from, msg.token)
  return { type = "release_ok" }
end

-- ---- the store ------------------------------------------------------------------------------------------------

disk.value, disk.newest = disk.value or 0, disk.newest or 0

-- True for who has held the lock once, and somebody after them.
local function too_late(token, looks)
  if not looks or token == nil then return false end
  if token < disk.newest then return true end
  disk.newest = token
  return false
end

function on.get(msg)
  if too_late(msg.token, ctx.env.fencing == "all") then return ctx.error("abort", "token " .. msg.token .. " is over") end
  return { type = "get_ok", value = disk.value }
end

function on.put(msg)
  if too_late(msg.token, ctx.env.fencing ~= "none") then return ctx.error("abort", "token " .. msg.token .. " is over") end
  disk.value = msg.value
  return { type = "put_ok" }
end

-- ---- a worker -------------------------------------------------------------------------------------------------

local busy = false  -- a worker does one thing at a time: the lock tells nodes apart, not what they do

local function add(by)
  local grant = ctx.call("lock", { type = "acquire" }, { timeout = 100 })
  if not grant then return ctx.error("temporarily-unavailable", "no lock") end
  local token = grant.token
  local reply = ctx.call("store", { type = "get", token = token }, { timeout = 100 })
  if not reply then return ctx.error("temporarily-unavailable", "nothing was read") end
  ctx.sleep(ctx.env.think or 10)
  local done, err = ctx.call("store", { type = "put", token = token, value = reply.value + by }, { timeout = 100 })
  ctx.send("lock", { type = "release", token = token })
  if done then return { type = "add_ok" } end
  if err.code then return ctx.error(err.code, err.text) end
  return ctx.error("timeout", "perhaps it is written")
end

function on.add(msg)
  if busy then return ctx.error("temporarily-unavailable", "busy") end
  busy = true
  local reply = add(msg.by)
  busy = false
  return reply
end
