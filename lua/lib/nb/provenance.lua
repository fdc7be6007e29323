--- provenance.lua: where outputs come from: the revision of the notebook's folder, facts written into figures.

local child = require "native.child"

local provenance = {}

--- Revision of the git work tree around `path` and whether it has changes; empty outside of one, or without git.
function provenance.revision(path)
  local folder = path:match "^(.*)/[^/]*$" or "."
  local function git(...)
    local how, code, out = child.run({"git", "-C", folder, ...}, {seconds = 5})
    return how == "exited" and code == 0 and out or nil
  end
  local revision = git("rev-parse", "HEAD")
  if not revision then return {} end
  return {revision = revision:gsub("%s+$", ""), dirty = git("status", "--porcelain", "--untracked-files=no") ~= ""}
end

--- What a figure of the cell that runs says of itself.
function provenance.facts(run)
  return {
    notebook = run.doc.path, cell = run.now and run.now.name or nil,
    parameters = next(run.parameters or {}) and run.parameters or nil,
    revision = run.revision and run.revision.revision, dirty = run.revision and run.revision.dirty,
  }
end

--- Draws the figure into the folder as NAME.svg and NAME.png, with its numbers and script next to it; returns the records
--- of the files.  What cannot be drawn, because gnuplot is missing for instance, is kept as characters.
function provenance.draw(kept, figure, name, cell)
  local list, ok, reason = {}, nil, nil
  for _, kind in ipairs{"tsv", "gp"} do kept:new(name .. "." .. kind) end
  for _, kind in ipairs{"svg", "png"} do
    ok, reason = pcall(figure.save, figure, kept:new(name .. "." .. kind))
    if not ok then break end
    list[#list + 1] = kept:adopt("figure", name .. "." .. kind)
  end
  if ok then
    for _, kind in ipairs{"tsv", "gp"} do list[#list + 1] = kept:adopt("data", name .. "." .. kind) end
    io.stdout:write("figure: ", kept.path, "/", name, ".svg\n")
  else
    reason = tostring(reason):gsub("; data written to .*", "") -- that is not kept
    io.stderr:write("gptsh: cell ", cell.number, ": figure kept as text: ", reason, "\n")
    list[#list + 1] = kept:keep("stdout", name .. "-figure.txt", figure:text{columns = 80, rows = 22, colour = false})
  end
  require("native.notebook").recorded() -- the note is for the terminal
  return list
end

return provenance
