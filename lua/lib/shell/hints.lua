--- hints.lua: what an input that failed may have meant: habits of Python and PyTorch that are another thing in Lua.

local keywords = require "base.keywords"

local hints = {}

-- ---- inputs that are not Lua ----

--- {pattern, hint}: the first pattern that is in the code, without its strings and comments, counts.
local syntax = {
  {"^%s*import%s", "nothing has to be imported: torch, nn, F, optim are there; require \"name\" loads a file of yours"},
  {"^%s*from%s+[%w_.]+%s+import%f[%W]", "nothing has to be imported: torch, nn, F, optim are there; require \"name\" loads a file of yours"},
  {"^%s*def%s", "a function is: function name(a, b) return a + b end"},
  {"^%s*class%s", "a class of modules is: Net = nn.class \"Net\"; function Net:init() … end; help(nn.class) tells more"},
  {"[%w_%])}]%s*[.:]%s*repeat%f[%W]", "repeat is a word of Lua: x:tile(2, 3) lays x out several times"},
  {"%f[%w]lambda%f[%W]", "a function without a name is: function(x) return x end"},
  {"^%s*with%s", "a block without gradients is: torch.no_grad(function() … end)"},
  {"^%s*try%s*:", "errors are caught by: local ok, message = pcall(function() … end)"},
  {"^%s*del%s", "a variable is forgotten by: name = nil"},
  {"^%s*assert%s+[^%s(]", "assert is a function: assert(condition, \"message\")"},
  {"^%s*print%s+[%w_]", "print is a function: print(x)"},
  {"^%s*for%s.*%sin%s+range%s*%(", "a loop over numbers is: for i = 0, n - 1 do … end"},
  {"%f[%w]for%s.*%sin%s.*%]", "there are no comprehensions: fill a table in a loop, t[#t + 1] = value"},
  {"^%s*for%s.*:%s*$", "a loop is: for i, x in ipairs(list) do … end"},
  {"^%s*while%s.*:%s*$", "a loop is: while condition do … end"},
  {"^%s*el?i?s?e?%s*i?f?%s.*:%s*$", "a choice is: if a then … elseif b then … else … end"},
  {"^%s*if%s.*:", "a choice is: if condition then … end"},
  {"%sif%s.*%selse%s", "a choice of values is: condition and a or b"},
  {"!=", "not equal is ~= in Lua"},
  {"%+%+", "Lua has no ++: i = i + 1"},
  {"[%w_%])]%s*[-+*/]=", "Lua has no +=: x = x + 1; in place, x:add_(1)"},
  {"%*%*", "a power is x ^ 2"},
  {"[%w_%])]%s*@", "a matrix product is a:matmul(b)"},
  {"&&", "and is written: a and b"},
  {"||", "or is written: a or b"},
  {"%?.*:", "a choice of values is: condition and a or b"},
  {"%sis%s+n?o?t?%s*%w", "is None is: x == nil"},
  {"[=(,]%s*%(%s*%d+%s*,[%d%s,]*%)", "Lua has no tuples: {2, 3} is a list; the sizes of x are x:size(0), x:dims()"},
  {"[%w_%])]%[[^%[%]]*[:,][^%[%]]*%]", "slices and several indices are texts: x[\"1:3, 0\"], x[\":, -1\"]"},
  {"[({,][^(){}]-%f[%w_][%w_]+%s*=[^=].*%)", "keywords go into a table after the others: f(x, {dim = 1})"},
  {"^%s*%[", "a list is {1, 2, 3}"},
  {"[=(,{%s]%[", "a list is {1, 2, 3}"},
  {"{.*:.*}", "a table with keys is {a = 1, [\"b c\"] = 2}"},
  {"^[^-]*#%s", "a comment begins with --"},
}

