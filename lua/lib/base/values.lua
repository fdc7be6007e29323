--- values.lua: odict, struct, list, defaults: the small data types of notebooks.
local native = require "native"

local values = {}

-- ---- odict: a table that remembers the order of its keys ----

-- Each odict is an empty table, so that every access passes the metamethods; its state is kept aside.
local states = setmetatable({}, {__mode = "k"})
local GONE = {} -- in the place of a deleted key

local odict = {__name = "odict"}

local function compact(state)
  local keys, places = {}, {}
  for i = 1, state.last do
    local key = state.keys[i]
    if key ~= GONE then
      keys[#keys + 1] = key
      places[key] = #keys
    end
  end
  state.keys, state.places, state.last = keys, places, #keys
end

function odict:__index(key) return states[self].values[key] end

function odict:__newindex(key, value)
  local state = states[self]
  if key == nil or key ~= key then native.raise "odict: a key must not be nil or nan" end
  local place = state.places[key]
  state.values[key] = value
  if value == nil then
    if not place then return end
    state.keys[place], state.places[key] = GONE, nil
    state.count = state.count - 1
  elseif not place then
    if state.last > 16 and state.last > 2 * state.count and state.walks == 0 then compact(state) end
    state.last = state.last + 1
    state.keys[state.last], state.places[key] = key, state.last
    state.count = state.count + 1
  end
end

function odict:__len() return states[self].count end

function odict:__pairs()
  local state, i = states[self], 0
  return function()
    repeat i = i + 1 until state.keys[i] ~= GONE
    local key = state.keys[i]
    if key ~= nil then return key, state.values[key] end
  end
end

function odict:__show(show, layout)
  local items = {}
  for key, value in pairs(self) do items[#items + 1] = "{" .. show(key) .. ", " .. show(value) .. "}" end
  return layout("odict{", items, "}")
end

function odict:__tostring()
  return require("base.show").show(self)
end

--- odict{ {key, value}, … }: a table whose pairs() keep the order of insertion; a key that is deleted and added again
--- goes to the end.  #d is the number of keys.
function values.odict(items)
  if items and native.meta(items, "__index") ~= nil then
    native.raise(("odict: expected a plain list of pairs, got %s with an __index of its own"):format(torch.type(items)))
  end
  local d = {}
  states[d] = {keys = {}, places = {}, values = {}, last = 0, count = 0, walks = 0}
  setmetatable(d, odict)
  for i = 1, rawlen(items or {}) do -- raw: a __len of the user's need not be true
    local item = rawget(items, i)
    if type(item) ~= "table" or item[1] == nil or item[2] == nil then
      native.raise(("odict: item %d is not {key, value}"):format(i))
    end
    d[item[1]] = item[2]
  end
  for key in next, items or {} do
    if math.type(key) ~= "integer" then
      native.raise(("odict: write {%q, …} instead of %s = …: only lists of pairs have an order")
        :format(tostring(key), tostring(key)))
    end
  end
  return d
end

-- ---- struct: a record with named fields, defaults and an order ----

local function field_names(fields)
  local names = {}
  for i, field in ipairs(fields) do names[i] = field[1] end
  return names
end

local function unknown(kind, what, name, names)
  local hint = native.suggest(tostring(name), names)
  native.raise(("%s has no %s '%s'%s; it has %s"):format(kind, what, tostring(name), hint, table.concat(names, ", ")))
end

local function new_class(name, fields)
  local names, place = field_names(fields), {}
  for i, field in ipairs(fields) do
    if type(field[1]) ~= "string" then native.raise(("struct %s: field %d has no name"):format(name, i)) end
    place[field[1]] = i
  end
  local class = {__name = name}
  function class.__index(_, key)
    if place[key] then return nil end
    unknown(name, "field", key, names)
  end
  function class.__newindex(self, key, value)
    if not place[key] then unknown(name, "field", key, names) end
    rawset(self, key, value)
  end
  function class.__tostring(self)
    local show, items = require("base.show").show, {}
    for i, key in ipairs(names) do items[i] = key .. "=" .. show(rawget(self, key)) end
    return name .. "(" .. table.concat(items, ", ") .. ")"
  end
  function class.__eq(a, b)
    if getmetatable(a) ~= getmetatable(b) then return false end
    for _, key in ipairs(names) do
      if rawget(a, key) ~= rawget(b, key) then return false end
    end
    return true
  end
  function class.__pairs(self)
    local i = 0
    return function()
      i = i + 1
      if names[i] then return names[i], rawget(self, names[i]) end
    end
  end
  return class, names, place
end

--- struct "Name" { {"field", default}, … }: makes a constructor.  Name(), Name(1, 2) by position, Name{field = value}.
--- Unknown fields raise, in construction and later.
function values.struct(name)
  if type(name) ~= "string" then native.raise 'struct: expected a name: struct "Name" { {"field", default}, … }' end
  return function(fields)
    local class, names, place = new_class(name, fields)
    local function fill(object, given, first)
      for i, key in ipairs(names) do
        if given[i] ~= nil then object[key] = given[i] end
      end
      for key, value in next, given do
        if math.type(key) == "integer" then
          if key > #names then native.raise(("%s takes %d fields, got %d"):format(name, #names, key - first + 1)) end
        elseif not place[key] then
          unknown(name, "field", key, names)
        else
          object[key] = value
        end
      end
    end
    return setmetatable({name = name, fields = fields}, {
      __name = "struct",
      __tostring = function() return "struct " .. name end,
      __call = function(_, first, ...)
        local object = {}
        for _, field in ipairs(fields) do object[field[1]] = field[2] end
        if type(first) == "table" and getmetatable(first) == nil and select("#", ...) == 0 then
          fill(object, first, 1)
        else
          fill(object, {first, ...}, 1)
        end
        return setmetatable(object, class)
      end,
    })
  end
end

-- ---- list, defaults ----

local MOST = 1 << 24 -- values that list() takes: what gives more has no end

--- list(iterator): a table of all (first) values; list(t): the rows of a tensor or a copy of a table's list part.
function values.list(iterator, state, control, closing)
  if closing and not native.meta(closing, "__close") then
    native.raise("list: expected a value to close after the iterator, got a " .. type(closing))
  end
  local out, count = {}, 0
  local function add(value)
    count = count + 1
    if count > MOST then native.raise(("list: more than %d values: has it no end?"):format(MOST)) end
    out[count] = value
  end
  if type(iterator) == "function" then
    for value in iterator, state, control, closing do add(value) end
  elseif type(iterator) == "table" and getmetatable(iterator) == nil then
    table.move(iterator, 1, #iterator, 1, out)
  elseif type(iterator) ~= "table" and type(iterator) ~= "userdata" then
    native.raise("list: expected a table, a tensor or an iterator, got " .. native.got(iterator))
  else
    for _, value in ipairs(iterator) do add(value) end
  end
  return out
end

--- defaults(options, known): a copy of `known` with the values of `options`; an option that is not known raises.
function values.defaults(options, known)
  if options ~= nil and type(options) ~= "table" then
    native.raise("expected a table of options, got " .. type(options))
  end
  local out, names = {}, {}
  for key, value in pairs(known) do
    out[key] = value
    if type(key) == "string" then names[#names + 1] = key end
  end
  table.sort(names)
  for key, value in pairs(options or {}) do
    if known[key] == nil then
      native.raise(("unknown option '%s'%s; known are %s"):format(tostring(key), native.suggest(tostring(key), names),
        table.concat(names, ", ")))
    end
    out[key] = value
  end
  return out
end

require "base.keywords".sign(values, [[
  odict(items: table = nil)
  struct(name: string)
  list(iterator, state = nil, control = nil, closing = nil)
  defaults(options: table = nil, known: table)
]])

return values
