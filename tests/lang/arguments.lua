--- Every public function and method refuses what it does not know: a keyword, one argument too many, a Lua boolean
-- where a tensor is meant, a table where a number is.  Ops are read by their descriptors, all others by their
-- signatures; this goes through whatever doc.sections() lists, so that a new function is tried, too.
local test = require "harness"
local doc = require "shell.doc"
local native = require "native"

-- ---- what to call them with ----

local model = GPT{hidden_dim = 16, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 8}
model:init_weights()
local tokens = data.text{text = ("to be or not to be "):rep(20)}
local trainer = train.new{model = model, data = tokens, val = tokens, B = 2, T = 8, steps = 2, progress = false}

local samples = {
  tensor = torch.ones(2, 2), number = 0.5, integer = 1, boolean = true, string = "s", table = {}, list = {torch.ones(2)},
  ["function"] = function(...) return ... end, module = model, dtype = torch.float32, device = "cpu", any = 1, sizes = {2, 2},
  Tokens = tokens, Loader = tokens:loader{B = 2, T = 8}, Trainer = trainer, Tokenizer = tokenizer.bytes(),
  parametrization = reparam.new "standard", schedule = schedule.constant(), class = nn.Linear, AdamW = optim.AdamW(model:parameters()), Optimizer = optim.SGD(model:parameters()),
}

-- Parameters of any kind, where 1 will not do.
local first = {
  ["show"] = {1}, ["summary"] = {model}, ["GPT"] = {[2] = {}}, ["plan"] = {{}}, ["coord"] = {{}}, ["lrtable"] = {model},
  ["train.bpb"] = {model, tokens}, ["F.layer_norm"] = {[2] = 2}, ["F.rms_norm"] = {[2] = 2},
  ["sweep"] = {{zzz = 1}}, -- one table of options
  ["torch.save"] = {"zzz.safetensors", {}},
}

-- What takes anything on purpose: reason.
local open_ended = {
  ["f"] = "f-strings: one string, rewritten before it runs", ["help"] = "counts its arguments itself",
  ["m:extra_repr"] = "for classes to define", ["m:forward"] = "for classes to define", ["m:init"] = "for classes to define",
  ["nn.Module"] = "its init counts its arguments", ["nn.Identity"] = "takes anything, as PyTorch's does",
  ["nn.Sequential"] = "takes modules, or a table of them, and refuses everything else",
  ["torch.Size"] = "numbers, refused otherwise", ["torch.is_tensor"] = "any value", ["torch.type"] = "any value", ["list"] = "takes what ipairs and iterators give",
}

--- What a function takes: rows of native.parameters_of; positional, how many have a place; options, how many stand in
-- braces; more, whether further arguments may follow.
local function parameters(fn)
  local list, more = native.parameters_of(fn)
  list.positional, list.options, list.more = 0, 0, more
  for _, row in ipairs(list) do
    if row.by == "place" then list.positional = list.positional + 1 end
    if row.by == "option" then list.options = list.options + 1 end
  end
  return list
end

--- A value that the parameter takes.
local function sample(row)
  if row.type:sub(1, 1) == '"' then return row.type:match '"(.-)"' end
  local word = row.type:match "^[^|%[%(]*"
  if row.low and row.low > -math.huge then
    return word == "integer" and math.tointeger(row.low) + (row.above and 1 or 0) or row.low + (row.above and 0.5 or 0)
  end
  local value = samples[word]
  assert(value ~= nil, "no sample for a " .. word)
  return value
end

--- Arguments for all parameters up to `last`, which have places.
local function arguments(name, list, last)
  local args = {}
  for i = 1, last do
    args[i] = list[i].name == "self" and list[i].type == "any" and model or sample(list[i])
    if first[name] and first[name][i] ~= nil then args[i] = first[name][i] end
  end
  return args
end

--- The same with a table of names after them: the given ones and the options that must be given.
local function with_names(name, list, names)
  local args, all = arguments(name, list, list.positional), {}
  for _, row in ipairs(list) do
    if row.by ~= "place" and not row.default and row.type ~= "any" then all[row.name] = sample(row) end
  end
  for key, value in pairs(names) do all[key] = value end
  args[list.positional + 1] = all
  return args
end

local function required(list)
  local n = 0
  for i, row in ipairs(list) do
    if row.by == "place" and not row.default then n = i end
  end
  return n
end

--- Every public function: visit(full name, function).
local function each(visit)
  for _, section in ipairs(doc.sections()) do
    for _, name in ipairs(doc.names(section[2])) do
      local value, full = doc.member(section[2], name), section[1] .. name
      local lib, field
      if type(value) == "function" then lib, field = native.late(value) end
      if lib then value = require(lib)[field] end
      if type(value) == "table" and rawget(value, "__name") and rawget(value, "init") then value = rawget(value, "init") end
      if type(value) == "table" and doc.callable(value) then value = getmetatable(value).__call end
      if type(value) == "function" and not open_ended[full] then visit(full, value) end
    end
  end