--- The code with strings emptied and comments left out.
local function bare(text)
  local out = {}
  for _, token in ipairs(require("native.notebook").tokens(text)) do
    out[#out + 1] = token.kind == "string" and '""' or token.kind ~= "comment" and token.text or nil
    local after = text:sub(token.stop + 1, token.stop + 1)
    if after:find "%s" then out[#out + 1] = " " end
  end
  return table.concat(out)
end

--- Programs whose bare names people type.
hints.programs = {}
for name in ("ls cat cp mv rm mkdir rmdir less more head tail grep find du df ps top man vim nano clear git make python"):gmatch "%a+" do
  hints.programs[name] = true
end
local folders = {cd = "%cd FOLDER goes to a folder", pwd = "%pwd tells the current folder"}

local function of_program(name)
  return folders[name] or hints.programs[name] and f"programs are run by !: !{name}" or nil
end

local function of_syntax(text)
  local program = of_program(text:match "^%s*(%a+)%s+%-?[%w~/.]" or "")
  if program then return program end
  if text:find "'''" or text:find '"""' then return "a long text is [[…]]" end
  local code = bare(text)
  for _, row in ipairs(syntax) do
    if code:find(row[1]) then return row[2] end
  end
end

-- ---- names that are nothing here ----

local globals = {
  np = "there is no numpy: tensors have its functions, torch.linspace, x:mean(), x:tolist()",
  numpy = "there is no numpy: tensors have its functions, torch.linspace, x:mean(), x:tolist()",
  plt = "figures are plot{y, title = \"…\"}, plot.hist, plot.heat; help(plot) tells more",
  len = "the length is #x; of a tensor's dimension x:size(0)",
  range = "a loop over numbers is: for i = 0, n - 1 do … end; numbers as a tensor torch.arange(n)",
  enumerate = "numbers and items are: for i, x in ipairs(list) do … end",
  zip = "two lists together are: for i, x in ipairs(a) do local y = b[i] … end",
  str = "text of a value is tostring(x) or f\"{x}\"",
  int = "a whole number is x // 1, of a text math.tointeger(text)",
  float = "a number of a text is tonumber(text); a tensor in float32 x:float()",
  abs = "math.abs(x), of a tensor x:abs()", max = "math.max(a, b), of a tensor x:max()",
  min = "math.min(a, b), of a tensor x:min()", sum = "of a tensor x:sum(); a list is summed in a loop",
  round = "of a tensor x:round(); of a number math.floor(x + 0.5), or as text f\"{x:.2f}\"",
  isinstance = "nn.isinstance(m, nn.Linear), torch.is_tensor(x), type(x)",
  dict = "a table with keys is {a = 1}; odict keeps their order", open = "files are io.open(path)",
  dir = "x? tells what x is and has; Tab completes", input = "a line is io.read()",
  self = "inside of function Net:forward(x), with a colon, self is the module",
  loss = "no loss yet: loss = model(idx, targets), then loss:backward()",
}

local attributes = {
  numpy = "x:tolist() makes Lua tables", plot = "a trainer is drawn by plot.loss(t), a list or a tensor by plot{y}",
  FloatTensor = "torch.tensor{1.0, 2.0}", LongTensor = "torch.tensor{1, 2}",
  Adam = "optim.AdamW(params, {weight_decay = 0}) is Adam", DataLoader = "data.text(path):loader{B = 8, T = 64}",
  CrossEntropyLoss = "F.cross_entropy(logits, targets)", MSELoss = "((x - y) ^ 2):mean()", cuda_is_available = "torch.cuda.is_available()",
  from_numpy = "torch.tensor{…}, torch.load(path)", data_loader = "data.text(path):loader{B = 8, T = 64}",
}

-- ---- inputs that ran ----

--- "model.train(…)" where model is an object and train a method of it: the call with a colon.
local function dot_call(text)
  local variables = require("native.shell").variables()
  for name, method in text:gmatch "%f[%w_.:]([%a_][%w_]*)%.([%a_][%w_]*)%s*[%({\"']" do
    local value = rawget(variables, name)
    if value == nil then value = rawget(_G, name) end
    local object = type(value) == "userdata" or type(value) == "table" and require("native").meta(value, "__name") ~= nil
    local space = type(value) == "table" and require("shell.doc").about(name .. ".")
    if object and not space then
      local ok, member = pcall(function() return value[method] end)
      if ok and type(member) == "function" then return name .. ":" .. method end
    end
  end
end

local function tensor_field(name)
  for _, field in ipairs(require("native").meta(torch.empty(0), "__fields")) do
    if field == name then return true end
  end
end

local function of_run(text, message)
  local global = message:match "nil value %(global '([%w_]+)'%)"
  local program = global and of_program(global)
  if program then return program end
  if global and text:find "^%s*#" then return "a comment begins with --" end
  if global and not globals[global] then
    if #global == 1 then return nil end -- torch.t is not what a lost t was
    local found, name = require("shell.doc").find(global)
    return found ~= nil and "here it is " .. name or nil
  end
  if global then return globals[global] end
  local attribute = message:match "has no field '([%w_]+)'" or message:match "has no field or method '([%w_]+)'"
  if attribute then return attributes[attribute] end
  local call = dot_call(text)
  if call then return "methods are called with a colon: " .. call .. "(…)" end
  if message:find("attempt to add a 'string'", 1, true) or message:find("with a 'string'", 1, true) and
     message:find("attempt to add", 1, true) then return "texts are joined by ..: \"a\" .. \"b\"" end
  local field = message:match "attempt to call a %S+ value %(method '([%w_]+)'%)"
  if field and text:find("[:]" .. field .. "%s*%(") and tensor_field(field) then
    return field == "shape" and "shape is a field: x.shape; x:size() and x:size(0) are methods" or f"{field} is a field: x.{field}"
  end
  if message:find("got nil; help \"word\"", 1, true) then
    local word = text:match "^%s*help%s*%(%s*([%a_][%w_]*)%s*%)"
    local found, name = nil, nil
    if word then found, name = require("shell.doc").find(word) end
    if found ~= nil then return f"help \"{word}\", or help({name})" end
  end
  local optimizer = message:match "[: ]optim[.:%w]* ?.*expected .*, got '([%w_]+)'" or message:match "expected optim.* to be .*, got '([%w_]+)'"
  if optimizer then
    for _, class in ipairs(require("native.optim").classes()) do
      if class.name:lower() == optimizer:lower() then return f"by name: optim = {{name = \"{class.name}\"}}" end
    end
  end
  local schedule = message:match "schedule expects a function, got '([%w_]+)'"
  if schedule then
    local known = rawget(_ENV.schedule, schedule) and schedule or "cosine"
    return "schedules are made by functions: schedule = schedule." .. known .. "{total = steps}; help(schedule) lists them"
  end
  if message:find("autocast expects", 1, true) and message:find "got '[bf]p?f?l?o?a?t?16'" then
    return message:find("got 'b", 1, true) and "bfloat16 is autocast = \"bf16\"" or "float16 is autocast = \"f16\""
  end
  local name = message:match "to '([%w_]+)' %(number expected, got Tensor%)"
  if name then return rawget(torch.Tensor, name) and "of a tensor: x:" .. name .. "()" or "the number in a tensor of one element is x:item()" end
  if message:find("attempt to concatenate a Tensor", 1, true) then return "text with a value in it is f\"loss {x}\"" end
  if message:find("attempt to call a table value (field 'Tensor')", 1, true) then return "of values torch.tensor{1, 2}, of a size torch.empty(2, 3)" end
  if message:find("attempt to call a Loader value", 1, true) then return "batches are: for x, y in loader:iter(n) do … end" end
  if message:find("attempt to index a function value", 1, true) and text:find "pairs%s*%(" then
    return "what goes through a model needs no ipairs: for p in model:parameters() do … end"
  end
  if message:find("attempt to call a train value", 1, true) then return "a trainer is train.new{model =, data =, steps =}" end
  if message:find("params: expected a table or an iterator", 1, true) then return "of a module: model:parameters()" end
end

--- The line of the text that the message is about; all of it when the message names none.
local function line_of(text, message, first)
  local number = tonumber(message:match "^[^\n]-:(%d+): ")
  local at = 1
  for line in (text .. "\n"):gmatch "(.-)\n" do
    if number and at == number - first + 1 then return line end
    at = at + 1
  end
  return text
end

--- The error message of a text, whose first line has the number `first` (1), with a hint under its first line, where
--- one is known.
function hints.add(text, message, first)
  local head, rest = message:match "^([^\n]*)(.*)$"
  local unread = head:find " near ['<]" ~= nil
  local line = line_of(text, message, first)
  local ok, hint = pcall(unread and of_syntax or of_run, line, message)
  if not ok or not hint then return message end
  if not unread then head = head:gsub(" %(did you mean '[^']*'%?%)", "") end
  return head .. "\n  " .. hint .. rest
end

--- The hint for an input that showed nil: a name that means something elsewhere and nothing here.
function hints.of_nil(text)
  local name = text:match "^%s*([%a_][%w_]*)%s*$"
  local variables = require("native.shell").variables()
  if not name or rawget(_G, name) ~= nil or rawget(variables, name) ~= nil then return nil end
  return of_program(name) or globals[name]
end

keywords.sign(hints, "add(text: string, message: string, first: integer = 1)")

return hints
