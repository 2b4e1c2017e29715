-- What a node's script sees of the world: `ctx`, `on`, `http`, `route`, `command`. Every function that waits
-- yields to the host with a number that says for what; the host resumes it with what came of it.
-- Returns the body of a worker: a coroutine that handles one entry after the other.
local host, yield, raw_next, setmetatable, getmetatable = ...
local DONE, SLEEP, CALL, REDIS, HTTP, WAIT, TRANSACTION, SYNC = 0, 1, 2, 3, 4, 5, 6, 7

local pack, unpack = table.pack, table.unpack
local error, pairs, rawset, select, tostring, type = error, pairs, rawset, select, tostring, type

-- ---- errors as values -----------------------------------------------------------------------------------

local Error = { __name = "error" }
Error.__tostring = function(e)
  if e.text == nil or e.text == "" then return e.kind end
  return e.kind .. ": " .. e.text
end
Error.__concat = function(a, b) return tostring(a) .. tostring(b) end

local function failure(kind, text, code)
  return setmetatable({ kind = kind, text = text, code = code }, Error)
end

-- What the host answers: `true` and the values, or `false` and the kind of error, its text, its code.
local function answer(ok, ...)
  if ok then return ... end
  return nil, failure(...)
end

-- ---- arguments ------------------------------------------------------------------------------------------

local function wrong(name, at, expected, got, level)
  local kind = type(got)
  error("argument #" .. at .. " of " .. name .. " must be " .. expected .. ", not " .. (kind == "nil" and "nothing" or "a " .. kind), level + 1)
end

local function milliseconds(value, name, at, level)
  if type(value) ~= "number" then wrong(name, at, "a number of milliseconds", value, level + 1) end
  if value ~= value then error("argument #" .. at .. " of " .. name .. " must be a number of milliseconds, not NaN", level + 1) end
  return value < 0 and 0 or value
end

local function timeout_of(options, name, at, level)
  if options == nil then return nil end
  if type(options) ~= "table" then wrong(name, at, "a table of options", options, level + 1) end
  if options.timeout == nil then return nil end
  if type(options.timeout) ~= "number" then
    error("the timeout of " .. name .. " must be a number of milliseconds", level + 1)
  end
  return options.timeout
end

local function function_of(f, name, at, level)
  if type(f) ~= "function" then wrong(name, at, "a function", f, level + 1) end
  return f
end

-- ---- servers --------------------------------------------------------------------------------------------

-- Commands that mean something only together with others of the same connection; and each command of a
-- script goes over whichever connection is free.
local TOGETHER = "each command of a script has a connection for itself: several at once are `ctx.%s:transaction{ { \"SET\", \"a\", 1 }, { \"INCR\", \"b\" } }`"
local LISTENS = "a script cannot listen to a channel: use a list and `blpop`, or messages between nodes"
local PRIVATE = "`%s` changes a connection, and a script has none that is its own"
local REFUSED = {
  MULTI = TOGETHER, EXEC = TOGETHER, DISCARD = TOGETHER, WATCH = TOGETHER, UNWATCH = TOGETHER,
  SUBSCRIBE = LISTENS, PSUBSCRIBE = LISTENS, SSUBSCRIBE = LISTENS,
  UNSUBSCRIBE = LISTENS, PUNSUBSCRIBE = LISTENS, SUNSUBSCRIBE = LISTENS, MONITOR = LISTENS,
  SELECT = PRIVATE, AUTH = PRIVATE, HELLO = PRIVATE, RESET = PRIVATE, QUIT = PRIVATE, CLIENT = PRIVATE,
}

-- Commands that wait: the place of their own patience among their arguments, in seconds; -1 is the last.
local PATIENCE = { BLPOP = -1, BRPOP = -1, BLMOVE = -1, BRPOPLPUSH = -1, BLMPOP = 1 }
-- The most commands of one transaction.
local TRANSACTION_MAX = 1000

-- How long a reply may take beyond that.
local SLACK_MS = 5000

