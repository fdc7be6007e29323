--- compile.lua: torch.compile.

local keywords = require "base.keywords"

local compile = {}

--- torch.compile(m[, {dynamic, fullgraph, mode}]): here the ops are compiled already, so the result is the
-- module itself: same parameters under the same names.
function compile.compile(m, _) return m end

keywords.sign(compile, [[compile(m: module|function,
  {dynamic: boolean = nil, fullgraph: boolean = false, mode: string = nil, backend: string|function = nil})]])

return compile
