-- RESERVE event name count: takes so many seats of an event for somebody, all or none. Says how many are left.
command("RESERVE", function(event, name, count)
  local wanted = math.tointeger(tonumber(count))
  if not wanted or wanted < 1 then return redis.error("ERR a count is a whole number from 1 on") end
  local left = tonumber(redis.call("GET", "seats:" .. event) or 0)
  if left < wanted then return redis.error("FULL only " .. left .. " are left") end
  redis.call("DECRBY", "seats:" .. event, wanted)
  redis.call("RPUSH", "guests:" .. event, name)
  return left - wanted
end)

-- GET is as it was, but counts.
command("GET", function(key)
  redis.call("INCR", "reads")
  return redis.call("GET", key)
end)