-- The words of a command, and what is said in a table behind them.
local function redis_words(server, command, level, ...)
  local refused = REFUSED[command]
  if refused then error(refused:format(refused == TOGETHER and server or command), level + 1) end
  local words, n, options = { command, ... }, select("#", ...), nil
  if n > 0 and type(words[n + 1]) == "table" then
    options = words[n + 1]
    words[n + 1] = nil
    n = n - 1
  end
  for i = 1, n do
    local word = words[i + 1]
    if type(word) ~= "string" and type(word) ~= "number" then
      error("argument #" .. i .. " of " .. command .. " must be text or a number, not " .. (word == nil and "nothing" or "a " .. type(word)), level + 1)
    end
  end
  return words, n, options
end

local function redis_call(server, command, level, ...)
  local words, n, options = redis_words(server, command, level + 1, ...)
  local timeout = timeout_of(options, command, n + 1, level + 1)
  local at = PATIENCE[command]
  if at and timeout == nil then
    local seconds = tonumber(words[1 + (at < 0 and n or at)])
    if seconds then timeout = seconds == 0 and math.huge or seconds * 1000 + SLACK_MS end
  end
  return answer(yield(REDIS, server, timeout, unpack(words, 1, n + 1)))
end

local function transaction(proxy, commands, options)
  if type(commands) ~= "table" then wrong("transaction", 1, "a list of commands, such as { { \"SET\", \"a\", 1 } }", commands, 3) end
  if #commands > TRANSACTION_MAX then error("a transaction has at most " .. TRANSACTION_MAX .. " commands", 3) end
  local given = {}
  for i = 1, #commands do
    local command = commands[i]
    if type(command) ~= "table" or type(command[1]) ~= "string" then
      error("command #" .. i .. " of the transaction must be a list of words, such as { \"SET\", \"a\", 1 }", 3)
    end
    local words, _, extra = redis_words(proxy.server, command[1]:upper(), 3, unpack(command, 2))
    if extra then error("options of a transaction stand behind its list of commands", 3) end
    given[i] = words
  end
  if #given == 0 then error("a transaction needs a command, such as { \"SET\", \"a\", 1 }", 3) end
  return answer(yield(TRANSACTION, proxy.server, timeout_of(options, "transaction", 2, 3), given))
end

local Redis = {}
Redis.__index = function(proxy, name)
  if type(name) ~= "string" then return nil end
  local command = name:upper()
  local method = function(self, ...)
    if self ~= proxy then error("a command is called with a colon: ctx." .. proxy.server .. ":" .. name .. "(...)", 2) end
    if command == "TRANSACTION" then return transaction(proxy, ...) end
    return redis_call(proxy.server, command, 2, ...)
  end
  rawset(proxy, name, method)
  return method
end

local OPTIONS = { headers = true, query = true, json = true, text = true, timeout = true }

