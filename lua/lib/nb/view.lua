--- view.lua: "gptsh nb view": source and kept outputs as text for the terminal.  Nothing runs; no control character of
--- the file reaches the terminal.

local document = require "nb.document"
local ipynb = require "nb.ipynb"
local texts = require "nb.texts"

local view = {}

local function indented(text) return "    " .. texts.unbroken(text):gsub("\n", "\n    ") .. "\n" end

local function write(...) io.write(texts.utf8(table.concat{...})) end

--- A page (nb.pages) of a .lua notebook.
function view.page(page)
  for _, item in ipairs(page.cells) do
    local cell = item.cell
    write(cell.number == 0 and "" or document.marker(cell) .. "\n",
          cell.kind == "code" and document.code_of(cell) or document.text_of(cell), "\n")
    for _, output in ipairs(item.outputs) do
      write(indented(output.kind == "figure" and "figure: " .. page.kept.path .. "/" .. output.file or output.text))
    end
    write "\n"
  end
end

--- The text of an .ipynb file.
function view.jupyter(path, text)
  local book = ipynb.read(path, text)
  for i, cell in ipairs(book.cells) do
    local kind = cell.kind == "code" and book.language or cell.kind
    write(("-- %d [%s]\n"):format(i, kind), texts.trimmed(cell.source), "\n")
    for _, output in ipairs(cell.outputs) do
      write(indented(output.text or "(" .. tostring(output.type) .. ")"))
    end
    write "\n"
  end
end

return view
