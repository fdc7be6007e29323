-- library.lua: the functions that stand in for Lua's own (so that Ctrl-C can stop them) answer as those do.
local test = require "harness"

-- Lua's own string and table libraries, from the shared library that the program runs on.
local function stock(name)
  local open = assert(package.loadlib("liblua5.4.so.0", "luaopen_" .. name))
  local meta = getmetatable("")
  local lib = open()
  debug.setmetatable("", meta) -- opening the string library gives strings another one
  return lib
end

local strings, tables = stock "string", stock "table"

local function text(results)
  local parts = {}
  for i = 1, results.n do parts[i] = (math.type(results[i]) or type(results[i])) .. " "
      .. (type(results[i]) == "function" and "" or tostring(results[i])) end
  return table.concat(parts, ", ")
end

-- Without the places and names in messages: Lua's own functions are in no global table.
local function plain(results) return (text(results):gsub("string [^ ]+:%d+: ", "string "):gsub("to '[%w.]+'", "to '?'")) end

-- Calls both functions with the same arguments; values and messages must agree.
local function agree(lib, own, name, ...)
  local wanted, got = table.pack(pcall(lib[name], ...)), table.pack(pcall(own[name], ...))
  local wanted_text, got_text = plain(wanted), plain(got)
  if wanted_text ~= got_text then
    test.fail(("%s(%s): expected %s, got %s"):format(name, text(table.pack(...)), wanted_text, got_text))
  end
end

