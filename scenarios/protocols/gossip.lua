-- Broadcast: whatever one node is told, all get to know. Each node passes on what is new to it to its neighbours,
-- and does so again until they have said that they have it.
--   env.topology = "ring" or "tree": who is whose neighbour
--   env.bug = "fire-and-forget":     passed on once, and nobody asks whether it came
local bug = ctx.env.bug or "none"

-- Kept over a crash: what is known, in order, and how much of that each neighbour has acknowledged.
local disk = ctx.durable
disk.values, disk.told = disk.values or {}, disk.told or {}
local known, news = {}, {}
for _, value in ipairs(disk.values) do known[value] = true end

local function neighbours()
  local count, me, found = #ctx.nodes, 0, {}
  for at, name in ipairs(ctx.nodes) do
    if name == ctx.name then me = at end
  end
  local ring = { (me - 2) % count + 1, me % count + 1 }
  local tree = { me // 2, 2 * me, 2 * me + 1 }
  for _, at in ipairs(ctx.env.topology == "tree" and tree or ring) do found[#found + 1] = ctx.nodes[at] end
  return found
end

-- All that a neighbour lacks goes in one message, so what comes in while one is under way costs no message of its own.
local function feed(peer)
  while true do
    local told = disk.told[peer] or 0
    if told == #disk.values then
      news[peer]:take()
    else
      local upto = #disk.values
      local values = table.move(disk.values, told + 1, upto, 1, {})
      if ctx.call(peer, { type = "push", values = values }, { timeout = 60 }) then
        disk.told[peer] = upto
      else
        ctx.sleep(40)
      end
    end
  end
end

local function learn(values, from)
  for _, value in ipairs(values) do
    if not known[value] then
      known[value] = true
      disk.values[#disk.values + 1] = value
      for peer, queue in pairs(news) do
        if bug == "fire-and-forget" then
          if peer ~= from then ctx.send(peer, { type = "push", values = { value } }) end
        else
          queue:put(true)
        end
      end
    end
  end
end

function on.broadcast(msg)
  learn({ msg.value })
  return { type = "broadcast_ok" }
end

function on.push(msg, from)
  learn(msg.values, from)
  return { type = "push_ok" }
end

function on.read() return { type = "read_ok", values = json.array(disk.values) } end

function on.start()
  for _, peer in ipairs(neighbours()) do
    news[peer] = ctx.queue()
    if bug ~= "fire-and-forget" then ctx.spawn(feed, peer) end
  end
end
