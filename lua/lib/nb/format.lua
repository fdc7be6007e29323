--- format.lua: "gptsh nb fmt": a notebook in canonical form; --portable: its last expressions as calls.

local source = require "nb.source"

local format = {}

--- The text of the notebook, rewritten; portable: what only a cell may have is made plain Lua.
function format.format(doc, portable)
  if doc.plain then return doc.text end
  for _, cell in ipairs(doc.cells) do
    local expression = portable and cell.runs and source.last_expression(cell.body)
    if expression then
      local body = cell.body
      cell.body = body:sub(1, expression.start - 1) .. "print((show or tostring)(" .. body:sub(expression.start, expression.stop) .. "))" ..
        body:sub(expression.stop + 1)
    end
  end
  return doc:write()
end

return format
