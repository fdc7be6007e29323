--- saved.lua: what %save writes of an input, and --resume runs again.
--
-- Its text, when it ran to its end.  A run of a trainer that was stopped becomes t:run(n) with the steps it made, and
-- t:resume(), which continues that run, too: so the notebook makes the same steps.  Of what else did not run to its end
-- a comment tells.

local begun = require "gt.train.session".begun
local compile = require "native.notebook".compile
local names = require "shell.names"
local source = require "nb.source"

local saved = {}

--- Lines as a comment that is neither a marker of a cell nor a command.
local function comment(text) return "-- | " .. text:gsub("\n", "\n-- | ") end

-- ---- steps ----

--- Before each input: how far each trainer is.
function saved.begin()
  for t in next, begun do begun[t] = t.step_count end
end

--- The trainers that made steps in this input: {trainer, steps}.
local function moved()
  local list = {}
  for t, before in next, begun do
    if t.step_count > before then list[#list + 1] = {t, t.step_count - before} end
  end
  return list
end

local makes_steps = {run = true, resume = true, step = true}

--- Where the only call t:run(…), t:resume(…) or t:step() of the text is: its method, the place of that name, that of
-- the closing bracket, and the tokens with the bracket's number; nothing when there are more, or it is inside of a block.
local function only_call(text)
  local tokens, found = source.code(text), nil
  for i = 2, #tokens - 1 do
    local called = tokens[i - 1].text == ":" and makes_steps[tokens[i].text] and tokens[i + 1].text == "("
    if called and found then return nil end
    if called then found = i end
  end
  if not found or source.open_block(text:sub(1, tokens[found].start - 1)) then return nil end
  local depth, last = nil, nil
  source.walk(tokens, function(_, _, brackets, i)
    if i == found + 1 then depth = brackets end
    if depth and not last and i > found + 1 and brackets == depth then last = i end
  end)
  if last then return tokens[found].text, tokens[found].start, tokens[last].stop, tokens, last end
end

--- Where the statement ends that has the token number i: the place where the next one begins.
local function statement_end(text, tokens, i)
  local stop
  source.walk(tokens, function(token, _, brackets, k)
    if stop or k <= i or brackets > 0 then return end
    local word = token.kind == "name" and token.text ~= "and" and token.text ~= "or"
    local before = tokens[k - 1]
    local complete = before.kind ~= "symbol" and before.text ~= "and" and before.text ~= "or" and before.text ~= "not"
      or before.text:find "^[%])}]$"
    if token.text == ";" or word and complete then stop = token.start end
  end)
  return stop or #text + 1
end

--- The text of an input that ran: t:resume() as the run that it was.
local function completed(text, list)
  local method, first, last = only_call(text)
  if method ~= "resume" or #list ~= 1 then return text end
  return text:sub(1, first - 1) .. f"run({list[1][2]})" .. text:sub(last + 1)
end

--- The text of an input whose only run was stopped, and whether that is all of it: what comes after the run did not
-- happen.
local function stopped(text, list)
  local method, first, last, tokens, bracket = only_call(text)
  if #list ~= 1 or method ~= "run" and method ~= "resume" then return nil end
  local stop = statement_end(text, tokens, bracket)
  local rest = text:sub(stop):gsub("^[%s;]+", ""):gsub("%s+$", "")
  local ran = text:sub(1, first - 1) .. f"run({list[1][2]})" .. text:sub(last + 1, stop - 1):gsub("%s+$", "")
  if rest == "" then return ran, true end
  return ran .. "\n-- | stopped there, this did not run:\n" .. comment(rest), false
end

-- ---- what is left out ----

--- Could the input have changed anything?  Not what is not Lua, nor what calls and sets nothing.
local function may_act(text)
  if compile(text, "=input", 1, "cell") then return false end
  local before
  for _, token in ipairs(source.code(text)) do
    local called = before and (before.kind == "name" or before.text == ")" or before.text == "]")
      and (token.kind == "string" or token.text == "{")
    if token.text == "=" or token.text == "(" or called then return true end
    before = token
  end
  return false
end

--- Commands that change what comes after them.  A notebook runs them, as "-- %set seed 3", but programs, variables
-- from disk and cells of another notebook are not the notebook's.
local acting = {cell = "comment"}
for name in ("autoreload cd reload reset run set strict time timeit"):gmatch "%a+" do acting[name] = "run" end

local function of_command(text, list, ok, interrupted)
  local name = text:match "^%s*%%%%?%s*(%a+)"
  local way = acting[name] or (text:find "^%s*!" or text:find "^%s*%%log%s+load") and "comment"
  if not way then return nil end
  local whole = way == "run" and ok and not interrupted and not text:find "\n"
  if not whole then return "-- | a command of the prompt:\n" .. comment(text), false end
  return "-- " .. completed(text, list):gsub("^%s*", ""), true
end

--- A comment that tells of an input that failed or was stopped, and the steps it made; nil when it did nothing.
local function left_out(text, list, interrupted, message)
  if #list == 0 and not may_act(text) then return nil end
  local why = interrupted and "was stopped" or "failed: " .. (message or ""):match "^[^\n]*"
  local lines = {"-- | this input " .. why:gsub("%c", " "), comment(text)}
  for _, item in ipairs(list) do
    local name = names.of(item[1])
    if name then
      lines[#lines + 1] = interrupted and f"{name}:run({item[2]})" or f"pcall({name}.run, {name}, {item[2]})"
    else
      lines[#lines + 1] = f"-- | a trainer that no variable holds made {item[2]} steps"
    end
  end
  return table.concat(lines, "\n")
end

-- ---- the answer ----

local function of_lua(text, list, ok, interrupted, message)
  if ok and not interrupted then return completed(text, list), true end
  local body, whole
  if interrupted then body, whole = stopped(text, list) end
  if body then return body, whole end
  return left_out(text, list, interrupted, message), false
end

--- May the run be made again for --resume?  A trainer with a folder continues from there instead.
local function repeatable(list)
  for _, item in ipairs(list) do
    if item[1].folder then return false end
  end
  return true
end

--- What is saved of an input that ended now, or nil for nothing: {text =, whole = is that all it did?, again = the text
-- for --resume, where it is another one}.  What is not whole may be comments alone.
function saved.of(text, ok, interrupted, message)
  if not text:find "^%s*%%" and (text:find "^%s*[!?]" or text:find "%?%s*$" or text:find "^%s*help%f[%W]") then
    return text:find "^%s*!" and {text = of_command(text), whole = false} or nil
  end
  local list, command = moved(), text:find "^%s*%%"
  local body, whole = (command and of_command or of_lua)((text:gsub("^=", "")), list, ok, interrupted, message)
  local again = not command and body ~= text and repeatable(list) and body or nil
  return body and {text = body, whole = whole, again = again} or nil
end

return saved
