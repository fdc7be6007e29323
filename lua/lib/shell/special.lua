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

return special
