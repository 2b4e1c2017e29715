-- The witness of primary and backup. It has no data. It knows who holds the lease, and who lacks something and
-- may not have it.
local disk = ctx.durable
local lease = require("lease")(disk)

function on.acquire(msg, from)
  if disk.stale == from then return ctx.error("precondition-failed", from .. " lacks something") end
  local token, holder = lease:acquire(from, msg.ms)
  if not token then return ctx.error("temporarily-unavailable", holder .. " has it") end
  disk.asked = 0
  return { type = "acquire_ok", token = token }
end

-- What comes late must not undo what was said after it: questions are numbered.
function on.renew(msg, from)
  if (disk.asked or 0) >= msg.n or not lease:renew(from, msg.token, msg.ms) then
    return ctx.error("abort", "this lease is over")
  end
  disk.asked, disk.stale = msg.n, msg.stale
  return { type = "renew_ok", token = msg.token }
end
