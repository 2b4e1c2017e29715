-- A register on several nodes of which a minority may be gone: Attiya, Bar-Noy and Dolev, "Sharing Memory Robustly in
-- Message-Passing Systems" (1995), with several writers as in Lynch and Shvartsman (1997). Whichever node is asked
-- asks all, and goes on when a majority has answered: any two majorities have a node in common.
--   env.bug = "sloppy":        one answer is enough (W = 1, R = 1)
--   env.bug = "no-write-back": a reader does not tell others what it has found
local quorum = require "quorum"
local bug = ctx.env.bug or "none"
local options = { timeout = 200, need = bug == "sloppy" and 1 or nil }

-- Kept over a crash: for each key its value and its version, and the last number that this node has given.
local disk = ctx.durable
disk.kept, disk.number = disk.kept or {}, disk.number or 0

local NOTHING = { number = 0, by = "" }
local function newer(a, b) return a.number > b.number or (a.number == b.number and a.by > b.by) end

-- ---- what nodes ask each other ----------------------------------------------------------------------------

function on.get(msg)
  local kept = disk.kept[msg.key] or NOTHING
  return { type = "get_ok", number = kept.number, by = kept.by, value = kept.value }
end

function on.put(msg)
  if newer(msg, disk.kept[msg.key] or NOTHING) then
    disk.kept[msg.key] = { number = msg.number, by = msg.by, value = msg.value }
  end
  return { type = "put_ok" }
end

-- ---- what clients ask ---------------------------------------------------------------------------------------

local function newest(key)
  local replies, err = quorum.call(ctx.nodes, { type = "get", key = key }, options)
  if not replies then return nil, err end
  local best = NOTHING
  for _, reply in pairs(replies) do
    if newer(reply, best) then best = reply end
  end
  return best
end

local function store(key, version)
  local msg = { type = "put", key = key, number = version.number, by = version.by, value = version.value }
  return quorum.call(ctx.nodes, msg, options)
end

function on.read(msg)
  local best, err = newest(msg.key)
  if not best then return ctx.error("temporarily-unavailable", err.text) end
  -- What is told must be found by whoever asks later, whichever majority answers them.
  if bug ~= "no-write-back" and best.number > 0 and not store(msg.key, best) then
    return ctx.error("temporarily-unavailable", "it cannot be made safe")
  end
  return { type = "read_ok", value = best.value == nil and null or best.value }
end

function on.write(msg)
  local best, err = newest(msg.key)
  if not best then return ctx.error("temporarily-unavailable", err.text) end
  -- Never one number for two values: others can have the same number, but not with this node's name.
  disk.number = math.max(disk.number, best.number) + 1
  local stored, why = store(msg.key, { number = disk.number, by = ctx.name, value = msg.value })
  if not stored then return ctx.error("timeout", why.text) end
  return { type = "write_ok" }
end
