--- main.lua: the reference of the Lua library and of the C headers: gptsh docs/reference/main.lua FOLDER
-- writes FOLDER/api.html and FOLDER/api.md.  Run from the root of the source.
--
-- It is written here and not left to a tool for C documentation: half of it is what help() knows, and the headers are
-- plain comments, without the marks that such tools want.

package.path = "docs/reference/?.lua;" .. package.path
local folder = require "native.folder"
local headers = require "headers"
local names = require "names"
local page = require "page"
local read = require("nb.document").bytes
local write = require("native.folder").write

local reference = {}

--- All headers, in the order of the folders.
function reference.headers()
  local list = {}
  for _, place in ipairs {"core/tensor", "core/model", "core/train", "core/data", "kernels/op", "kernels/cpu", "lua/bind", "shell"} do
    local files = folder.list(place)
    table.sort(files)
    for _, file in ipairs(files) do
      local path = place .. "/" .. file
      if file:find "%.h$" then list[#list + 1] = headers.read(path, assert(read(path))) end
    end
  end
  return list
end

--- Both pages: HTML, Markdown.
function reference.pages()
  local sections, all, version = names.sections ".", reference.headers(), require("native.train").version()
  return page.html(sections, all, version), page.markdown(sections, all, version)
end

if arg and arg[0]:find "reference/main%.lua$" then
  local target = arg[1]
  if not target then error("usage: gptsh docs/reference/main.lua FOLDER", 0) end
  local html, markdown = reference.pages()
  folder.make(target)
  write(target .. "/api.html", html)
  write(target .. "/api.md", markdown)
end

return reference
