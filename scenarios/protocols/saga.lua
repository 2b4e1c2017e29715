-- A saga: Garcia-Molina and Salem, "Sagas" (1987). A trip is booked step by step, each step at another service and
-- final at once. When one is refused, what was booked before is cancelled: that is a compensation, not a rollback, and
-- everybody could see the booking in between.
--   env.bug = "lost-compensation": a cancellation is sent, and nobody asks whether it came
local bug = ctx.env.bug or "none"
local disk = ctx.durable

-- ---- a service: flight, hotel, pay --------------------------------------------------------------------------

disk.booked = disk.booked or {}  -- by trip: true, or false when it is cancelled

-- Asked twice, it answers twice and books once. What is cancelled stays so: a booking may come later than its
-- cancellation, for nobody knows what a network still has in its hands.
function on.book(msg)
  local trip = msg.trip
  if disk.booked[trip] == false then return ctx.error("abort", trip .. " is cancelled") end
  if msg.price > (ctx.env.limit or 1000) then return ctx.error("precondition-failed", "too expensive") end
  if not disk.booked[trip] then
    disk.booked[trip] = true
    ctx.expose(trip, "booked")
  end
  return { type = "book_ok" }
end

function on.cancel(msg)
  if disk.booked[msg.trip] then ctx.expose(msg.trip, "cancelled") end
  disk.booked[msg.trip] = false
  return { type = "cancel_ok" }
end

-- ---- the agency: keeps a log of what it has begun ---------------------------------------------------------------

local STEPS, TRIES = { "flight", "hotel", "pay" }, 3
disk.trips = disk.trips or {}  -- by trip: the step it is at, whether it goes back, and its price

local function undo(trip)
  local log = disk.trips[trip]
  while log.step > 0 do
    local service, msg = STEPS[log.step], { type = "cancel", trip = trip }
    if bug == "lost-compensation" then
      ctx.send(service, msg)
    else
      while not ctx.call(service, msg, { timeout = 60 }) do ctx.sleep(40) end
    end
    log.step = log.step - 1
  end
end

-- From wherever the log says to the end. Whether a step that was not answered has been done is not known: going
-- forward it is tried again, and going back it is cancelled with the others.
local function go_on(trip)
  local log = disk.trips[trip]
  while not log.back and log.step <= #STEPS do
    local reply, err
    for _ = 1, TRIES do
      reply, err = ctx.call(STEPS[log.step], { type = "book", trip = trip, price = log.price }, { timeout = 60 })
      if reply or err.code then break end
      ctx.sleep(40)
    end
    if reply then log.step = log.step + 1 else log.back = true end
  end
  if log.back then undo(trip) end
  log.over = true
  ctx.expose(trip, log.back and "given up" or "done")
end

local waiting = {}

function on.trip(msg)
  if not disk.trips[msg.trip] then
    disk.trips[msg.trip] = { step = 1, price = msg.price }
    waiting[msg.trip] = ctx.spawn(go_on, msg.trip)
  end
  if waiting[msg.trip] then waiting[msg.trip]:join() end
  local log = disk.trips[msg.trip]
  if not log.over then return ctx.error("temporarily-unavailable", "under way") end
  if log.back then return ctx.error("abort", "all is cancelled") end
  return { type = "trip_ok" }
end

function on.start()
  for trip, booked in pairs(disk.booked) do ctx.expose(trip, booked and "booked" or "cancelled") end
  for trip, log in pairs(disk.trips) do
    if log.over then
      ctx.expose(trip, log.back and "given up" or "done")
    else
      waiting[trip] = ctx.spawn(go_on, trip)
    end
  end
end
