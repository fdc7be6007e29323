--- lint.lua: the rules of the house that no compiler checks: gptsh tests/lint.lua BUILD [--all]
-- Each rule is a test that lists what breaks it.  --all adds the external tools (clang-format, clang-tidy,
-- luacheck, a compile with -Werror), each only where it is installed.

package.path = "tests/?.lua;" .. package.path
local test = require "harness"

local build = arg[1] or "build/release"
local all = arg[2] == "--all"

-- ---- reading ----

-- Lines of the command's output; errors = "2>&1" adds its error output.
local function run(command, errors)
  local pipe = assert(io.popen("{ " .. command .. "; } " .. (errors or "2>/dev/null")))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines, pipe:close()
end

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local sources = {} -- every text file of the project, in order
for _, path in ipairs(run("git ls-files --cached --others --exclude-standard || find . -type f -not -path './build/*' | sed 's|^./||'")) do
  if exists(path) and not path:find("^%.git/") then sources[#sources + 1] = path end
end

local function each_source(pattern, visit)
  for _, path in ipairs(sources) do
    if path:find(pattern) then visit(path, read(path)) end
  end
end

local function each_line(text)
  local number = 0
  return function(_, at)
    if at > #text then return nil end
    local stop = text:find("\n", at, true) or #text + 1
    number = number + 1
    return stop + 1, text:sub(at, stop - 1), number
  end, nil, 1
end

--- A rule: `check` calls complain(place, text) for each breach.
local function rule(name, check)
  test(name, function()
    local found = {}
    check(function(place, text) found[#found + 1] = place .. ": " .. text end)
    if #found > 0 then test.fail(#found .. " found\n" .. table.concat(found, "\n", 1, math.min(#found, 40))) end
  end)
end

-- ---- arrows ----

-- Folder of the including file -> what its "…" includes may begin with.
local arrows = {
  {"core/tensor/", {"core/tensor/"}},
  {"core/model/", {"core/model/", "core/tensor/"}},
  {"core/train/", {"core/train/", "core/model/", "core/tensor/"}},
  {"core/data/", {"core/data/", "core/tensor/"}},
  {"kernels/op/", {"kernels/op/", "kernels/cpu/", "core/tensor/"}},
  {"kernels/cpu/", {"kernels/op/", "kernels/cpu/", "core/tensor/"}},
  {"kernels/cuda/", {"kernels/cuda/", "kernels/op/", "core/tensor/"}},
  {"lua/bind/", {"lua/bind/", "core/"}},
  {"shell/", {"shell/", "lua/bind/bind.h"}},
}

-- System headers that only these files may see.
local guarded = {
  {"^lua%.h$", "^lua/", "^shell/"},
  {"^lauxlib%.h$", "^lua/", "^shell/"},
  {"^lualib%.h$", "^lua/", "^shell/"},
  {"^readline/", "^shell/line%.c$"},
  {"^editline/", "^shell/line%.c$"},
  {"^jansson", "^core/data/", "^lua/bind/json%.c$"},
  {"^pcre2", "^core/data/split%.c$"},
  {"^xxhash", "^core/data/digest%.c$"},
  {"^mpi%.h$", "^shell/ranks/"},
  {"^cuda", "%.cu$", "%.cuh$", "^tests/emu/"},
  {"^cublas", "%.cu$", "%.cuh$", "^tests/emu/"},
}

local function matches_any(text, patterns, first)
  for i = first or 1, #patterns do
    if text:find(patterns[i]) then return true end
  end
  return false
end

rule("includes follow the arrows of the house", function(complain)
  each_source("%.[ch]u?h?$", function(path, text)
    for _, line, number in each_line(text) do
      local own = line:match('^#%s*include%s+"([^"]+)"')
      for _, arrow in ipairs(own and arrows or {}) do
        if path:sub(1, #arrow[1]) == arrow[1] then
          local fine = false
          for _, prefix in ipairs(arrow[2]) do fine = fine or own:sub(1, #prefix) == prefix end
          if not fine then complain(path .. ":" .. number, arrow[1] .. " may not include " .. own) end
        end
      end
    end
  end)
end)

rule("system libraries are seen only where they are wrapped", function(complain)
  each_source("%.[ch]u?h?$", function(path, text)
    for _, line, number in each_line(text) do
      local header = line:match("^#%s*include%s+<([^>]+)>")
      for _, guard in ipairs(header and guarded or {}) do
        if header:find(guard[1]) and not matches_any(path, guard, 2) then
          complain(path .. ":" .. number, "<" .. header .. "> does not belong here")
        end
      end
    end
  end)
end)

-- ---- arrows of the Lua library ----

-- Rooms of lua/lib, the lowest first: a module requires modules of its own room and of those before it, wherever in the
-- file the call stands.  What lies below asks what lies above through functions that it is given (shell/notebook.c).
local rooms = {"base", "torch", "nn", "plot", "gt", "nb", "shell"}

-- What shell/ has for its own Lua files, and no room below these may know.
local of_shell = {["native.shell"] = "nb", ["native.notebook"] = "nb"}

local height = {}
for i, room in ipairs(rooms) do height[room] = i end

-- module -> {path =, requires = {{name, line}, …}}
local function library()
  local modules = {}
  each_source("^lua/lib/.*%.lua$", function(path, text)
    local found = {path = path, requires = {}}
    for _, line, number in each_line(text) do
      local code = line:gsub("^%s*%-%-.*", "")
      for _, pattern in ipairs {"require%s*%(?%s*[\"']([%w_.]+)[\"']", "package%.loaded%s*%[%s*[\"']([%w_.]+)[\"']"} do
        for name in code:gmatch(pattern) do table.insert(found.requires, {name, number}) end
      end
    end
    modules[path:match("^lua/lib/(.*)%.lua$"):gsub("/init$", ""):gsub("/", ".")] = found
  end)
  return modules
end

local function room_of(module) return module:match("^[^.]+") end

rule("modules of the Lua library require what lies below them", function(complain)
  local modules = library()
  for module, found in pairs(modules) do
    local own = height[room_of(module)]
    if not own then complain(found.path, "no room of that name; they are " .. table.concat(rooms, ", ")) end
    for _, required in ipairs(own and found.requires or {}) do
      local name, place = required[1], found.path .. ":" .. required[2]
      local room = of_shell[name] or room_of(name)
      if room ~= "native" and not modules[name] and not of_shell[name] then
        complain(place, "there is no module '" .. name .. "'")
      elseif room ~= "native" and height[room] > own then
        complain(place, room_of(module) .. " may not require " .. name)
      end
    end
  end
end)

-- Walks from `module`; complains of every way that comes back to a module it is still in.
local function follow(modules, module, way, done, complain)
  if way[module] then
    local circle = {module}
    for i = #way, 1, -1 do
      table.insert(circle, 1, way[i])
      if way[i] == module then break end
    end
    return complain(modules[module].path, table.concat(circle, " -> "))
  end
  if done[module] then return end
  way[#way + 1], way[module] = module, true
  for _, required in ipairs(modules[module].requires) do
    if modules[required[1]] then follow(modules, required[1], way, done, complain) end
  end
  way[#way], way[module] = nil, nil
  done[module] = true
end

rule("no modules of the Lua library require each other in a circle", function(complain)
  local modules, names, done = library(), {}, {}
  for module in pairs(modules) do names[#names + 1] = module end
  table.sort(names)
  for _, module in ipairs(names) do follow(modules, module, {}, done, complain) end
end)

-- ---- circles of C ----

-- x.c and x.h are one module.  What makes up a session (its memory, threads, tensors and graph) is one unit of nine.
local session = {}
for name in ("allocator context graph node op pool prepare tensor text"):gmatch("%S+") do
  session["core/tensor/" .. name] = true
end

rule("no modules of core/ and kernels/ include each other in a circle", function(complain)
  local modules, names, done = {}, {}, {}
  each_source("^[ck]%l+/.*%.[ch]$", function(path, text)
    local name = path:sub(1, -3)
    if not modules[name] then names[#names + 1], modules[name] = name, {path = path, requires = {}} end
    for _, line in each_line(text) do
      local to = line:match('^#%s*include%s+"([^"]+)%.h"')
      if to and to ~= name and not (session[name] and session[to]) then table.insert(modules[name].requires, {to}) end
    end
  end)
  for _, name in ipairs(names) do follow(modules, name, {}, done, complain) end
end)

-- ---- sizes ----

rule("files stay under 600 lines", function(complain)
  each_source("%.[chl]u?[ha]?p?p?$", function(path, text)
    local _, lines = text:gsub("\n", "")
    if lines > 600 and not path:find("^tests/golden/") then complain(path, lines .. " lines") end
  end)
end)

-- A function opens with a line at column 0 that is no keyword of a table or type, and ends at the next line that
-- begins with its closing word.
local function long_functions(path, text, opens, closes, complain)
  local start, name
  for _, line, number in each_line(text) do
    local found = opens(line)
    if found then start, name = number, found end
    if start and line:find(closes) then
      if number - start + 1 > 60 then complain(path .. ":" .. start, name .. " has " .. number - start + 1 .. " lines") end
      start = nil
    end
  end
end

rule("functions stay under 60 lines", function(complain)
  each_source("%.[ch]u?h?$", function(path, text)
    long_functions(path, text, function(line)
      return line:find("^[%a_][^=;]*%(") and not line:find(";%s*$") and line:match("([%w_]+)%(")
    end, "^}", complain)
  end)
  each_source("%.lua$", function(path, text)
    long_functions(path, text, function(line)
      return line:match("^local function ([%w_.:]+)") or line:match("^function ([%w_.:]+)")
    end, "^end", complain)
  end)
end)

-- ---- ops ----

local ops, is_op = {}, {}
for name in read("kernels/ops.def"):gmatch("\n?OP%(([%w_]+)%)") do
  ops[#ops + 1] = name
  is_op[name] = true
end

rule("ops.def is sorted and every op has its kernel and its test", function(complain)
  for i, name in ipairs(ops) do
    if i > 1 and ops[i - 1] >= name then complain("kernels/ops.def", name .. " is out of order") end
    if not exists("kernels/op/" .. name .. ".c") then complain("kernels/ops.def", name .. " has no kernels/op/" .. name .. ".c") end
    if not exists("tests/ops/" .. name .. ".lua") then complain("tests/ops", name .. ".lua is missing") end
  end
end)

rule("every kernel and every op test belongs to an op", function(complain)
  each_source("^tests/ops/.*%.lua$", function(path)
    if not is_op[path:match("([%w_]+)%.lua$")] then complain(path, "no such op in kernels/ops.def") end
  end)
  each_source("^kernels/cuda/.*%.cu$", function(path)
    local name = path:match("([%w_]+)%.cu$")
    local shared = name == "device" or name == "copy" or name == "fill" -- parts of the backend
    if not shared and not is_op[name] then complain(path, "no such op in kernels/ops.def") end
  end)
  each_source("^kernels/op/.*%.c$", function(path, text)
    local own = path:match("([%w_]+)%.c$")
    local name = text:match("\nconst gt_op gt_op_([%w_]+)") or text:match("\nGT_%u+%(([%w_]+), [^;]*%.doc")
    if name and not is_op[name] then complain(path, "gt_op_" .. name .. " is not in kernels/ops.def") end
    if (name or is_op[own]) and name ~= own then complain(path, "defines " .. (name or "no op")) end
  end)
end)

-- Functions whose second argument names an op.
local by_name = {gt_apply = true, gt_apply1 = true, gt_apply2 = true, gt_apply_into = true, gt_replace = true, gt_choice = true,
  gt_op_find = true, gt_op_number = true, gtlua_apply = true}
for n = 1, 3 do by_name["gt_op" .. n], by_name["gt_op" .. n .. "_with"] = true, true end

local describe = require "native".describe

rule("ops are called by names and attributes that they have", function(complain)
  local has = {} -- op -> what may be one of its attributes: words of its file, and what Lua is told of those it can call
  for name in pairs(is_op) do
    has[name] = {}
    for word in read("kernels/op/" .. name .. ".c"):gmatch('"([%w_]+)"') do has[name][word] = true end
  end
  for _, f in pairs(torch) do
    local op = type(f) == "function" and describe(f)
    for _, attribute in ipairs(op and op.attrs or {}) do has[op.name][attribute.name] = true end
  end
  each_source("^[ckl]%l+/.*%.[ch]$", function(path, text)
    for at, called in text:gmatch("()(gt%w*_[%w_]+)%(") do
      local arguments = by_name[called] and text:match("^[%w_]+(%b())", at)
      local op = arguments and arguments:match('^%([^,"]*,%s*"([%w_]+)"')
      local place = op and path .. ":" .. select(2, text:sub(1, at):gsub("\n", "")) + 1
      if op and not is_op[op] then
        complain(place, "there is no op " .. op)
      elseif op then
        local own = arguments:gsub("(gt_[%w_]+)%b()", function(inner) return by_name[inner] and "" or nil end)
        for name in own:gmatch('{"([%w_]+)",') do
          if not has[op][name] then complain(place, op .. " has no attribute " .. name) end
        end
      end
    end
  end)
end)

-- Where a word stands in the text, but for members of that name; nil: nowhere.
local function mention(text, word, init)
  local at = text:find("%f[%w_]" .. word .. "%f[^%w_]", init)
  while at and text:find("^[.>]", at - 1) do at = text:find("%f[%w_]" .. word .. "%f[^%w_]", at + 1) end
  return at
end

rule("no tensor of a frame is used after its last use", function(complain)
  each_source("^[ck]%l+/.*%.[ch]$", function(path, text)
    text = text:gsub('"[^"\n]*"', '""'):gsub("/%*.-%*/", function(comment) return (comment:gsub("[^\n]", "")) end)
    for at, last, name, behind in text:gmatch "()(gt_last%(&?[%w_]+, ([%w_]+)%))()" do
      local from = text:sub(1, at):match ".*[;{}]()" or 1
      local stop = text:find(";", at, true)
      local statement = text:sub(from, stop)
      local place = path .. ":" .. select(2, text:sub(1, at):gsub("\n", "")) + 1
      for first, call, after in statement:gmatch "()[%w_]+%s*(%b())()" do -- the outermost call around it
        if first <= at - from + 1 and after >= behind - from + 1 then
          local others = call:gsub(last:gsub("%p", "%%%0"), "", 1)
          if mention(others, name) then complain(place, name .. " is in another argument, too") end
        end
      end
      local assigned = statement:find("%f[%w_]" .. name .. "%s*=[^=]")
      local branch = statement:find "%f[%w]if%f[%W]" or statement:find "%f[%w]else%f[%W]" or statement:find "%f[%w]return%f[%W]"
      local rest = text:sub(stop + 1):match "^[^}]*"
      local next_use = mention(rest, name)
      if not assigned and not branch and next_use and not rest:find("^" .. name .. "%s*=[^=]", next_use) then
        complain(place, name .. " is used again")
      end
    end
  end)
end)

-- ---- objects ----

-- Every object of core/, and of kernels/ at every CPU level: BUILD/v3/kernels/op/add.o.
local objects = ("BUILD/core/*/*.o BUILD/kernels/*.o BUILD/*/kernels/*.o BUILD/*/kernels/*/*.o"):gsub("BUILD", build)

-- What nm says of these objects at once: object -> list of symbols.
local function symbols(options, which)
  local found = {}
  for _, line in ipairs(run("nm -A " .. options .. " " .. which)) do
    local object, symbol = line:match("^(.-%.o):.*%s(%S+)$")
    found[object] = found[object] or {}
    table.insert(found[object], symbol)
  end
  return found
end

rule("an op's object exports its descriptor and nothing else", function(complain)
  local seen = {}
  for object, exported in pairs(symbols("-g --defined-only", objects)) do
    local name = object:match("/kernels/op/([%w_]+)%.o$")
    for _, symbol in ipairs(is_op[name] and exported or {}) do
      seen[name] = true
      if symbol ~= "gt_op_" .. name then complain(object, "exports " .. symbol) end
    end
  end
  for _, name in ipairs(ops) do
    if not seen[name] then complain("kernels/op/" .. name .. ".c", "has no object below " .. build) end
  end
end)

rule("a CPU level shows its table and nothing else", function(complain)
  for object, exported in pairs(symbols("-g --defined-only", build .. "/*/kernels.o")) do
    local own = "gt_cpu_level_" .. object:match("([%w_]+)/kernels%.o$")
    for _, symbol in ipairs(exported) do
      if symbol ~= own then complain(object, "exports " .. symbol) end
    end
  end
end)

rule("only kernels, and clones of a function, are for more than the lowest CPU level", function(complain)
  local object, code
  for _, line in ipairs(run("objdump -d --no-show-raw-insn " .. ("B/core/*/*.o B/lua/*/*.o B/shell/*.o B/kernels/*.o"):gsub("B", build))) do
    object = line:match("^(%S+%.o):") or object
    code = line:match("^%x+ <(.*)>:$") or code
    if line:find("%%[yz]mm") and not code:find(".arch_", 1, true) and not code:find("_f16c") then
      complain(object, code .. " uses wide registers")
      code = ".arch_" -- once is enough
    end
  end
end)

-- Levels that share objects differ by what these headers use; the makefile compiles whatever includes bf16.h for each.
rule("instructions for bf16 are behind kernels/cpu/bf16.h, which no other header includes", function(complain)
  local behind = {["kernels/cpu/bf16.h"] = true, ["kernels/cpu/bf16_pairs.h"] = true, ["kernels/cpu/amx.h"] = true}
  each_source("^kernels/.*%.[ch]$", function(path, text)
    if behind[path] then return end
    for _, line, number in each_line(text) do
      local found = line:match("__AVX512BF16__") or line:match("__AMX%w*__") or line:match("GT_AMX_EMULATED") or
        line:match("_mm%d+_%w*bh") or line:match("_tile_%w+%(") or line:match('"kernels/cpu/bf16_pairs%.h"') or
        line:match('"kernels/cpu/amx%.h"') or path:match("%.h$") and line:match('"kernels/cpu/bf16%.h"')
      if found and path ~= "kernels/levels.c" then complain(path .. ":" .. number, found) end
    end
  end)
end)

-- What the native core must not call: it reports through gt_fail and takes its settings as arguments.
local banned = {}
for name in ([[printf fprintf vprintf vfprintf puts fputs putchar putc fputc perror stdout stderr stdin exit _exit
  _Exit quick_exit abort atexit signal sigaction raise kill longjmp _longjmp __longjmp_chk getenv setenv setlocale
  system popen fork execv execvp rand srand random time __assert_fail __printf_chk __fprintf_chk]]):gmatch("%S+") do
  banned[name] = true
end

rule("core/ and kernels/ never print, exit, abort, jump or look around", function(complain)
  for object, used in pairs(symbols("-u", objects)) do
    for _, symbol in ipairs(used) do
      if banned[symbol:match("^[%w_]+")] then complain(object, "uses " .. symbol) end
    end
  end
end)

rule("core/ and kernels/ hold no static mutable data", function(complain)
  local object
  for _, line in ipairs(run("objdump -t " .. objects)) do
    object = line:match("^(%S+%.o):") or object
    local section, symbol = line:match("%sO (%.%S+)%s+%x+%s+(.*)$")
    if section and (section:find("^%.bss") or (section:find("^%.data") and not section:find("^%.data%.rel%.ro"))) then
      complain(object, symbol .. " is writable (" .. section .. ")")
    end
  end
end)

-- ---- text ----

rule("text is clean: no tabs, no blanks at line ends, one final line break", function(complain)
  each_source("%.[chl][uhp]?[hap]?$", function(path, text)
    if not text:find("\n$") then complain(path, "does not end in a line break") end
    if text:find("\n\n$") then complain(path, "ends in blank lines") end
    for _, line, number in each_line(text) do
      if line:find("[ \t\r]$") then complain(path .. ":" .. number, "blank at the end") end
      if line:find("\t") then complain(path .. ":" .. number, "tab") end
    end
  end)
end)

rule("nothing is left for later in comments", function(complain)
  each_source("%.[chl][uhp]?[hap]?$", function(path, text)
    if path == "tests/lint.lua" then return end
    for _, line, number in each_line(text) do
      if line:find("%f[%w]TODO%f[%W]") or line:find("%f[%w]FIXME%f[%W]") or line:find("%f[%w]XXX%f[%W]") then
        complain(path .. ":" .. number, line:match("^%s*(.-)%s*$"))
      end
    end
  end)
end)

rule("kernels are launched by GT_LAUNCH only", function(complain)
  each_source("%.cuh?$", function(path, text)
    for _, line, number in each_line(text) do
      if line:find("<<<", 1, true) and not path:find("cuda%.cuh$") then complain(path .. ":" .. number, "<<< in the open") end
    end
  end)
end)

rule("no path of a builder's machine is left", function(complain)
  each_source(".", function(path, text)
    if path:find("^tests/golden/") or path == "tests/lint.lua" then return end
    for _, line, number in each_line(text) do
      if line:find("/home/", 1, true) or (" " .. line):find("[^%w.~$]/work/") then complain(path .. ":" .. number, line:sub(1, 80)) end
    end
  end)
end)

rule("the library reads files through native.folder only", function(complain)
  each_source("^lua/lib/.*%.lua$", function(path, text)
    for _, line, number in each_line(text) do
      local code = line:gsub("%-%-.*$", "")
      local append = code:find('io%.open%([%w_]+, "ab"%)')
      if path ~= "lua/lib/shell/lua_docs.lua" and path ~= "lua/lib/shell/hints.lua" and not append and not code:find('"/proc/', 1, true)
        and (code:find("io%.open") or code:find("io%.lines")) then
        complain(path .. ":" .. number, "io.open: native.folder.read(path, most) knows pipes, links and limits")
      end
    end
  end)
  each_source("^[cls][^.]*%.c$", function(path, text)
    for _, line, number in each_line(text) do
      if line:find("%f[%w_]fopen%(") and path ~= "lua/embed.c" then
        complain(path .. ":" .. number, "fopen: gt_file_open or gtlua_fopen wait for nothing")
      end
    end
  end)
end)

-- ---- external tools ----

local function tool(name, program, check)
  if not run("command -v " .. program)[1] then return test.skip(name, program .. " is not installed") end
  rule(name, check)
end

local function join(pattern)
  local names = {}
  each_source(pattern, function(path) names[#names + 1] = path end)
  return table.concat(names, " ")
end

local function complain_lines(lines, pattern, complain)
  for _, line in ipairs(lines) do
    local place, text = line:match(pattern)
    if place then complain(place, text) end
  end
end

if all then
  tool("clang-format agrees", "clang-format", function(complain)
    complain_lines(run("clang-format --dry-run " .. join("%.[ch]$"), "2>&1"), "^(%S+:%d+):%d+: warning: (.*)$", complain)
  end)
  tool("luacheck agrees", "luacheck", function(complain)
    -- It knows no f-strings: it reads copies where they are what they stand for.
    local rewrite, copies = require("native").rewrite, build .. "/lint"
    run("rm -rf " .. copies)
    each_source("%.lua$", function(path, text)
      if path:find("^notebooks/") or path:find("/cells/") then return end -- cells end in expressions: no plain Lua
      run("mkdir -p " .. copies .. "/" .. (path:match("^(.*)/") or ""))
      local copy = assert(io.open(copies .. "/" .. path, "w"))
      copy:write((rewrite(text)))
      copy:close()
    end)
    local globals = {}
    for name in pairs(_G) do
      if name ~= "package" then globals[#globals + 1] = name end -- whose path may be set, as luacheck knows
    end
    local lines = run("cd " .. copies .. " && luacheck -q --codes --no-color --formatter plain . --config "
      .. "$OLDPWD/.luacheckrc --read-globals __f " .. table.concat(globals, " "))
    complain_lines(lines, "^(%S+:%d+):%d+: (.*)$", complain)
  end)
  rule("everything compiles with -Werror", function(complain)
    local lines, fine = run("make FLAVOUR=werror MODE='-O2 -Werror' CUDA=no build/werror/gptsh", "2>&1")
    complain_lines(lines, "^(%S+:%d+):%d+: error: (.*)$", complain)
    if not fine then complain("make", lines[#lines] or "failed") end
  end)
  tool("clang-tidy agrees", "clang-tidy", function(complain)
    local flags = "-std=c11 -I. -D_GNU_SOURCE -DSH_LINE_readline " .. table.concat(run("pkg-config --cflags lua5.4 jansson libpcre2-8"), " ")
    local lines = run("printf '%s\\n' " .. join("^[cks][^.]*%.c$") .. " " .. join("^lua/bind/.*%.c$")
      .. " | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet \"$@\" -- " .. flags .. "' sh")
    for _, line in ipairs(lines) do
      local place, text = line:match("([%w_/.]+:%d+):%d+: %l+: (.*)$")
      -- What clang as a compiler cannot read (gcc's vector built-ins) is not a finding.
      if place and not text:find("note:") and not text:find("clang-diagnostic", 1, true) and text:find("%[[%w.-]+%]$") then
        complain(place, text)
      end
    end
  end)
end

local ok = test.finish()
io.stderr:write(("%d passed, %d failed, %d skipped\n"):format(test.passed, test.failed, test.skipped))
if not ok then os.exit(1, true) end