local function all_matches(lib)
  return {gmatch = function(...)
    local found = {}
    for a, b, c in lib.gmatch(...) do
      found[#found + 1] = text{n = 3, a, b, c}
      if #found > 50 then break end
    end
    return table.concat(found, " | ")
  end}
end
local wanted_all, got_all = all_matches(strings), all_matches(string)

local function agree_all(s, pattern, init)
  agree(strings, string, "find", s, pattern, init)
  agree(strings, string, "find", s, pattern, init, true)
  agree(strings, string, "match", s, pattern, init)
  agree(wanted_all, got_all, "gmatch", s, pattern, init)
  agree(strings, string, "gsub", s, pattern, "<%0>", init)
  agree(strings, string, "gsub", s, pattern, "%1%%%2")
  agree(strings, string, "gsub", s, pattern, {a = "A", b = false, ab = 12})
  agree(strings, string, "gsub", s, pattern, function(a, b) return b and a .. "-" .. tostring(b) or nil end)
end

test("patterns of every kind match as in Lua", function()
  local texts = {"", "a", "hello world", "key = value", "  x  ", "THE (quick) fox", "a.b-c%d", "f(a(b)c)d", "aXb\0c\0", "ab\nc",
    "0x1F 3.14", "\xC3\xA9t\xC3\xA9", "aaa", "abab", ("x"):rep(300)}
  local patterns = {"", "a", "^a", "a$", "^$", "$", "%", "%%", ".", ".-", ".*", ".+", "(", ")", "()", "(a", "a)", "(()a())", "%a+", "%A",
    "%s*", "^%s*(.-)%s*$", "(%w+)%s*=%s*(%w+)", "%b()", "%b", "%b(", "%f[%w]%w+", "%f[%W]", "%f", "%fa", "[", "[]", "[]]", "[^]]+",
    "[a", "[a-", "[a-]", "[a-c]+", "[^a-c]+", "[%a_][%w_]*", "[%", "[%]", "[%]]", "[^", "[^%s]", "%0", "%1", "(a)%1", "(.)%1", "()%1",
    "a?", "a?b?a?b", "a-b", "x*x*x*$", "%z", "%g+", "%p", "%c", "%x+", "%u+%l*", "\0", "[\0-\31]", "(%d+)%.(%d+)", "[%-]", "[-a]",
    "^^a", "a^", "a$b", "((a)(b))", ("()"):rep(32), ("()"):rep(33), ("a?"):rep(250), ("(a"):rep(40)}
  for _, s in ipairs(texts) do
    for _, pattern in ipairs(patterns) do
      for _, init in ipairs{1, 0, -3, 2, 100} do agree_all(s, pattern, init) end
    end
  end
end)

test("random patterns match as in Lua", function()
  math.randomseed(20)
  local items = {"a", "b", ".", "%a", "%d", "%w", "[ab]", "[^a]", "[%d-]", "(", ")", "()", "*", "+", "-", "?", "^", "$", "%1", "%2", "%b()",
    "%f[a]", "[", "]", "%", "(a", "b)"}
  local letters = {"a", "b", "1", "(", ")", " ", "-", "\0"}
  local function random(list, most)
    local parts = {}
    for i = 1, math.random(0, most) do parts[i] = list[math.random(#list)] end
    return table.concat(parts)
  end
  for _ = 1, 20000 do agree_all(random(letters, 12), random(items, 7), math.random(-5, 8)) end
end)

test("arguments are checked as in Lua", function()
  for _, name in ipairs{"find", "match", "gmatch", "gsub", "rep"} do
    agree(strings, string, name)
    agree(strings, string, name, {})
    agree(strings, string, name, "a", {})
    agree(strings, string, name, "a", "b", {})
    agree(strings, string, name, 12, 2, 3)
    agree(strings, string, name, "a", "a", "a", "x")
  end
  agree(strings, string, "gsub", "a", "a", true)
  agree(strings, string, "gsub", "a", "a", "%2")
  agree(strings, string, "gsub", "a", "a", "%x")
  agree(strings, string, "gsub", "a", "a", "x%")
  agree(strings, string, "gsub", "a", "a", {a = {}})
  agree(strings, string, "gsub", "a", "a", error)
  agree(strings, string, "gsub", "abc", "%w", "%0%0", 2)
  agree(strings, string, "gsub", "abc", "()", "%1", -1)
  agree(strings, string, "gsub", "abc", "()", "%1")
end)

test("rep repeats as in Lua", function()
  for _, s in ipairs{"", "a", "abc", ("xyz"):rep(3000)} do
    for _, n in ipairs{-1, 0, 1, 2, 3, 7, 1000} do
      agree(strings, string, "rep", s, n)
      agree(strings, string, "rep", s, n, ", ")
    end
  end
  agree(strings, string, "rep", "abc", math.maxinteger)
  agree(strings, string, "rep", "", math.mininteger, "x")
  test.equal(#("abcdefghij"):rep(2500000, "-"), 27499999) -- longer than it writes in one piece
  test.equal(("abcdefghij"):rep(2500000, "-"):find("[^a-j-]"), nil)
  test.equal(select(2, ("abcdefghij"):rep(2500000, "-"):gsub("abcdefghij", "")), 2500000)
end)

test("sort sorts as in Lua", function()
  math.randomseed(21)
  local makers = {
    function(i) return i end, function(i) return -i end, function() return math.random(5) end, function() return math.random() end,
    function() return tostring(math.random(1000)) end, function(i, n) return i < n / 2 and i or n - i end,
    function() return math.random(2) == 1 and math.random(9) or math.random() * 9 end}
  for k, make in ipairs(makers) do
    for _, n in ipairs{0, 1, 2, 3, 4, 5, 17, 1000, k > 3 and k < 6 and (1 << 17) + 1 or 6} do -- the longest with a comparator of its own
      local a, b = {}, {}
      for i = 1, n do a[i] = make(i, n) b[i] = a[i] end
      tables.sort(a)
      table.sort(b)
      for i = 1, n do if a[i] ~= b[i] then test.fail(("item %d of %d"):format(i, n)) end end
    end
  end
  local wanted, got = {}, {} -- a comparator in C
  for i = 1, (1 << 17) + 1 do wanted[i] = math.random(1000) got[i] = wanted[i] end
  tables.sort(wanted, math.ult)
  table.sort(got, math.ult)
  test.equal(table.concat(wanted, " ") == table.concat(got, " "), true)
  agree(tables, table, "sort", {3, 1, 2}, 5)
  agree(tables, table, "sort", 5)
  agree(tables, table, "sort")
  test.raises(function() table.sort{1, "a", 2} end, "attempt to compare")
  local words = {"b", "a", "c"}
  table.sort(words, function(a, b) return a > b end)
  test.equal(words, {"c", "b", "a"})
  local never = setmetatable({}, {__lt = function() return true end})
  local list = {}
  for i = 1, 100 do list[i] = never end
  test.raises(function() table.sort(list) end, "invalid order function")
end)

test("move moves as in Lua, pieces that overlap, too", function()
  local function filled(n)
    local list = {}
    for i = 1, n do list[i] = i end
    return list
  end
  local n = (1 << 18) + 5 -- three pieces
  for _, t in ipairs{-3, 1, 2, 1 << 17, n + 1, 3 * n} do
    local a, b = filled(n), filled(n)
    local got = table.move(a, 1, n, t)
    tables.move(b, 1, n, t)
    test.equal(got == a, true)
    for i = math.min(t, 1), t + n do if a[i] ~= b[i] then test.fail(("item %d, moved to %d"):format(i, t)) end end
  end
  local other = {}
  test.equal(table.move(filled(n), 1.0, n, 2, other) == other and other[1] == nil and other[n + 1] == n, true)
  agree(tables, table, "move", 5, 1, 1 << 20, 1)
  agree(tables, table, "move", {}, 1, 1 << 20, math.maxinteger)
  agree(tables, table, "move", {}, math.mininteger, math.maxinteger, 1)
  agree(tables, table, "move", {}, 1, 1 << 20)
end)

test("insert and remove shift as in Lua, long tables too", function()
  local function both(name, n, ...)
    local a, b = {}, {}
    for i = 1, n do a[i], b[i] = i, i end
    test.equal(table.pack(tables[name](a, ...)), table.pack(table[name](b, ...)))
    for i = 1, n + 1 do if a[i] ~= b[i] then test.fail(("%s: item %d of %d"):format(name, i, n)) end end
  end
  for _, n in ipairs{5, (1 << 18) + 5} do
    for _, place in ipairs{1, 2, n - 1, n} do
      both("insert", n, place, "new")
      both("remove", n, place)
    end
    both("insert", n, n + 1, "new")
    both("remove", n, n + 1)
    both("remove", n)
  end
  local long = setmetatable({}, {__len = function() return 1 << 20 end})
  for _, place in ipairs{0, -1, "1", 1.5, "x", (1 << 20) + 2, math.mininteger, math.maxinteger} do
    agree(tables, table, "insert", long, place, 1)
    agree(tables, table, "remove", long, place)
  end
  agree(tables, table, "insert", long, 1)
  agree(tables, table, "insert", long, 1, 2, 3)
  agree(tables, table, "insert", long)
  local wrong = setmetatable({}, {__len = function() return "many" end})
  agree(tables, table, "insert", wrong, 1, 1)
  agree(tables, table, "remove", wrong, 1)
  agree(tables, table, "insert", 5, 1, 1)
  agree(tables, table, "remove", 5, 1)
end)

test("concat joins as in Lua", function()
  for _, list in ipairs{{}, {"a"}, {"a", 1, "2.5"}, {"a", {}, "b"}, {"a", "b", "c", "d"}} do
    agree(tables, table, "concat", list)
    agree(tables, table, "concat", list, ", ")
    agree(tables, table, "concat", list, ", ", 2)
    agree(tables, table, "concat", list, ", ", 2, 3)
    agree(tables, table, "concat", list, ", ", 3, 2)
    agree(tables, table, "concat", list, {})
  end
  agree(tables, table, "concat", {[math.maxinteger] = "z"}, "", math.maxinteger, math.maxinteger)
  agree(tables, table, "concat", setmetatable({}, {__len = function() return 3 end, __index = type}), " ")
  agree(tables, table, "concat", {1, 2}, "", 1, 3)
  agree(tables, table, "concat", {1, 2}, "", "x")
  agree(tables, table, "concat", 5)
  agree(tables, table, "concat")
end)
