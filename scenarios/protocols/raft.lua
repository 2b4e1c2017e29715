-- Raft: elections and log replication, as in figure 2 of "In Search of an Understandable Consensus Algorithm"
-- (Ongaro and Ousterhout, 2014), with a key-value store on top. Each famous mistake is behind a switch, env.bug:
--   vote-blind      a vote is given without a look at the candidate's log
--   commit-old-term an entry of an earlier term is committed by counting its copies
--   forget-vote     votedFor is not kept over a crash
local bug = ctx.env.bug or "none"
local ELECTION, HEARTBEAT = ctx.env.election or 150, ctx.env.heartbeat or 50
local majority = #ctx.nodes // 2 + 1

-- Kept over a crash: the term, the vote in it, and the log. Lost: all else.
local disk = ctx.durable
disk.term, disk.log = disk.term or 0, disk.log or {}
if bug == "forget-vote" then disk.vote = nil end

local role, leader = "follower", nil
local commit, applied, store = 0, 0, {}
local next_index, match_index, sending = {}, {}, {}
local waiting = {}  -- who is told when the entry of an index is applied
local timer
local elect, restart_timer

local function last() return #disk.log, #disk.log > 0 and disk.log[#disk.log].term or 0 end

local function become(new_role, term)
  if new_role == role and term == disk.term then return end
  if term > disk.term then disk.term, disk.vote = term, nil end
  if role == "leader" and new_role ~= "leader" then
    for _, queue in pairs(waiting) do queue:put({ lost = true }) end
    waiting = {}
    restart_timer()  -- a leader has none, and nobody else may be able to win
  end
  role = new_role
  ctx.expose { role = role, term = disk.term }
end

function restart_timer()
  if timer then timer:cancel() end
  timer = ctx.after(ELECTION + ctx.random() * ELECTION, elect)
end

-- ---- the log ----------------------------------------------------------------------------------------------

local function apply()
  if applied == commit then return end
  while applied < commit do
    applied = applied + 1
    local entry, result = disk.log[applied], {}
    if entry.f == "write" then
      store[entry.key] = entry.value
    elseif entry.f == "cas" then
      if store[entry.key] == entry.from then store[entry.key] = entry.to else result.failed = true end
    end
    result.value, result.term = store[entry.key], entry.term
    if waiting[applied] then
      waiting[applied]:put(result)
      waiting[applied] = nil
    end
  end
  ctx.expose("applied", { index = applied, term = disk.log[applied].term })
end

local function advance()
  for index = #disk.log, commit + 1, -1 do
    -- Only an entry of the leader's own term is committed by counting (section 5.4.2).
    if disk.log[index].term ~= disk.term and bug ~= "commit-old-term" then break end
    local copies = 1
    for _, peer in ipairs(ctx.peers) do
      if match_index[peer] >= index then copies = copies + 1 end
    end
    if copies >= majority then
      commit = index
      break
    end
  end
  apply()
end

-- One append is under way to each peer at a time; what comes in meanwhile goes with the next one.
local function replicate(peer)
  local term, from = disk.term, next_index[peer]
  if role ~= "leader" or sending[peer] == term then return end  -- the office may be lost before this task runs
  sending[peer] = term
  local entries = table.move(disk.log, from, #disk.log, 1, {})
  local before = disk.log[from - 1]
  local reply = ctx.call(peer, {
    type = "append", term = term, prev = from - 1, prev_term = before and before.term or 0,
    entries = json.array(entries), commit = commit,
  }, { timeout = HEARTBEAT })
  if sending[peer] == term then sending[peer] = nil end
  if role ~= "leader" or disk.term ~= term or not reply then return end
  if reply.term > disk.term then
    become("follower", reply.term)
  elseif reply.ok then
    match_index[peer] = math.max(match_index[peer], from - 1 + #entries)
    next_index[peer] = match_index[peer] + 1
    advance()
    if next_index[peer] <= #disk.log then replicate(peer) end
  else
    next_index[peer] = math.max(1, math.min(from - 1, reply.length + 1))
    replicate(peer)
  end
end

local function replicate_all()
  for _, peer in ipairs(ctx.peers) do
    if sending[peer] ~= disk.term then ctx.spawn(replicate, peer) end
  end
end

local function lead(term)
  while role == "leader" and disk.term == term do
    replicate_all()
    ctx.sleep(HEARTBEAT)
  end
end

-- ---- elections --------------------------------------------------------------------------------------------

function elect()
  become("candidate", disk.term + 1)
  disk.vote, leader = ctx.name, nil
  restart_timer()
  local term, votes = disk.term, 1
  local length, last_term = last()
  for _, peer in ipairs(ctx.peers) do
    ctx.spawn(function()
      local reply = ctx.call(peer, { type = "vote", term = term, length = length, last_term = last_term }, { timeout = ELECTION })
      if not reply then return end
      if reply.term > disk.term then return become("follower", reply.term) end
      if not reply.granted or role ~= "candidate" or disk.term ~= term then return end
      votes = votes + 1
      if votes < majority then return end
      become("leader", term)
      leader = ctx.name
      timer:cancel()
      for _, other in ipairs(ctx.peers) do next_index[other], match_index[other] = #disk.log + 1, 0 end
      lead(term)
    end)
  end
end

function on.vote(msg, from)
  if msg.term > disk.term then become("follower", msg.term) end
  local length, last_term = last()
  local fresh = bug == "vote-blind" or msg.last_term > last_term or (msg.last_term == last_term and msg.length >= length)
  local granted = msg.term == disk.term and fresh and (disk.vote == nil or disk.vote == from)
  if granted then
    disk.vote = from
    restart_timer()
  end
  return { type = "vote_ok", term = disk.term, granted = granted }
end

function on.append(msg, from)
  if msg.term < disk.term then return { type = "append_ok", term = disk.term, ok = false, length = #disk.log } end
  become("follower", msg.term)
  leader = from
  restart_timer()
  local before = disk.log[msg.prev]
  if msg.prev > 0 and (not before or before.term ~= msg.prev_term) then
    return { type = "append_ok", term = disk.term, ok = false, length = math.min(#disk.log, msg.prev - 1) }
  end
  for i, entry in ipairs(msg.entries) do
    local index = msg.prev + i
    if disk.log[index] and disk.log[index].term ~= entry.term then
      for later = #disk.log, index, -1 do disk.log[later] = nil end
    end
    disk.log[index] = entry
  end
  commit = math.max(commit, math.min(msg.commit, msg.prev + #msg.entries))
  apply()
  return { type = "append_ok", term = disk.term, ok = true }
end

-- ---- clients ----------------------------------------------------------------------------------------------

local function submit(entry)
  if role ~= "leader" then return ctx.error("temporarily-unavailable", leader and "ask " .. leader or "no leader") end
  entry.term = disk.term
  local index, done = #disk.log + 1, ctx.queue()
  disk.log[index], waiting[index] = entry, done
  replicate_all()
  local result = done:take()
  if result.lost or result.term ~= entry.term then return ctx.error("timeout", "another leader took over") end
  if result.failed then return ctx.error("precondition-failed", "it is not " .. tostring(entry.from)) end
  return { type = entry.f .. "_ok", value = entry.f == "read" and (result.value == nil and null or result.value) or nil }
end

function on.read(msg) return submit({ f = "read", key = msg.key }) end
function on.write(msg) return submit({ f = "write", key = msg.key, value = msg.value }) end
function on.cas(msg) return submit({ f = "cas", key = msg.key, from = msg.from, to = msg.to }) end

function on.start()
  ctx.expose { role = role, term = disk.term }
  restart_timer()
end
