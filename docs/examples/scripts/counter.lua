-- A counter that lives as long as its node.
ctx.state.value = 0

function on.add(msg)
  ctx.state.value = ctx.state.value + msg.delta
  return { type = "add_ok" }
end

function on.read()
  return { type = "read_ok", value = ctx.state.value }
end
