-- A counter on several nodes, each of which can be added to whether or not it reaches the others: the PN-counter of
-- Shapiro, Preguica, Baquero and Zawirski, "A comprehensive study of Convergent and Commutative Replicated Data Types"
-- (2011, section 3.1.3). Each node keeps what every node has added and taken away; of two states the larger number
-- counts, entry by entry. So it does not matter how often a state comes, in which order, or whether one is lost.
--   env.bug = "increments": nodes tell each other by how much to count on; what is lost or comes twice, counts so
--   env.bug = "last-value": nodes tell each other the sum; whoever was heard last is right
local bug, EVERY = ctx.env.bug or "none", ctx.env.every or 50

-- Kept over a crash.
local disk = ctx.durable
disk.up, disk.down, disk.sum = disk.up or {}, disk.down or {}, disk.sum or 0

local function merge(mine, theirs)
  for node, count in pairs(theirs) do mine[node] = math.max(mine[node] or 0, count) end
end

local function value()
  if bug ~= "none" then return disk.sum end
  local sum = 0
  for _, count in pairs(disk.up) do sum = sum + count end
  for _, count in pairs(disk.down) do sum = sum - count end
  return sum
end

local function tell(msg)
  for _, peer in ipairs(ctx.peers) do ctx.send(peer, msg) end
end

local function change(by)
  disk.sum = disk.sum + by
  if by >= 0 then
    disk.up[ctx.name] = (disk.up[ctx.name] or 0) + by
  else
    disk.down[ctx.name] = (disk.down[ctx.name] or 0) - by
  end
  if bug == "increments" then tell { type = "count", by = by } end
  if bug == "last-value" then tell { type = "sum", sum = disk.sum } end
end

function on.add(msg)
  change(msg.by)
  return { type = "add_ok" }
end

function on.subtract(msg)
  change(-msg.by)
  return { type = "subtract_ok" }
end

function on.read() return { type = "read_ok", value = value() } end

-- What nodes tell each other: the three ways.
function on.state(msg)
  merge(disk.up, msg.up)
  merge(disk.down, msg.down)
end
function on.count(msg) disk.sum = disk.sum + msg.by end
function on.sum(msg) disk.sum = msg.sum end

function on.start()
  while bug == "none" do
    ctx.sleep(EVERY)
    tell { type = "state", up = json.object(disk.up), down = json.object(disk.down) }
  end
end