-- Names and values in the order of the names, as text; a list is several values of one name.
local function named(values, what, level)
  if type(values) ~= "table" then
    error("the " .. what .. " must be a table, not a " .. type(values), level == 0 and 0 or level + 1)
  end
  local list = {}
  for name, value in pairs(values) do
    if type(value) ~= "table" then
      list[#list + 1] = { tostring(name), tostring(value) }
    else
      for i = 1, #value do list[#list + 1] = { tostring(name), tostring(value[i]) } end
    end
  end
  return list
end

local function http_request(method, server, url, options, level)
  options = options or {}
  if type(options) ~= "table" then error("the options of an HTTP request must be a table", level + 1) end
  for name in pairs(options) do
    if not OPTIONS[name] then
      error("an HTTP request has no option `" .. tostring(name) .. "`: there are headers, query, json, text, timeout", level + 1)
    end
  end
  local headers = options.headers ~= nil and named(options.headers, "headers", level + 1) or {}
  local query = options.query ~= nil and named(options.query, "query", level + 1) or {}
  local body, kind
  if options.json ~= nil then
    body, kind = json.encode(options.json), "json"
  elseif options.text ~= nil then
    body, kind = tostring(options.text), "text"
  end
  local timeout = timeout_of(options, "an HTTP request", 2, level + 1)
  local response, err = answer(yield(HTTP, method, server, url, headers, query, body, kind, timeout))
  if not response then return nil, err end
  local kind = response.headers["content-type"]
  if kind and kind:find("json", 1, true) then
    local ok, value = pcall(json.decode, response.text)
    if ok then response.json = value end
  end
  return response
end

local Http, METHODS = {}, { "get", "head", "options", "delete", "post", "put", "patch" }
Http.__index = Http
http = {}
for _, name in ipairs(METHODS) do
  local method = name:upper()
  http[name] = function(url, options)
    if type(url) ~= "string" then wrong("http." .. name, 1, "a URL", url, 2) end
    if not url:find("^%a[%w+.-]*://") then error("a URL begins with `http://` and the name of a server: http." .. name .. "(\"http://app/items\")", 2) end
    return http_request(method, nil, url, options, 2)
  end
  Http[name] = function(self, path, options)
    if type(self) ~= "table" then error("a method is called with a colon: ctx.app:" .. name .. "(...)", 2) end
    if type(path) ~= "string" then wrong(name, 1, "a path", path, 2) end
    return http_request(method, self.server, path, options, 2)
  end
end

local Node = {}
Node.__index = Node

local function server(name, level)
  local kind = host.server(name)
  if kind == "redis" then return setmetatable({ server = name }, Redis) end
  if kind == "http" then return setmetatable({ server = name }, Http) end
  if kind == "node" then return setmetatable({ server = name }, Node) end
  if kind == "client" then error("`" .. name .. "` is a client: it can be answered, not called", level + 1) end
  if kind then error("`" .. name .. "` speaks " .. kind .. ", which a script cannot", level + 1) end
  error(host.unknown(name), level + 1)
end

ctx = setmetatable({ state = {}, durable = host.durable, env = host.env, name = host.name, nodes = host.nodes, peers = host.peers }, {
  __index = function(self, name)
    if type(name) ~= "string" then return nil end
    local found = server(name, 2)
    rawset(self, name, found)
    return found
  end,
})

function ctx.server(name) return server(tostring(name), 2) end

-- ---- messages -------------------------------------------------------------------------------------------

-- The names that were found to be nodes.
local is_node = {}

local function message(name, to, msg, level)
  if type(to) ~= "string" then wrong(name, 1, "a node's name", to, level + 1) end
  if type(msg) ~= "table" then wrong(name, 2, "a message, such as { type = \"ping\" }", msg, level + 1) end
  if type(msg.type) ~= "string" then error("a message needs a `type`, such as { type = \"ping\" }", level + 1) end
  if is_node[to] then return end
  local kind = host.server(to)
  if kind == "node" then
    is_node[to] = true
    return
  end
  if kind == "client" then error("`" .. to .. "` is a client: it can be answered, not sent to", level + 1) end
  if kind then error("`" .. to .. "` is no node: it speaks " .. kind, level + 1) end
  error(host.unknown(to), level + 1)
end

function ctx.send(to, msg)
  message("ctx.send", to, msg, 2)
  local why = host.send(to, msg)
  if why then error(why, 2) end
end

local function call(to, msg, timeout, level)
  local ok, value, text, code = yield(CALL, to, msg, timeout)
  if ok then return value end
  if ok == nil then error(value, level + 1) end
  return nil, failure(value, text, code)
end

function ctx.call(to, msg, options)
  message("ctx.call", to, msg, 2)
  return call(to, msg, timeout_of(options, "ctx.call", 3, 2), 2)
end

function Node:call(msg, options)
  message("call", self.server, msg, 2)
  return call(self.server, msg, timeout_of(options, "call", 2, 2), 2)
end

function Node:send(msg) return ctx.send(self.server, msg) end

local CODES = host.errors

function ctx.error(code, text)
  local number = type(code) == "number" and code or CODES[code]
  if not number then
    local known = {}
    for name in pairs(CODES) do known[#known + 1] = name end
    error("`" .. tostring(code) .. "` is no error code: one of " .. table.concat(known, ", ") .. ", or a number", 2)
  end
  return { type = "error", code = number, text = text or (type(code) == "string" and code or nil) }
end

-- ---- time and chance ------------------------------------------------------------------------------------

function ctx.sleep(ms) yield(SLEEP, milliseconds(ms, "ctx.sleep", 1, 2)) end
function ctx.now() return host.now() end
ctx.random = math.random

-- ---- tasks ----------------------------------------------------------------------------------------------

-- The most tasks of one script at once.
local TASKS_MAX = 10000

local tasks, tasks_count, timers, last_id = {}, 0, {}, 0
local function new_id()
  last_id = last_id + 1
  return last_id
end

-- A function and what it is called with, as one function.
local function bound(f, ...)
  local n = select("#", ...)
  if n == 0 then return f end
  if n == 1 then
    local a = ...
    return function() return f(a) end
  end
  local args = pack(...)
  return function() return f(unpack(args, 1, n)) end
end

local Task = { __name = "task" }
Task.__index = Task

local function settle(task)
  if not tasks[task.id] then return end
  tasks[task.id], tasks_count = nil, tasks_count - 1
  task.done = true
  local joining = task.joining
  if joining then
    task.joining = nil
    for i = 1, #joining do host.wake(joining[i]) end
  end
end

function ctx.spawn(f, ...)
  if tasks_count >= TASKS_MAX then error("a script has at most " .. TASKS_MAX .. " tasks at once", 2) end
  local task = setmetatable({ id = new_id(), f = bound(function_of(f, "ctx.spawn", 1, 2), ...) }, Task)
  tasks[task.id], tasks_count = task, tasks_count + 1
  host.spawn(task.id)
  return task
end

function Task:cancel()
  if self.done then return false end
  self.result = pack(nil, failure("cancelled", "the task was cancelled"))
  settle(self)
  host.cancel(self.id)
  return true
end

function Task:join(timeout)
  local deadline = timeout and host.now() + milliseconds(timeout, "join", 1, 2)
  while not self.done do
    local left = deadline and deadline - host.now()
    if left and left <= 0 then return nil, failure("timeout", "the task was not done in time") end
    local id = new_id()
    self.joining = self.joining or {}
    self.joining[#self.joining + 1] = id
    yield(WAIT, id, left)
  end
  return unpack(self.result, 1, self.result.n)
end

function ctx.all(given, options)
  if type(given) ~= "table" then wrong("ctx.all", 1, "a table of functions or tasks", given, 2) end
  local timeout = timeout_of(options, "ctx.all", 2, 2)
  local deadline = timeout and host.now() + timeout
  local running, results, errors = {}, {}, {}
  for key, f in pairs(given) do
    running[key] = getmetatable(f) == Task and f or ctx.spawn(function_of(f, "ctx.all", key, 2))
  end
  for key, task in pairs(running) do
    results[key], errors[key] = task:join(deadline and math.max(deadline - host.now(), 0))
  end
  return results, errors
end

-- ---- timers ---------------------------------------------------------------------------------------------

local Timer = { __name = "timer" }
Timer.__index = Timer

function Timer:cancel()
  if not timers[self.id] then return false end
  timers[self.id] = nil
  host.disarm(self.id)
  return true
end

function ctx.after(ms, f, ...)
  ms = milliseconds(ms, "ctx.after", 1, 2)
  local timer = setmetatable({ id = new_id(), f = bound(function_of(f, "ctx.after", 2, 2), ...) }, Timer)
  timers[timer.id] = timer
  host.arm(timer.id, ms)
  return timer
end

function ctx.every(ms, f, ...)
  ms = milliseconds(ms, "ctx.every", 1, 2)
  if ms == 0 then error("ctx.every needs a pause of more than 0 ms", 2) end
  local timer = setmetatable({ id = new_id(), f = bound(function_of(f, "ctx.every", 2, 2), ...), again = ms }, Timer)
  timers[timer.id] = timer
  host.arm(timer.id, ms)
  return timer
end

-- ---- queues ---------------------------------------------------------------------------------------------

local Queue = { __name = "queue" }
Queue.__index = Queue

function ctx.queue() return setmetatable({ first = 1, last = 0, items = {}, waiting = {} }, Queue) end

function Queue:put(value)
  if value == nil then error("`nil` cannot be put into a queue", 2) end
  self.last = self.last + 1
  self.items[self.last] = value
  local id = table.remove(self.waiting, 1)
  if id then host.wake(id) end
end

function Queue:take(timeout)
  local deadline = timeout and host.now() + milliseconds(timeout, "take", 1, 2)
  while self.first > self.last do
    local left = deadline and deadline - host.now()
    if left and left <= 0 then return nil, failure("timeout", "nothing was put into the queue in time") end
    local id = new_id()
    self.waiting[#self.waiting + 1] = id
    if not yield(WAIT, id, left) then
      for i = 1, #self.waiting do
        if self.waiting[i] == id then
          table.remove(self.waiting, i)
          break
        end
      end
    end
  end
  local value = self.items[self.first]
  self.items[self.first] = nil
  self.first = self.first + 1
  return value
end

function Queue:count() return self.last - self.first + 1 end

-- ---- what others see ------------------------------------------------------------------------------------

function ctx.log(...)
  local texts = pack(...)
  for i = 1, texts.n do texts[i] = tostring(texts[i]) end
  host.log(table.concat(texts, " ", 1, texts.n))
end
print = ctx.log

-- What was exposed last, of what is no table: only news are told.
local exposed = {}

local function is_news(name, value)
  local known = exposed[name]
  return known == nil or known ~= value
end

local function expose(name, value, level)
  if not is_news(name, value) then return end
  local why = host.expose(name, value)
  if why then error(why, level + 1) end
  if type(value) == "table" then value = nil end
  exposed[name] = value
end

function ctx.expose(name, value)
  if type(name) == "table" and value == nil then
    local news = false
    for part, v in raw_next, name do
      if is_news(part, v) then
        news = true
        break
      end
    end
    if not news then return end
    for part, v in pairs(name) do expose(tostring(part), v, 2) end
    return
  end
  if type(name) ~= "string" or name == "" then wrong("ctx.expose", 1, "a name", name, 2) end
  expose(name, value, 2)
end

function ctx.sync()
  local ok, kind, text = yield(SYNC, ctx.durable)
  if not ok then error(ok == nil and kind or text, 2) end
end

-- ---- entries --------------------------------------------------------------------------------------------

on = {}
local routes, commands = {}, {}
-- By the numbers that the host has for them.
local START, MESSAGE, TASK, TIMER, DIED, ROUTE, COMMAND = 1, 2, 3, 4, 5, 6, 7
local entries = {}
host.routes, host.commands = routes, commands

entries[START] = function()
  if type(on) ~= "table" then error("`on` must stay the table of handlers: function on.ping(msg) ... end", 0) end
  if on.start then return on.start() end
end

entries[MESSAGE] = function(from, msg, asks)
  local f = on and (on[msg.type] or on["*"])
  if f == nil then
    local known = {}
    for name in pairs(on or {}) do
      if name ~= "start" then known[#known + 1] = name end
    end
    local text = "no handler for `" .. tostring(msg.type) .. "`"
    if #known > 0 then text = text .. ": there are " .. table.concat(known, ", ") end
    if not asks then host.warn(text .. " (a message from " .. from .. ")") end
    return ctx.error("not-supported", text)
  end
  return f(msg, from)
end

entries[TASK] = function(id)
  local task = tasks[id]
  if not task then return end
  task.result = pack(task.f())
  settle(task)
end

entries[TIMER] = function(id)
  local timer = timers[id]
  if not timer then return end
  if timer.again then
    host.arm(id, timer.again)
  else
    timers[id] = nil
  end
  timer.f()
end

-- A task has died of an error.
entries[DIED] = function(id, text)
  local task = tasks[id]
  if not task then return end
  task.result = pack(nil, failure("error", text))
  settle(task)
end

-- What a handler of a route returns, as a status, headers, a body and its kind.
local PARTS = { status = true, headers = true, json = true, text = true }

local function status_of(status)
  local number = math.tointeger(status)
  if not number or number < 200 or number > 599 then
    error("a status is a number from 200 to 599, not " .. tostring(status), 0)
  end
  return number
end

local function json_of(value)
  local text, why = host.encode(value)
  if not text then error("the response cannot be written: " .. why, 0) end
  return text
end

local function respond(first, second)
  local kind = type(first)
  if first == nil then
    if second == nil then return 204, {} end
    return 500, {}, json.encode({ error = tostring(second) }), "json"
  elseif kind == "string" then
    return 200, {}, first, "text"
  elseif kind == "number" then
    if second == nil then return status_of(first), {} end
    if type(second) == "table" then return status_of(first), {}, json_of(second), "json" end
    return status_of(first), {}, tostring(second), "text"
  elseif kind ~= "table" then
    error("a handler returns a response, a status, a text or nothing, not a " .. kind, 0)
  end
  for name in pairs(first) do
    if not PARTS[name] then
      error("a response has no `" .. tostring(name) .. "`: there are status, headers, json, text; what is to be JSON stands in `json`", 0)
    end
  end
  local headers = first.headers ~= nil and named(first.headers, "headers of a response", 0) or {}
  for i = 1, #headers do
    if not headers[i][1]:find("^[%w!#$%%&'*+.^_`|~-]+$") then
      error("`" .. headers[i][1] .. "` is no name of a header", 0)
    end
  end
  local status = first.status ~= nil and status_of(first.status) or nil
  if first.json ~= nil then return status or 200, headers, json_of(first.json), "json" end
  if first.text ~= nil then return status or 200, headers, tostring(first.text), "text" end
  return status or 204, headers
end

entries[ROUTE] = function(at, request)
  local text = request.text
  -- A byte with which no JSON begins saves the attempt.
  if #text > 0 and text:find('^%s*[%[{"%dtfn-]') then
    local ok, value = pcall(json.decode, text)
    if ok then request.json = value end
  end
  json.object(request.query)
  json.object(request.params)
  return respond(routes[at].f(request))
end

-- ---- the data of a redis server --------------------------------------------------------------------------

local function redis_at_once(level, name, ...)
  if type(name) ~= "string" then wrong("redis.call", 1, "a command, such as \"GET\"", name, level + 1) end
  local words = { name, ... }
  for i = 2, select("#", ...) + 1 do
    local word = words[i]
    if type(word) ~= "string" and type(word) ~= "number" then
      error("argument #" .. i .. " of redis.call must be text or a number, not " .. (word == nil and "nothing" or "a " .. type(word)), level + 1)
    end
  end
  return host.redis(words)
end

redis = {}
function redis.call(...)
  local value, why = redis_at_once(2, ...)
  if why then error(why, 2) end
  return value
end
function redis.pcall(...)
  local value, why = redis_at_once(2, ...)
  if why then return nil, failure("error", why) end
  return value
end
function redis.status(text) return { ok = tostring(text) } end
function redis.error(text) return { err = tostring(text) } end

entries[COMMAND] = function(name, ...)
  local value, err = commands[name](...)
  if value == nil and getmetatable(err) == Error then
    return { err = err.kind == "error" and err.text or "ERR " .. tostring(err) }
  end
  return value
end

function route(pattern, f)
  if type(pattern) ~= "string" then wrong("route", 1, "a pattern, such as \"GET /items/{id}\"", pattern, 2) end
  function_of(f, "route", 2, 2)
  local why = host.route(pattern)
  if why then error(why, 2) end
  routes[#routes + 1] = { pattern = pattern, f = f }
end

function command(name, f)
  if type(name) ~= "string" or name == "" then wrong("command", 1, "a command's name", name, 2) end
  function_of(f, "command", 2, 2)
  local why = host.command(name:upper(), f)
  if why then error(why, 2) end
  commands[name:upper()] = f
end

local function work(kind, ...) return work(yield(DONE, entries[kind](...))) end
return work
