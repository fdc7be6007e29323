--- check.lua: "gptsh nb check": mistakes that can be seen without running anything.

local document = require "nb.document"
local expect = require "nb.expect"
local native = require "native.notebook"
local source = require "nb.source"

local check = {}

local MOST_LOCALS = 180 -- plain Lua allows 200 in a function

-- ---- one cell ----

--- Lines inside of long texts and comments that other programs, which look at lines, would take for markers.
local function hidden_markers(cell, complain)
  for _, token in ipairs(native.tokens(cell.body)) do
    local line = token.line
    if token.text:find("\n", 1, true) then
      local first = true
      for text in (token.text .. "\n"):gmatch "(.-)\n" do
        if not first and native.looks_like_marker(text) then
          complain(cell.line + line - 1, "looks like a marker inside of a long text or comment: jupytext would begin a cell here")
        end
        first, line = false, line + 1
      end
    end
  end
end

local function syntax(doc, cell, complain)
  local status, message = native.compile(cell.body, doc.chunk, cell.line, doc.plain and "script" or "cell")
  if not status then return end
  local word, line = source.open_block(cell.body)
  if status == "incomplete" and word then
    return complain(cell.line + line - 1, ("cell %d ends inside '%s' opened here"):format(cell.number, word))
  end
  local at, text = message:match ":(%d+): (.*)$"
  complain(tonumber(at) or cell.line, text or message)
end

local function words(cell, complain)
  local last = cell.title:match "(%S+)$"
  if last and cell.title ~= last and document.reserved[last] and #cell.keys == 0 then
    complain(cell.line, ("'%s' is a word of the title here: write %s=true"):format(last, last))
  end
  local command = cell.kind == "code" and source.cell_command(cell.body)
  if command and command ~= "time" and command ~= "timeit" then
    complain(cell.line + 1, ("no command for a cell is called %%%%%s: this stays a comment"):format(command))
  end
  local items = expect.of(cell)
  if not cell.runs and items[1] then complain(items[1].line, "an expectation in a cell that does not run") end
  for _, item in ipairs(items) do
    if item.text == "" then complain(item.line, "an expectation of nothing: write -- expect: TEXT, or LABEL ~ NUMBER") end
  end
  for _, token in ipairs(cell.kind == "code" and native.tokens(cell.body) or {}) do
    local word = token.kind == "comment" and token.text:match "^%-%-+%[?%[?%s*([Ee][Xx][Pp][Ee][Cc][Tt]%l*)%s*:"
    if word and not token.text:find "^%-%-%s*expect:" then
      local text = "'%s:' is not an expectation: write -- expect: in a comment of its own"
      complain(cell.line + token.line - 1, text:format(word))
    end
  end
end

-- ---- the whole notebook ----

--- A top-level `return` ends a cell; plain Lua allows it at the end of a file only.
local function returns(doc, complain)
  local last
  for _, cell in ipairs(doc.cells) do last = cell.runs and cell or last end
  for _, cell in ipairs(doc.cells) do
    source.walk(cell.runs and cell ~= last and source.code(cell.body) or {}, function(token, blocks, brackets)
      if token.text == "return" and blocks == 0 and brackets == 0 then
        complain(cell.line + token.line - 1, "return at top level: plain Lua allows it at the end of the file only")
      end
    end)
  end
end

--- Top-level locals: how many; and those that an earlier function would not see under plain Lua.
local function locals(doc, complain)
  local count, used_in = 0, {} -- name -> line of the first function that takes it from outside
  for _, cell in ipairs(doc.cells) do
    local tokens = cell.runs and source.code(cell.body) or {}
    source.walk(tokens, function(token, blocks, _, i)
      local line = cell.line + token.line - 1
      if token.text == "function" and blocks == 0 then
        for name in pairs(source.outer_names(tokens, i)) do used_in[name] = used_in[name] or line end
      end
      if token.text ~= "local" or blocks > 0 then return end
      for _, name in ipairs(source.declared(tokens, i)) do
        count = count + 1
        if used_in[name] then
          complain(line, ("local %s: the function in line %d sees this variable; under plain Lua it would not"):format(name, used_in[name]))
          used_in[name] = nil
        end
      end
    end)
  end
  if count > MOST_LOCALS then complain(1, ("%d top-level locals: plain Lua allows 200"):format(count)) end
end

local plain_names = {}
for name in ([[_G _VERSION arg assert collectgarbage coroutine debug dofile error getmetatable io ipairs load loadfile math
  next os package pairs pcall print rawequal rawget rawlen rawset require select setmetatable string table tonumber
  tostring type utf8 warn xpcall]]):gmatch "%S+" do
  plain_names[name] = true
end

--- Is the name at index i of the tokens a global of gptsh's that plain Lua has not?  "show or print" is at home in both.
local function is_own_global(tokens, i)
  local token, before, after = tokens[i], tokens[i - 1], tokens[i + 1]
  if token.kind ~= "name" or plain_names[token.text] then return false end
  if before and (before.text == "." or before.text == ":" or before.text == "::" or before.text == "goto") then return false end
  if after and (after.text == "=" or after.text == "or" or after.kind == "string" and after.start == token.stop + 1) then return false end
  return rawget(_G, token.text) ~= nil or require("native").lazy()[token.text] ~= nil
end

--- Does plain Lua compile the file, and have the names that it uses?
local function portable(doc, complain)
  local known = {} -- names of the notebook's own, and those that were told
  for _, cell in ipairs(doc.cells) do
    for _, name in ipairs(cell.runs and source.names(cell.body) or {}) do known[name] = true end
  end
  for _, cell in ipairs(doc.cells) do
    local tokens = cell.runs and source.code(cell.body) or {}
    local expression = cell.runs and source.last_expression(cell.body)
    if expression then
      complain(cell.line + expression.line - 1, "an expression on its own: plain Lua has statements only (nb fmt --portable prints it)")
    end
    for i, token in ipairs(tokens) do
      local before = tokens[i - 1]
      if token.kind == "string" and before and before.text == "f" and before.stop == token.start - 1 then
        complain(cell.line + token.line - 1, "an f-string: plain Lua has none")
      elseif not known[token.text] and is_own_global(tokens, i) then
        known[token.text] = true
        complain(cell.line + token.line - 1, ("%s is gptsh's: plain Lua has no such name"):format(token.text))
      end
    end
  end
end

--- What is wrong with the notebook: {line, text}, … in the order of lines.
function check.findings(doc, ask_portable)
  local found = {}
  local function complain(line, text) found[#found + 1] = {line, text} end
  for _, problem in ipairs(doc.problems) do complain(problem[1], problem[2]) end
  if not utf8.len(doc.text) then
    local _, at = utf8.len(doc.text)
    local _, lines = doc.text:sub(1, at):gsub("\n", "")
    complain(lines + 1, "not valid UTF-8: exports replace these bytes")
  end
  for _, cell in ipairs(doc.cells) do
    if cell.runs then syntax(doc, cell, complain) end
    hidden_markers(cell, complain)
    words(cell, complain)
  end
  if not doc.plain then
    returns(doc, complain)
    locals(doc, complain)
    if ask_portable then portable(doc, complain) end
  end
  table.sort(found, function(a, b) return a[1] < b[1] end)
  return found
end

return check
