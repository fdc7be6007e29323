--- source.lua: what the text of a cell says without being run, from its tokens.

local native = require "native.notebook"

local source = {}

local OPENING = {["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true}
local CLOSING = {["end"] = true, ["until"] = true}
local LEFT, RIGHT = {["("] = true, ["["] = true, ["{"] = true}, {[")"] = true, ["]"] = true, ["}"] = true}

--- The tokens that are not comments.
function source.code(text)
  local out = {}
  for _, token in ipairs(native.tokens(text)) do
    if token.kind ~= "comment" then out[#out + 1] = token end
  end
  return out
end

--- The code without comments and with single blanks: equal for texts that differ in nothing that runs.
function source.bare(text)
  local out = {}
  for i, token in ipairs(source.code(text)) do out[i] = token.text end
  return table.concat(out, " ")
end

--- Is the comment a command of the prompt: "-- %name …" of a known name, "-- !program …"?
local function command_of(text)
  local name = text:match "^%-%- ?%%(%a+)%f[%s\0]"
  if name and native.is_command(name) then return text:match "^%-%- ?(.-)%s*$" end
  return text:match "^%-%- ?(![%w_./~$].-)%s*$"
end

--- The command for the whole cell that its first line is, "-- %%time": name, argument, where it begins and where the
--- rest of the text does; nothing when it is not one.
function source.cell_command(text)
  local start, name, argument, rest = text:match "^%s*()%-%- ?%%%%(%l+)[ \t]*([^\r\n]*)()"
  return name, argument, start, rest
end

--- The code of a cell with such a command: what is measured is the rest of it.
local function measured(text)
  local name, argument, start, rest = source.cell_command(text)
  if name == "time" and not argument:find "%S" then
    return text:sub(1, start - 1) .. 'local __watch <close> = require("nb.timing").watch();' .. text:sub(rest)
  elseif name == "timeit" then
    return text:sub(1, start - 1) .. ('require("nb.timing").timeit(%q);'):format(argument .. " " .. text:sub(rest))
  end
  return text
end

--- The text with comments that are commands, on lines of their own and outside of blocks, in the place of calls.
function source.with_commands(text)
  text = measured(text)
  if not text:find "%-%- ?[%%!]" then return text end
  local out, at, line = {}, 1, 0
  source.walk(native.tokens(text), function(token, blocks, brackets)
    local command = token.kind == "comment" and token.line > line and blocks == 0 and brackets == 0 and command_of(token.text)
    if command then
      out[#out + 1] = text:sub(at, token.start - 1) .. (';require("native.notebook").command(%q);'):format(command)
      at = token.stop + 1
    end
    local _, breaks = token.text:gsub("\n", "")
    line = token.line + breaks
  end)
  return table.concat(out) .. text:sub(at)
end

--- The text with change(comment) in the place of comments that are first on their lines; nil changes nothing.
local function with_comments(text, change)
  local out, at, line = {}, 1, 0
  for _, token in ipairs(native.tokens(text)) do
    local changed = token.kind == "comment" and token.line > line and change(token.text)
    if changed then
      out[#out + 1] = text:sub(at, token.start - 1) .. changed
      at = token.stop + 1
    end
    local _, breaks = token.text:gsub("\n", "")
    line = token.line + breaks
  end
  return table.concat(out) .. text:sub(at)
end

--- Code from elsewhere as it may be in a cell: a comment that would be a marker has one more dash.
function source.guarded(text)
  return with_comments(text, function(comment)
    return comment:find "^%-%-+[ \t\r]*%%%%+%f[\0 \t\r]" and "-" .. comment
  end)
end

--- The same code for elsewhere: without that dash.
function source.unguarded(text)
  return with_comments(text, function(comment)
    return comment:find "^%-%-%-+[ \t\r]*%%%%+%f[\0 \t\r]" and comment:sub(2)
  end)
end

--- Visits tokens with the number of blocks and brackets that are open around them: visit(token, blocks, brackets, i).
function source.walk(tokens, visit)
  local blocks, brackets = 0, 0
  for i, token in ipairs(tokens) do
    local name, symbol = token.kind == "name", token.kind == "symbol"
    if name and CLOSING[token.text] then blocks = blocks - 1 end
    if symbol and RIGHT[token.text] then brackets = brackets - 1 end
    visit(token, blocks, brackets, i)
    if name and OPENING[token.text] then blocks = blocks + 1 end
    if symbol and LEFT[token.text] then brackets = brackets + 1 end
  end
end

--- The word that opened the innermost block, or the head of a loop, that does not end in the text, and its line; or
-- nothing.
function source.open_block(text)
  local open, loop = {}, nil
  for _, token in ipairs(source.code(text)) do
    local word = token.kind == "name" and token.text
    if word == "for" or word == "while" then
      loop = token
    elseif word and OPENING[word] then
      open[#open + 1] = word == "do" and loop or token
      loop = nil
    elseif word and CLOSING[word] then
      open[#open] = nil
    end
  end
  local last = loop or open[#open]
  if last then return last.text, last.line end
end

--- Names after a top-level `local`; at: index of that token.
local function declared(tokens, at, add)
  local i = at + 1
  if tokens[i] and tokens[i].text == "function" then return tokens[i + 1] and add(tokens[i + 1]) end
  while tokens[i] and tokens[i].kind == "name" do
    add(tokens[i])
    i = i + 1
    if tokens[i] and tokens[i].text == "<" then i = i + 3 end
    if not (tokens[i] and tokens[i].text == ",") then break end
    i = i + 1
  end
end

--- Names before the top-level `=` at index `at`: "a, b.c, d = …" gives a and d.
local function assigned(tokens, at, add)
  local i = at - 1
  while tokens[i] and tokens[i].kind == "name" do
    local before = tokens[i - 1] and tokens[i - 1].text
    if before == "for" or before == "local" then return end
    if before ~= "." and before ~= ":" then add(tokens[i]) end
    while before == "." do
      i = i - 2
      before = tokens[i - 1] and tokens[i - 1].text
    end
    if before ~= "," then break end
    i = i - 2
  end
end

--- The names that the top-level `local` at index `at` of the tokens declares.
function source.declared(tokens, at)
  local out = {}
  declared(tokens, at, function(token) out[#out + 1] = token.text end)
  return out
end

--- The names that the function at index `at` of the tokens takes from outside, as a set: those it uses without being
--- parameters, locals or fields.
function source.outer_names(tokens, at)
  local used, own, header = {}, {}, nil
  local inner = {table.unpack(tokens, at)}
  local done = false
  source.walk(inner, function(token, blocks, brackets, i)
    if done or (i > 1 and blocks == 0) then
      done = true
      return
    end
    local before, after = inner[i - 1] and inner[i - 1].text, inner[i + 1] and inner[i + 1].text
    if token.text == "function" then header = brackets end
    if header and brackets == header and token.text == ")" then header = nil end
    if token.kind ~= "name" then return end
    local field = before == "." or before == ":" or (brackets > 0 and after == "=" and not header)
    if header or before == "for" or (before == "," and own[inner[i - 2].text] == "loop") then
      own[token.text] = before == "for" and "loop" or true
    elseif token.text == "local" then
      declared(inner, i, function(name) own[name.text] = true end)
    elseif not field then
      used[token.text] = true
    end
  end)
  for name in pairs(own) do used[name] = nil end
  return used
end

--- Where the expression is that a cell ends in and whose value is shown: {start, stop, line}; nothing when it ends in a
--- statement, a call (which is a statement, too) or a semicolon.
function source.last_expression(text)
  local tokens = source.code(text)
  local last = tokens[#tokens]
  if not last or native.compile(text, "=", 1, "cell") or load(text, "=") then return nil end
  local starts, line = {}, 0
  source.walk(tokens, function(token, blocks, brackets, i)
    local before = tokens[i - 1]
    if blocks == 0 and brackets == 0 and (token.line > line or (before and before.text == ";")) then starts[#starts + 1] = token end
    local _, breaks = token.text:gsub("\n", "")
    line = token.line + breaks
  end)
  for i = #starts, 1, -1 do -- as short as it may be, as long as it has to be
    local first = starts[i]
    if load("return " .. text:sub(first.start), "=") and load(text:sub(1, first.start - 1), "=") then
      return {start = first.start, stop = last.stop, line = first.line}
    end
  end
end

--- The names that the text declares or assigns outside of blocks and functions, each once, in order.
function source.names(text)
  local tokens, out, seen = source.code(text), {}, {}
  local function add(token)
    if not seen[token.text] then
      seen[token.text] = true
      out[#out + 1] = token.text
    end
  end
  local comparison = {["="] = true, ["<"] = true, [">"] = true, ["~"] = true}
  source.walk(tokens, function(token, blocks, brackets, i)
    if blocks > 0 or brackets > 0 then return end
    local before, after = tokens[i - 1], tokens[i + 1]
    if token.text == "local" then
      declared(tokens, i, add)
    elseif token.text == "=" and token.kind == "symbol" then
      local compares = before and comparison[before.text] and before.stop == token.start - 1
      if not compares and not (after and after.text == "=" and after.start == token.stop + 1) then
        assigned(tokens, i, add)
      end
    elseif token.text == "function" and after and after.kind == "name" and (before == nil or before.text ~= "local") then
      local next_text = tokens[i + 2] and tokens[i + 2].text
      if next_text == "(" then add(after) end
    end
  end)
  return out
end

return source
