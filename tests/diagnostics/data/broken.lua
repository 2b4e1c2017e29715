-- A function that never ends.
command("CAS", function(key, from, to)
  if redis.call("GET", key) == from then
    return redis.call("SET", key, to)
end)
