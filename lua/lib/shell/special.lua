--- special.lua: inputs of the prompt that are not Lua: "%name …", "!program", "name?", "?word".

local commands = require "shell.commands"

local special = {}

function special.run(text)
  text = text:match "^%s*(.-)%s*$"
  local first = text:sub(1, 1)
  local word, marks = text:match "^(.-)(%?%??)$"
  if first == "?" then word, marks = text:match "^%?+%s*(.*)$", "search" end
  if first ~= "!" and marks and (first ~= "%" or word:find "^%%%a+$") then
    return require("shell.help").about(word:match "^%s*(.-)%s*$", marks)
  end
  return commands.run(text)
end

--- Refuses a piped text that has a line of the prompt where a line of Lua may begin, in one line that says so.
function special.refuse(text)
  local from, line = 1, 1 -- of what follows the last token
  for _, token in ipairs(require "native.notebook".tokens(text)) do
    local first = from == 1
    for _ in text:sub(from, token.start - 1):gmatch "\n" do line, first = line + 1, true end
    local whole = text:match("^[^\n]*", token.start):gsub("%s+$", "")
    local command = whole:match "^%%%%?(%a+)"
    if first and (command and commands.is_command(command) or whole:find "^[!?]%s*[%w_.]" or whole:find "^[%a_][%w_.:]*%?%??$" or
                  whole:find "^help%s+[%a_][%w_.:]*$" or whole == "help" and not text:find "help%s*%S") then
      error(f"stdin:{line}: '{whole}' is an input of the prompt, not Lua: gptsh -i reads a pipe as the prompt does", 0)
    end
    for _ in token.text:gmatch "\n" do line = line + 1 end
    from = token.stop + 1
  end
end

return special
