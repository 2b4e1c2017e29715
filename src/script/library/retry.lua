-- retry(f, options): calls f until it gives a value, and at most `times` times (3).
--   options.times      how often in all (3)
--   options.pause      the pause after the first failure, in milliseconds (10)
--   options.factor     by which the pause grows (2)
--   options.pause_max  the longest pause (1000)
--   options.jitter     each pause is drawn between 0 and its full length (true)
--   options.when       which errors are worth another try: a function of the error (all)
-- f is given the number of the attempt, from 1. Returns what f returned last: its values, or nil and the error.
return function(f, options)
  if type(f) ~= "function" then error("retry needs a function", 2) end
  options = options or {}
  local pause, times = options.pause or 10, options.times or 3
  for attempt = 1, times do
    local result = table.pack(f(attempt))
    if result[1] ~= nil or attempt == times then return table.unpack(result, 1, result.n) end
    if options.when and not options.when(result[2]) then return table.unpack(result, 1, result.n) end
    ctx.sleep(options.jitter == false and pause or pause * ctx.random())
    pause = math.min(pause * (options.factor or 2), options.pause_max or 1000)
  end
end
