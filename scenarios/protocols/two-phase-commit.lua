-- Two-phase commit with presumed abort: Mohan, Lindsay and Obermarck, "Transaction Management in the R* Distributed
-- Database Management System" (1986). `c` coordinates, the others each have an account. All run this script.
--   env.bug = "impatient": an account that has voted yes and hears nothing gives up by itself
local bug, PATIENCE, CALL = ctx.env.bug or "none", ctx.env.patience or 100, 100
local disk = ctx.durable

-- ---- the coordinator: asks all, decides, tells all ----------------------------------------------------------

disk.decided = disk.decided or {}  -- by transaction, and never changed
local running = {}

local function ask_both(a, b)
  local tasks = {}
  for _, one in ipairs { a, b } do
    tasks[one.to] = function() return ctx.call(one.to, one.msg, { timeout = CALL }) end
  end
  return ctx.all(tasks)
end

function on.transfer(msg)
  local id = msg.id
  if running[id] or disk.decided[id] then return ctx.error("abort", id .. " has been before") end
  running[id] = true
  local votes = ask_both(
    { to = msg.from, msg = { type = "prepare", id = id, change = -msg.amount } },
    { to = msg.to, msg = { type = "prepare", id = id, change = msg.amount } })
  local decision = votes[msg.from] and votes[msg.to] and "commit" or "abort"
  -- The decision is what is on the disk. Nobody may hear of it before.
  disk.decided[id] = decision
  ctx.sync()
  running[id] = nil
  local told = { type = "decide", id = id, decision = decision }
  ask_both({ to = msg.from, msg = told }, { to = msg.to, msg = told })
  if decision == "abort" then return ctx.error("abort", "somebody voted no, or not in time") end
  return { type = "transfer_ok" }
end

-- What a coordinator does not know it has not decided, or has forgotten in a crash: then nobody was told `commit`.
function on.outcome(msg)
  if running[msg.id] then return ctx.error("temporarily-unavailable", "not decided yet") end
  if not disk.decided[msg.id] then
    disk.decided[msg.id] = "abort"
    ctx.sync()
  end
  return { type = "outcome_ok", decision = disk.decided[msg.id] }
end

-- ---- an account: votes, and is bound by a yes ---------------------------------------------------------------

disk.balance = disk.balance or ctx.env.balance
disk.seen = disk.seen or {}  -- by transaction: "prepared", "commit" or "abort"
-- disk.doubt: the one transaction that is prepared, and what it would change

local function settle(id, decision)
  local was = disk.seen[id]
  if was == "commit" or was == "abort" then return end
  if decision == "commit" then disk.balance = disk.balance + disk.doubt.change end
  if disk.doubt and disk.doubt.id == id then disk.doubt = nil end
  disk.seen[id] = decision
  ctx.expose(id, decision)
end

-- In doubt: only the coordinator knows, so it is asked until it answers, however long that takes.
local function wait_for_decision(id)
  while disk.seen[id] == "prepared" do
    ctx.sleep(PATIENCE)
    if bug == "impatient" then return settle(id, "abort") end
    if disk.seen[id] ~= "prepared" then return end
    local reply = ctx.call("c", { type = "outcome", id = id }, { timeout = CALL })
    if reply then settle(id, reply.decision) end
  end
end

function on.prepare(msg)
  if disk.seen[msg.id] then return ctx.error("abort", "that is over") end
  if disk.doubt or disk.balance + msg.change < 0 then
    settle(msg.id, "abort")
    return ctx.error("abort", disk.doubt and "busy with " .. disk.doubt.id or "not enough money")
  end
  disk.doubt = { id = msg.id, change = msg.change }
  disk.seen[msg.id] = "prepared"
  ctx.expose(msg.id, "prepared")
  ctx.sync()
  ctx.spawn(wait_for_decision, msg.id)
  return { type = "prepare_ok" }
end

function on.decide(msg)
  settle(msg.id, msg.decision)
  return { type = "decide_ok" }
end

-- While a transaction is in doubt, its account can neither be read nor changed.
function on.read()
  if disk.doubt then return ctx.error("temporarily-unavailable", "in doubt about " .. disk.doubt.id) end
  return { type = "read_ok", balance = disk.balance }
end

function on.start()
  for id, state in pairs(disk.seen) do ctx.expose(id, state) end
  if disk.doubt then wait_for_decision(disk.doubt.id) end
end
