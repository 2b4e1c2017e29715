-- Consistent hashing: which nodes hold a key.
local Ring = {}
Ring.__index = Ring

-- A number from 0 to 2^32 - 1 that depends on nothing but the text (FNV-1a, stirred).
local function hash(text)
  local h = 2166136261
  for i = 1, #text do h = ((h ~ text:byte(i)) * 16777619) & 0xffffffff end
  h = ((h ~ (h >> 16)) * 0x85ebca6b) & 0xffffffff
  h = ((h ~ (h >> 13)) * 0xc2b2ae35) & 0xffffffff
  return h ~ (h >> 16)
end

-- ring(nodes, options): each node stands `points` times (32) on the ring.
local function ring(nodes, options)
  local self = setmetatable({ points = {}, count = #nodes }, Ring)
  for _, node in ipairs(nodes) do
    for i = 1, options and options.points or 32 do
      self.points[#self.points + 1] = { at = hash(node .. "#" .. i), node = node }
    end
  end
  table.sort(self.points, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.node < b.node
  end)
  return self
end

-- The first `n` (1) different nodes from the key's place on.
function Ring:nodes(key, n)
  local at, found, seen = hash(tostring(key)), {}, {}
  local low, high = 1, #self.points + 1
  while low < high do
    local middle = (low + high) // 2
    if self.points[middle].at < at then low = middle + 1 else high = middle end
  end
  for i = 0, #self.points - 1 do
    if #found >= math.min(n or 1, self.count) then break end
    local node = self.points[(low - 1 + i) % #self.points + 1].node
    if not seen[node] then
      seen[node] = true
      found[#found + 1] = node
    end
  end
  return found
end

-- The node that holds a key.
function Ring:node(key) return self:nodes(key, 1)[1] end

return ring
