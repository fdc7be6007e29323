--- markdown.lua: a notebook as Markdown: code in fences, figures as links into the sidecar folder.

local document = require "nb.document"
local pages = require "nb.pages"
local texts = require "nb.texts"

local markdown = {}

local MOST = 1 << 20 -- bytes of one text

--- The text in a fence of backticks longer than any in it.
local function fenced(text, language)
  local longest = 2
  for run in text:gmatch "`+" do longest = math.max(longest, #run) end
  local fence = ("`"):rep(longest + 1)
  return fence .. language .. "\n" .. texts.unbroken(text) .. "\n" .. fence
end
markdown.fenced = fenced

--- The text, cut at the most that a page takes, with the path of all of it.
function markdown.cut(text, path)
  if #text <= MOST then return text end
  local stop = MOST
  while text:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
  return text:sub(1, stop) .. ("\n… %d bytes more in %s\n"):format(#text - stop, path)
end

--- The notebook as Markdown to be written to `target`.
function markdown.export(page, target)
  local parts = {}
  local function place(file) return pages.relative(target, page.kept.path .. "/" .. file) end
  for _, item in ipairs(page.cells) do
    local cell = item.cell
    if cell.kind ~= "code" then
      parts[#parts + 1] = texts.utf8(document.text_of(cell))
    elseif cell.hide ~= "code" then
      local code = texts.utf8((document.code_of(cell)))
      if code ~= "" then parts[#parts + 1] = fenced(code, "lua") end
    end
    for _, output in ipairs(cell.hide ~= "output" and item.outputs or {}) do
      if output.kind == "figure" then
        local link = pages.link(target, page.kept.path .. "/" .. output.file)
        parts[#parts + 1] = ("![%s](%s)"):format(texts.utf8(cell.title):gsub("[%[%]\\]", ""), link)
      else
        parts[#parts + 1] = fenced(markdown.cut(output.text, place(output.file)), "text")
      end
    end
  end
  return table.concat(parts, "\n\n") .. "\n"
end

return markdown