end

local function each_signed(visit)
  each(function(full, fn)
    if native.signature_of(fn) then visit(full, fn, parameters(fn)) end
  end)
end

--- Lists what goes wrong, for one message.
local function collect(run)
  local found = {}
  run(function(format, ...) found[#found + 1] = format:format(...) end)
  if #found > 0 then test.fail(#found .. " found\n" .. table.concat(found, "\n")) end
end

--- The message of a call that has to raise one line with `wanted` in it.
local function expect(complain, full, fn, args, wanted)
  local ok, message = pcall(fn, table.unpack(args, 1, args.n or #args))
  message = ok and "nothing was raised" or tostring(message)
  if ok or not message:find(wanted, 1, true) or message:find "\n" then complain("%s: %s", full, message) end
end

-- ---- the tests ----

test("every public function is an op or has a signature", function()
  collect(function(complain)
    each(function(full, fn)
      if not native.describe(fn) and not native.signature_of(fn) then complain("%s", full) end
    end)
  end)
end)

test("signatures name the parameters of the function behind them", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      local _, behind = native.signature_of(fn)
      local info = debug.getinfo(behind, "uS")
      if info.what == "C" then return end
      local count = #list - math.max(0, list.options - 1) -- which come as one table
      if info.nparams ~= count and not info.isvararg then
        complain("%s: %d parameters for %d in the signature", full, info.nparams, count)
      end
    end)
  end)
end)

--- Names of functions whose keywords are data.
local function takes_any_name(full, list) return list.more or full == "nn.ModuleDict" end

test("an unknown keyword is refused by name, and the right ones are named", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      if takes_any_name(full, list) then return end
      local args = with_names(full, list, {zzz = 1})
      expect(complain, full, fn, args, " has no argument 'zzz'")
      for _, row in ipairs(list) do
        if row.name ~= "self" then expect(complain, full, fn, args, row.name) end
      end
    end)
  end)
end)

test("the same after what may not be left out, where the rest takes no table", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      if takes_any_name(full, list) then return end
      local place = required(list) + 1
      local args = arguments(full, list, place - 1)
      for i = place, list.positional do
        if list[i].type:find "table" or list[i].type:find "any" then return end
      end
      args[place] = {zzz = 1}
      if place > 1 or list.positional == 0 then expect(complain, full, fn, args, "zzz") end
    end)
  end)
end)

test("one argument too many is refused", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      if list.more then return end
      local most = list.positional
      local self = list[1] and list[1].name == "self" and 1 or 0
      local args, wanted = arguments(full, list, most), "expected at most " .. most - self .. " argument"
      args[most + 1] = false
      expect(complain, full, fn, args, list.options > 0 and "options go in a table" or wanted)
      args[most + 2] = {}
      expect(complain, full, fn, args, list.options > 0 and "every option has a name" or wanted)
      args[most + 2] = false
      expect(complain, full, fn, args, wanted)
    end)
  end)
end)

test("what has a place has a name, too", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      if list.more then return end
      for i = 1, list.positional do
        local name = list[i].name
        if name ~= "self" then expect(complain, full, fn, with_names(full, list, {[name] = 1}), name .. " is given twice") end
      end
    end)
  end)
end)

local TAKES = { -- word of a type -> what Lua calls the values
  number = "number", integer = "number", boolean = "boolean", ["true"] = "", ["false"] = "", string = "string",
  table = "table", list = "table function", ["function"] = "function", dtype = "string", device = "string", sizes = "table",
}

