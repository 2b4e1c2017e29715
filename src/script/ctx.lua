-- What a node's script sees of the world: `ctx`, `on`, `http`, `route`, `command`. Every function that waits
-- yields to the host with a number that says for what; the host resumes it with what came of it.
-- Returns the body of a worker: a coroutine that handles one entry after the other.
local host, yield = ...
local DONE, SLEEP, CALL, REDIS, HTTP, WAIT = 0, 1, 2, 3, 4, 5

local pack, unpack = table.pack, table.unpack
local error, getmetatable, next, pairs, rawset, select, setmetatable, tostring, type =
  error, getmetatable, next, pairs, rawset, select, setmetatable, tostring, type

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
  if type(value) ~= "number" or value ~= value then wrong(name, at, "a number of milliseconds", value, level + 1) end
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

local function redis_call(server, timeout, ...)
  local words = { ... }
  for i = 1, select("#", ...) do
    local word = words[i]
    if type(word) ~= "string" and type(word) ~= "number" then
      error("argument #" .. i .. " of a Redis command must be text or a number, not " .. (word == nil and "nothing" or "a " .. type(word)), 3)
    end
  end
  return answer(yield(REDIS, server, timeout, ...))
end

local Redis = {}
Redis.__index = function(proxy, name)
  if type(name) ~= "string" then return nil end
  local command = name:upper()
  local method = function(self, ...)
    if self ~= proxy then error("a command is called with a colon: ctx." .. proxy.server .. ":" .. name .. "(...)", 2) end
    return redis_call(proxy.server, proxy.timeout, command, ...)
  end
  rawset(proxy, name, method)
  return method
end

local function http_request(method, server, url, options, level)
  options = options or {}
  if type(options) ~= "table" then error("the options of an HTTP request must be a table", level + 1) end
  local headers, body = {}, nil
  if options.headers ~= nil then
    for name, value in pairs(options.headers) do headers[#headers + 1] = { tostring(name), tostring(value) } end
  end
  if options.json ~= nil then
    body = json.encode(options.json)
    headers[#headers + 1] = { "content-type", "application/json" }
  elseif options.text ~= nil then
    body = tostring(options.text)
  end
  local response, err = answer(yield(HTTP, method, server, url, headers, body, timeout_of(options, "an HTTP request", 2, level + 1)))
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

local function message(name, to, msg, level)
  if type(to) ~= "string" then wrong(name, 1, "a node's name", to, level + 1) end
  if type(msg) ~= "table" then wrong(name, 2, "a message, such as { type = \"ping\" }", msg, level + 1) end
  if type(msg.type) ~= "string" then error("a message needs a `type`, such as { type = \"ping\" }", level + 1) end
  local kind = host.server(to)
  if kind == "node" then return end
  if kind == "client" then error("`" .. to .. "` is a client: it can be answered, not sent to", level + 1) end
  if kind then error("`" .. to .. "` is no node: it speaks " .. kind, level + 1) end
  error(host.unknown(to), level + 1)
end

function ctx.send(to, msg)
  message("ctx.send", to, msg, 2)
  local fields, why = host.fields(msg)
  if not fields then error(why, 2) end
  host.send(to, fields)
end

local function call(to, msg, timeout, level)
  local fields, why = host.fields(msg)
  if not fields then error(why, level + 1) end
  return answer(yield(CALL, to, fields, timeout))
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

local CODES = {
  ["timeout"] = 0, ["node-not-found"] = 1, ["not-supported"] = 10, ["temporarily-unavailable"] = 11,
  ["malformed-request"] = 12, ["crash"] = 13, ["abort"] = 14, ["key-does-not-exist"] = 20,
  ["key-already-exists"] = 21, ["precondition-failed"] = 22, ["txn-conflict"] = 30,
}

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

local tasks, timers, last_id = {}, {}, 0
local function new_id()
  last_id = last_id + 1
  return last_id
end

local Task = { __name = "task" }
Task.__index = Task

local function settle(task)
  tasks[task.id] = nil
  task.done = true
  local joining = task.joining
  if joining then
    task.joining = nil
    for i = 1, #joining do host.wake(joining[i]) end
  end
end

function ctx.spawn(f, ...)
  local task = setmetatable({ id = new_id(), f = function_of(f, "ctx.spawn", 1, 2), args = pack(...) }, Task)
  tasks[task.id] = task
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
  local timer = setmetatable({ id = new_id(), f = function_of(f, "ctx.after", 2, 2), args = pack(...) }, Timer)
  timers[timer.id] = timer
  host.arm(timer.id, ms)
  return timer
end

function ctx.every(ms, f, ...)
  ms = milliseconds(ms, "ctx.every", 1, 2)
  if ms == 0 then error("ctx.every needs a pause of more than 0 ms", 2) end
  local timer = setmetatable({ id = new_id(), f = function_of(f, "ctx.every", 2, 2), args = pack(...), again = ms }, Timer)
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
  local texts = {}
  for i = 1, select("#", ...) do texts[i] = tostring((select(i, ...))) end
  host.log(table.concat(texts, " "))
end
print = ctx.log

function ctx.expose(name, value)
  if type(name) == "table" and value == nil then
    for part, v in pairs(name) do
      local why = host.expose(tostring(part), v)
      if why then error(why, 2) end
    end
    return
  end
  if type(name) ~= "string" or name == "" then wrong("ctx.expose", 1, "a name", name, 2) end
  local why = host.expose(name, value)
  if why then error(why, 2) end
end

function ctx.sync()
  local why = host.sync(ctx.durable)
  if why then error(why, 2) end
  yield(SLEEP, host.sync_ms)
end

-- ---- entries --------------------------------------------------------------------------------------------

on = {}
local routes, commands = {}, {}
local entries = {}

function entries.start()
  if on.start then return on.start() end
end

function entries.message(from, msg, asks)
  local f = on[msg.type] or on["*"]
  if f == nil then
    local known = {}
    for name in pairs(on) do
      if name ~= "start" then known[#known + 1] = name end
    end
    local text = "no handler for `" .. tostring(msg.type) .. "`"
    if #known > 0 then text = text .. ": there are " .. table.concat(known, ", ") end
    if not asks then host.warn(text .. " (a message from " .. from .. ")") end
    return ctx.error("not-supported", text)
  end
  return f(msg, from)
end

function entries.task(id)
  local task = tasks[id]
  if not task then return end
  task.result = pack(task.f(unpack(task.args, 1, task.args.n)))
  settle(task)
end

function entries.timer(id)
  local timer = timers[id]
  if not timer then return end
  if timer.again then
    host.arm(id, timer.again)
  else
    timers[id] = nil
  end
  timer.f(unpack(timer.args, 1, timer.args.n))
end

-- A task has died of an error.
function entries.failed(id, text)
  local task = tasks[id]
  if not task then return end
  task.result = pack(nil, failure("error", text))
  settle(task)
end

function entries.route(at, request) return routes[at].f(request) end
function entries.command(name, ...) return commands[name](...) end

function route(pattern, f)
  if type(pattern) ~= "string" then wrong("route", 1, "a pattern, such as \"GET /items/{id}\"", pattern, 2) end
  routes[#routes + 1] = { pattern = pattern, f = function_of(f, "route", 2, 2) }
  local why = host.route(pattern)
  if why then error(why, 2) end
end

function command(name, f)
  if type(name) ~= "string" or name == "" then wrong("command", 1, "a command's name", name, 2) end
  commands[name:upper()] = function_of(f, "command", 2, 2)
  local why = host.command(name:upper())
  if why then error(why, 2) end
end

local function work(name, ...) return work(yield(DONE, entries[name](...))) end
return work
