-- What every script sees in the place of Lua's own library: the same names, bounded and in a fixed order.
-- Called once, with what the host gives, before any script is loaded.
local host = ...

local getmetatable, ipairs, next, rawget, select, type = getmetatable, ipairs, next, rawget, select, type
local error, raw_pcall, raw_xpcall, raw_setmetatable, raw_tostring = error, pcall, xpcall, setmetatable, tostring
local sort, concat, unpack = table.sort, table.concat, table.unpack
local raw_tonumber, math_type = tonumber, math.type
local format, gsub, rep, sub = string.format, string.gsub, string.rep, string.sub
local exhausted, raw_charge = host.exhausted, host.charge

-- What takes longer for more is charged like the instructions that would take as long.
local LONG, LOOKED_AT, COPIED = 1024, host.looked_at, host.copied
local function charge(length, each)
  if length > LONG then raw_charge(length // each) end
end

-- An error of the host is an object; what can be caught is its text.
local function as_text(e)
  if type(e) == "userdata" and e ~= host.null then return host.error_text(e) end
  -- A line of looplab's own is nobody's business.
  if type(e) == "string" then return (gsub(e, "^%?:%-1: ", "")) end
  return e
end

-- An error that has used up the run's patience passes through every pcall: it cannot be caught and gone on from.
local function caught(ok, ...)
  if ok then return ok, ... end
  if exhausted() then error((...), 0) end
  return ok, as_text((...))
end

function pcall(f, ...) return caught(raw_pcall(f, ...)) end

function xpcall(f, handler, ...)
  return caught(raw_xpcall(f, function(e)
    if exhausted() then return e end
    return handler(as_text(e))
  end, ...))
end

-- The metatable of a table, also one that hides itself.
local function metatable(v)
  local mt = getmetatable(v)
  if mt ~= nil and type(mt) ~= "table" then return host.metatable(v) end
  return mt
end

-- Addresses differ from run to run, so nothing shows one.
function tostring(v)
  local t = type(v)
  if t == "string" then return v end
  if v == host.null then return "null" end
  if t == "table" or t == "userdata" then
    local mt = metatable(v)
    local own = mt and rawget(mt, "__tostring") or nil
    if own == nil then
      local name = mt and rawget(mt, "__name")
      return type(name) == "string" and name or t
    end
    -- Called from here and not from C, so that it may wait.
    local text = own(v)
    if type(text) ~= "string" then error("'__tostring' must return a string", 2) end
    return text
  end
  if t == "function" or t == "thread" then return t end
  return raw_tostring(v)
end
local tostring = tostring

-- ---- order ----------------------------------------------------------------------------------------------

local rank = { number = 1, string = 2, boolean = 3 }

local function less(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb then
    if ta == "boolean" then return not a and b end
    return a < b
  end
  return rank[ta] < rank[tb]
end

-- The keys of a table in the order of numbers, strings, false, true.
local function keys_of(t, level)
  local keys, n, plain, first = {}, 0, true, nil
  for k in next, t do
    n = n + 1
    keys[n] = k
    local kind = type(k)
    if kind ~= first then
      if first ~= nil then plain = false end
      first = first or kind
      if not rank[kind] then
        error("a table whose keys are a " .. kind .. " has no order that is the same in every run: use names or numbers as keys", level + 1)
      end
    end
  end
  if n > 1 then
    charge(8 * n, 1)
    if plain and first ~= "boolean" then sort(keys) else sort(keys, less) end
  end
  return keys, n
end

function pairs(t)
  local mt = metatable(t)
  if mt and mt.__pairs then return mt.__pairs(t) end
  if type(t) ~= "table" then
    error("bad argument #1 to 'pairs' (table expected, got " .. (t == nil and "nil" or type(t)) .. ")", 2)
  end
  local keys, n = keys_of(t, 2)
  local i = 0
  if mt == nil then
    return function()
      local k, v
      repeat
        i = i + 1
        k = keys[i]
        if k == nil then return nil end
        v = t[k]
      until v ~= nil
      return k, v
    end, t, nil
  end
  return function()
    while i < n do
      i = i + 1
      local k = keys[i]
      local v = rawget(t, k)
      if v ~= nil then return k, v end
    end
  end, t, nil
end

function _G.next(t, key)
  local keys, n = keys_of(t, 2)
  if key == nil then return keys[1], rawget(t, keys[1]) end
  for i = 1, n do
    if keys[i] == key then
      if i == n then return nil end
      return keys[i + 1], rawget(t, keys[i + 1])
    end
  end
  error("invalid key to 'next'", 2)
end

-- ---- metatables -----------------------------------------------------------------------------------------

-- Those that scripts have set. The others are looplab's own, and nobody's to change.
local given = {}

function setmetatable(t, mt)
  if type(mt) == "table" then
    if rawget(mt, "__close") ~= nil then
      error("`__close` is executed on the way out of an error, where nothing could stop it", 2)
    end
    if rawget(mt, "__gc") ~= nil or rawget(mt, "__mode") ~= nil then
      error("`__gc` and `__mode` depend on when memory is collected, which no run can repeat", 2)
    end
    given[mt] = true
  end
  return raw_setmetatable(t, mt)
end

function _G.getmetatable(v)
  local mt = getmetatable(v)
  if type(mt) ~= "table" or type(v) == "string" or given[mt] then return mt end
  return nil
end

-- ---- tables ---------------------------------------------------------------------------------------------
-- Those that loop in C would not be counted, and `__len` can make them loop for ever.

local function length(t, name)
  if type(t) ~= "table" then
    error("bad argument #1 to '" .. name .. "' (table expected, got " .. (t == nil and "no value" or type(t)) .. ")", 3)
  end
  return #t
end

function table.insert(t, ...)
  local n = length(t, "insert") + 1
  local given = select("#", ...)
  if given == 1 then
    t[n] = (...)
  elseif given == 2 then
    local at, v = ...
    at = host.integer(at)
    if not at then error("bad argument #2 to 'insert' (number expected)", 2) end
    if at < 1 or at > n then error("bad argument #2 to 'insert' (position out of bounds)", 2) end
    for i = n, at + 1, -1 do t[i] = t[i - 1] end
    t[at] = v
  else
    error("wrong number of arguments to 'insert'", 2)
  end
end

function table.remove(t, at)
  local n = length(t, "remove")
  if at == nil then
    if n == 0 then return nil end
    at = n
  else
    at = host.integer(at)
    if not at then error("bad argument #2 to 'remove' (number expected)", 2) end
    if n + 1 == at or (n == 0 and at == 0) then
      local v = t[at]
      t[at] = nil
      return v
    end
    if at < 1 or at > n + 1 then error("bad argument #2 to 'remove' (position out of bounds)", 2) end
  end
  local v = t[at]
  for i = at, n - 1 do t[i] = t[i + 1] end
  t[n] = nil
  return v
end

function table.move(a, from, to, at, b)
  b = b or a
  if from > to then return b end
  if at > to or at <= from or b ~= a then
    for i = 0, to - from do b[at + i] = a[from + i] end
  else
    for i = to - from, 0, -1 do b[at + i] = a[from + i] end
  end
  return b
end

function table.concat(t, sep, i, j)
  local n = j or length(t, "concat")
  i = i or 1
  if n + 0.0 - i > 10000000 then error("'concat' of more than 10000000 elements", 2) end
  charge(n - i, 1)
  local ok, text = raw_pcall(concat, t, sep, i, n)
  if not ok then error(text, 2) end
  charge(#text, COPIED)
  return text
end

function table.unpack(t, i, j)
  i, j = host.integer(i or 1), host.integer(j or #t)
  if not i or not j then error("bad argument to 'unpack' (number has no integer representation)", 2) end
  if j + 0.0 - i >= 1000000 then error("too many results to unpack", 2) end
  charge(j - i, 1)
  return unpack(t, i, j)
end

function _G.select(i, ...)
  local n = select("#", ...)
  charge(n, 1)
  if i == "#" then return n end
  local at = host.integer(i)
  if not at or at == 0 or at < -n then
    error("bad argument #1 to 'select' (" .. (at and "index out of range" or "number expected, got " .. type(i)) .. ")", 2)
  end
  return select(at, ...)
end

-- Merge sort: what is equal stays in its order, and a comparison may wait. That of C chooses by the time of day.
local function is_less(a, b) return a < b end

local RUN = 8

function table.sort(t, before)
  local n = length(t, "sort")
  if before == nil then
    before = is_less
  elseif type(before) ~= "function" then
    error("bad argument #2 to 'sort' (function expected, got " .. type(before) .. ")", 2)
  end
  -- Short runs by insertion, then twice as long ones of two each; if a comparison fails, nothing has changed.
  local given = t
  t = {}
  for i = 1, n do t[i] = given[i] end
  for low = 1, n, RUN do
    local high = low + RUN - 1
    if high > n then high = n end
    for i = low + 1, high do
      local v, at = t[i], i - 1
      while at >= low and before(v, t[at]) do
        t[at + 1] = t[at]
        at = at - 1
      end
      t[at + 1] = v
    end
  end
  local from, to, width = t, {}, RUN
  while width < n do
    for low = 1, n, 2 * width do
      local middle, high = low + width, low + 2 * width
      if middle > n + 1 then middle = n + 1 end
      if high > n + 1 then high = n + 1 end
      local left, right = low, middle
      for at = low, high - 1 do
        if left < middle and (right >= high or not before(from[right], from[left])) then
          to[at] = from[left]
          left = left + 1
        else
          to[at] = from[right]
          right = right + 1
        end
      end
    end
    from, to, width = to, from, width * 2
  end
  for i = 1, n do given[i] = from[i] end
end

-- ---- strings --------------------------------------------------------------------------------------------

function string.rep(s, n, sep)
  s, n, sep = host.text(s), host.integer(n), sep == nil and "" or host.text(sep)
  if not s then error("bad argument #1 to 'rep' (string expected)", 2) end
  if not n then error("bad argument #2 to 'rep' (number expected)", 2) end
  if not sep then error("bad argument #3 to 'rep' (string expected)", 2) end
  if n <= 0 or #s + #sep == 0 then return "" end
  if (#s + #sep) * (n + 0.0) > host.memory_max then
    error("a string of " .. format("%.0f", (#s + #sep) * (n + 0.0)) .. " bytes is more than the memory of a script, " .. host.memory_text, 2)
  end
  charge((#s + #sep) * n, COPIED)
  return rep(s, n, sep)
end

-- The text that an argument is, as C sees it.
local function argument(v, at, name)
  local text = host.text(v)
  if not text then
    error("bad argument #" .. at .. " to '" .. name .. "' (string expected, got " .. (v == nil and "nil" or type(v)) .. ")", 3)
  end
  return text
end

-- Looks at an argument that is a place in a text.
local function place(v, at, name)
  if host.integer(v) then return end
  local why = type(v) == "number" and "number has no integer representation" or "number expected, got " .. (v == nil and "no value" or type(v))
  error("bad argument #" .. at .. " to '" .. name .. "' (" .. why .. ")", 3)
end

-- What a function of C has come to: its own errors do not know its name any more.
local function outcome(name, ok, ...)
  if ok then return ... end
  error((gsub((...), "'%?'", "'" .. name .. "'")), 2)
end

for name, each in next, { upper = LOOKED_AT, lower = LOOKED_AT, reverse = LOOKED_AT } do
  local f = string[name]
  string[name] = function(s)
    if type(s) ~= "string" then s = argument(s, 1, name) end
    charge(#s, each)
    return f(s)
  end
end

function string.sub(s, i, j)
  if type(s) ~= "string" then s = argument(s, 1, "sub") end
  if math_type(i) ~= "integer" then place(i, 2, "sub") end
  if j ~= nil and math_type(j) ~= "integer" then place(j, 3, "sub") end
  local part = sub(s, i, j)
  charge(#part, COPIED)
  return part
end

local byte = string.byte
function string.byte(s, i, j)
  if type(s) ~= "string" then s = argument(s, 1, "byte") end
  if i ~= nil and math_type(i) ~= "integer" then place(i, 2, "byte") end
  if j == nil then return byte(s, i) end
  if math_type(j) ~= "integer" then place(j, 3, "byte") end
  charge(j - (i or 1), LOOKED_AT)
  return outcome("byte", raw_pcall(byte, s, i, j))
end

for _, name in ipairs { "len", "offset", "codepoint" } do
  local f = utf8[name]
  utf8[name] = function(s, ...)
    if type(s) ~= "string" then s = argument(s, 1, name) end
    local i, j = ...
    local length = #s
    if name == "codepoint" then
      length = (host.integer(j) or host.integer(i) or 1) - (host.integer(i) or 1)
    elseif name == "offset" then
      length = math.min(length, 4 * math.abs(host.integer(i) or 0))
    elseif i ~= nil then
      length = (host.integer(j) or length) - (host.integer(i) or 1)
    end
    charge(math.min(length, #s), LOOKED_AT)
    return outcome(name, raw_pcall(f, s, ...))
  end
end

function tonumber(v, base)
  if type(v) == "string" then charge(#v, LOOKED_AT) end
  if base == nil then return raw_tonumber(v) end
  return outcome("tonumber", raw_pcall(raw_tonumber, v, base))
end

function string.format(text, ...)
  local n = select("#", ...)
  local values = { ... }
  for i = 1, n do
    local v = values[i]
    local t = type(v)
    if t ~= "string" and t ~= "number" and t ~= "boolean" and v ~= nil then values[i] = tostring(v) end
  end
  local ok, made = raw_pcall(format, text, unpack(values, 1, n))
  if not ok then error(made, 2) end
  charge(#made, COPIED)
  if host.find((gsub(text, "%%%%", "")), "%%[-+ #0]*%d*%.?%d*p", 1, false) then error("`%p` shows an address, which differs from run to run", 2) end
  return made
end

string.dump, string.pack, string.unpack, string.packsize = nil, nil, nil, nil

function string.find(s, pattern, init, plain)
  s, pattern = argument(s, 1, "find"), argument(pattern, 2, "find")
  return host.find(s, pattern, init, plain and true or false)
end

function string.match(s, pattern, init)
  s, pattern = argument(s, 1, "match"), argument(pattern, 2, "match")
  return host.match(s, pattern, init)
end

function string.gmatch(s, pattern, init)
  s, pattern = argument(s, 1, "gmatch"), argument(pattern, 2, "gmatch")
  local at, behind = init or 1, nil
  return function()
    while true do
      local found = { host.captures(s, pattern, at, false) }
      if not found[1] then return nil end
      local after = found[2] + 1
      if after ~= behind then
        at, behind = after, after
        return unpack(found, 3)
      end
      -- An empty match right behind the one before it does not count.
      at = found[1] + 1
      if at > #s + 1 then return nil end
    end
  end
end

function string.gsub(s, pattern, repl, max)
  s, pattern = argument(s, 1, "gsub"), argument(pattern, 2, "gsub")
  local kind = type(repl)
  if kind ~= "string" and kind ~= "number" and kind ~= "table" and kind ~= "function" then
    error("bad argument #3 to 'gsub' (string/function/table expected, got " .. (repl == nil and "nil" or kind) .. ")", 2)
  end
  local anchored = sub(pattern, 1, 1) == "^"
  if anchored then pattern = sub(pattern, 2) end
  local out, at, count, behind = {}, 1, 0, nil
  if max == nil then max = math.maxinteger end
  max = host.integer(max)
  if not max then error("bad argument #4 to 'gsub' (number expected)", 2) end
  while count < max do
    local found = { host.captures(s, pattern, at, true) }
    local first, last = found[1], found[2]
    if first and last + 1 ~= behind then
      count = count + 1
      local whole, with = sub(s, first, last), nil
      if kind == "table" then
        with = repl[found[3]]
      elseif kind == "function" then
        with = repl(unpack(found, 3))
      else
        with = host.expand(tostring(repl), whole, unpack(found, 3))
      end
      if with == nil or with == false then
        with = whole
      elseif type(with) ~= "string" and type(with) ~= "number" then
        error("invalid replacement value (a " .. type(with) .. ")", 2)
      end
      out[#out + 1] = with
      at, behind = last + 1, last + 1
    elseif at <= #s then
      out[#out + 1] = sub(s, at, at)
      at = at + 1
    else
      break
    end
    if anchored then break end
  end
  if at <= #s then out[#out + 1] = sub(s, at) end
  charge(#out, 1)
  local made = concat(out)
  charge(#made, COPIED)
  return made, count
end

-- ---- numbers --------------------------------------------------------------------------------------------

math.randomseed, math.random = nil, host.random
for name, f in next, host.math do math[name] = f end

-- ---- the rest -------------------------------------------------------------------------------------------

null = host.null
json = {
  encode = host.encode,
  decode = host.decode,
  array = function(t) return raw_setmetatable(t or {}, host.array) end,
  object = function(t) return raw_setmetatable(t or {}, host.object) end,
}

function print(...)
  local texts = table.pack(...)
  for i = 1, texts.n do texts[i] = tostring(texts[i]) end
  host.print(concat(texts, "\t", 1, texts.n))
end

local loaded, loading = {}, {}
function require(name)
  if loaded[name] ~= nil then return loaded[name] end
  if loading[name] then error("`" .. raw_tostring(name) .. "` requires itself", 2) end
  loading[name] = true
  local chunk, why = host.module(name)
  if not chunk then error(why, 2) end
  local value = chunk(name)
  loading[name] = nil
  if value == nil then value = true end
  loaded[name] = value
  return value
end

collectgarbage, dofile, loadfile, load, coroutine, warn = nil, nil, nil, nil, nil, nil