--- Values of Lua's own types that a type does not take.
local function wrong_values(kind)
  local taken = {}
  for word in kind:gsub('"[^"]*"', ""):gsub("[%[%(][^%]%)]*[%]%)]", ""):gmatch "[^|]+" do
    if word == "any" then return {} end
    for name in (TAKES[word] or ""):gmatch "%a+" do taken[name] = true end
  end
  local wrong = {}
  for _, value in ipairs {{1}, "zzz", 7, print, true, false} do
    local literal = type(value) == "boolean" and ("|" .. kind .. "|"):find("|" .. tostring(value) .. "|", 1, true)
    if not taken[type(value)] and not literal then wrong[#wrong + 1] = value end
  end
  return wrong
end

test("an option or keyword of the wrong type is refused by name", function()
  local tried = 0
  collect(function(complain)
    each_signed(function(full, fn, list)
      for _, row in ipairs(list) do
        for _, value in ipairs(row.by ~= "place" and wrong_values(row.type) or {}) do
          tried = tried + 1
          expect(complain, full, fn, with_names(full, list, {[row.name] = value}), row.name .. " expects ")
        end
      end
    end)
  end)
  assert(tried > 500, tried)
end)

--- Numbers outside the bounds of a parameter.
local function outside(row)
  local out = {0 / 0}
  if row.low > -math.huge then out[2] = row.above and row.low or row.low - 1 end
  if row.high < math.huge or row.below then out[#out + 1] = row.below and row.high or row.high + 1 end
  return out
end

test("a number outside its bounds is refused by name", function()
  local tried = 0
  collect(function(complain)
    each_signed(function(full, fn, list)
      for i, row in ipairs(list) do
        for _, value in ipairs(row.low and outside(row) or {}) do
          tried = tried + 1
          local args = with_names(full, list, {[row.name] = row.by ~= "place" and value or nil})
          if row.by == "place" then args[i] = value end
          expect(complain, full, fn, args, row.name .. " expects ")
        end
      end
    end)
  end)
  assert(tried > 50, tried)
end)

test("a Lua boolean is not a tensor, a table is not a number", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      for i, p in ipairs(list) do
        local wrong, wanted = false, "a:eq(b)"
        local kind = p.type
        if kind:find "number" or kind:find "integer" then wrong, wanted = {1}, "a number" end
        if kind:find "integer" and not kind:find "number" then wanted = "an integer" end
        local tensor = kind:find "tensor" and not kind:find "boolean"
        local number = (kind:find "number" or kind:find "integer") and not kind:find "list" and not kind:find "table" and not kind:find "sizes"
        if p.name ~= "self" and (tensor or number) and i <= list.positional then
          local args = arguments(full, list, math.max(required(list), i))
          args[i] = wrong
          if tensor and not number then args[i] = false end
          expect(complain, full, fn, args, number and wanted or "a:eq(b)")
        end
      end
    end)
  end)
end)

--- Calls that hand over a list in which {items} stands for "item, nothing, item".
local LISTS = {
  {"torch.stack", function(items) torch.stack(items(torch.ones(2))) end},
  {"torch.cat", function(items) torch.cat(items(torch.ones(2))) end},
  {"torch.tensor", function(items) torch.tensor(items(1)) end},
  {"torch.tensor, inside", function(items) torch.tensor {items(1)} end},
  {"torch.zeros", function(items) torch.zeros(items(1)) end},
  {"torch.full", function(items) torch.full(items(1), 0) end},
  {"t:view", function(items) torch.ones(1):view(items(1)) end},
  {"t:sum", function(items) torch.ones(2, 2):sum(items(0)) end},
  {"t:split", function(items) torch.ones(2):split(items(1)) end},
  {"t[{…}]", function(items) return torch.ones(2, 2)[items(0)] end},
  {"t[{tensors}]", function(items) return torch.ones(2, 2)[items(torch.tensor {0})] end},
  {"optim.SGD", function(items) optim.SGD(items(nn.Parameter(torch.ones(2))), {lr = 1}) end},
  {"params of a group", function(items) optim.SGD({ {params = items(nn.Parameter(torch.ones(2)))} }, {lr = 1}) end},
  {"clip_grad_norm_", function(items) nn.utils.clip_grad_norm_(items(nn.Parameter(torch.ones(2))), 1) end},
  {"nn.ModuleList", function(items) nn.ModuleList(items(nn.ReLU())) end},
  {"nn.Sequential", function(items) nn.Sequential(items(nn.ReLU())) end},
  {"decode", function(items) tokenizer.bytes():decode(items(65)) end},
  {"data.text", function(items) data.text(items "README.md") end},
  {"data.tokens", function(items) data.tokens(items "none.bin") end},
  {"tokenizer.train", function(items) tokenizer.train(items "README.md", {vocab_size = 256, progress = false}) end},
}

test("a list with a gap is refused, not cut there", function()
  for _, row in ipairs(LISTS) do
    for _, items in ipairs {function(x) return {x, nil, x} end, function(x) return {x, [3] = x} end} do
      local ok, message = pcall(row[2], items)
      test.equal({row[1], ok, ok or message:find("expected a list without gaps, item 2 is nil", 1, true) ~= nil}, {row[1], false, true})
    end
  end
end)

test("names deep in the data are refused, as keywords that no one reads", function()
  test.raises(function() torch.tensor { {1, 2, dtype = torch.float64}, {3, 4} } end, "tensor: expected a list, got one with the name 'dtype'")
  test.raises(function() torch.stack {tensors = {torch.ones(2), dim = 1}} end, "stack: expected a list, got one with the name 'dim'")
  test.raises(function() torch.zeros {size = {2, dtype = torch.int64}} end, "zeros: expected a list, got one with the name 'dtype'")
  test.raises(function() torch.tensor {[0] = 1, 2} end, "tensor: expected a list with items from 1 on, got one at 0")
  test.raises(function() torch.tensor {1, [true] = 2} end, "tensor: expected a list, got one with a boolean as a key")
end)

test("a method of something else, or without the colon, names the colon", function()
  collect(function(complain)
    each_signed(function(full, fn, list)
      if not list[1] or list[1].name ~= "self" then return end
      expect(complain, full, fn, {}, "before the colon")
      if list[1].type ~= "any" then expect(complain, full, fn, {io.stdout}, "before the colon") end
    end)
  end)
end)
