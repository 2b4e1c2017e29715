-- A price is read from the cache, or else from the database, and is in the cache from then on. Who changes
-- it changes the database, and takes it out of the cache.

-- The price of an item and where it was found; nothing and an error if it could not be read.
local function price_of(id)
  local key = "item:" .. id
  local cached, err = ctx.cache:get(key)
  if cached then return cached, "hit" end
  if err then ctx.log("goes on without the cache:", err) end
  local price, why = ctx.db:get(key)
  if not price then return nil, why end
  ctx.cache:set(key, price, "EX", 60)
  return price, "miss"
end

route("GET /items/{id}", function(req)
  local price, how = price_of(req.params.id)
  if price then
    return { json = { price = tonumber(price) }, headers = { ["X-Cache"] = how } }
  end
  if how then return 503, { error = tostring(how) } end
  return 404, { error = "there is no item " .. req.params.id }
end)

route("PUT /items/{id}", function(req)
  local price = req.json and req.json.price
  if type(price) ~= "number" then return 400, { error = "a price is a number" } end
  local key = "item:" .. req.params.id
  local ok, err = ctx.db:set(key, price)
  if not ok then return 503, { error = tostring(err) } end
  ctx.cache:del(key, { timeout = 100 })
end)
