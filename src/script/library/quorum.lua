-- Asking several nodes at once and going on when enough have answered.
local quorum = {}

-- How many are more than half of `n`.
function quorum.majority(n) return n // 2 + 1 end

-- A node's reply; its own handler is asked without a message.
local function reply_of(node, msg, timeout)
  if node ~= ctx.name then return ctx.call(node, msg, { timeout = timeout }) end
  local handler = on[msg.type]
  if not handler then error("there is no handler for `" .. tostring(msg.type) .. "`", 0) end
  local reply = handler(msg, node)
  if type(reply) ~= "table" then return nil, { kind = "timeout", text = "no reply" } end
  if reply.type == "error" then return nil, { kind = "error", text = reply.text or "", code = reply.code } end
  return reply
end

-- quorum.call(nodes, msg, options): sends msg to all nodes, returns when `need` good replies are there. A node that is
-- among them itself answers itself, by the handler that it has for others.
--   msg              a message, or a function of the node's name that makes one
--   options.need     how many (a majority of nodes)
--   options.timeout  for each call, in milliseconds
--   options.good     which replies count: a function of reply and node (all that are not errors)
-- Returns the good replies by node, or nil and an error of kind "quorum"; then the number of good replies.
-- Calls that are still under way go on and are not waited for.
function quorum.call(nodes, msg, options)
  options = options or {}
  local need = options.need or quorum.majority(#nodes)
  local good, count, left = {}, 0, #nodes
  if need > left then
    return nil, { kind = "quorum", text = need .. " replies are needed, and there are " .. left .. " nodes" }, 0
  end
  local done = ctx.queue()
  for _, node in ipairs(nodes) do
    ctx.spawn(function()
      local reply, err = reply_of(node, type(msg) == "function" and msg(node) or msg, options.timeout)
      if reply and options.good and not options.good(reply, node) then reply = nil end
      done:put({ node = node, reply = reply, err = err })
    end)
  end
  while count < need and left > 0 and count + left >= need do
    local one = done:take()
    left = left - 1
    if one.reply then
      good[one.node] = one.reply
      count = count + 1
    end
  end
  if count >= need then return good, nil, count end
  return nil, { kind = "quorum", text = count .. " of " .. #nodes .. " answered, " .. need .. " are needed" }, count
end

return quorum
