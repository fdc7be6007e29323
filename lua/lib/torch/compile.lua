--- compile.lua: torch.compile.

local keywords = require "base.keywords"

local compile = {}

--- torch.compile(m[, {dynamic, fullgraph, mode}]): here the ops are compiled already, so the answer is the
-- module itself: same parameters under the same names.
function compile.compile(m, options)
  keywords.read("compile", options, {"dynamic", "fullgraph", "mode", "backend"})
  if type(m) ~= "function" and not require "native.module".is_module(m) then
    keywords.fail("compile: expected a module or a function, got %s", torch.type(m))
  end
  return m
end

keywords.sign(compile, "compile(m: module|function, options: table = nil)")

return compile
