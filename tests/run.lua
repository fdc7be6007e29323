--- run.lua: runs Lua test files: gptsh tests/run.lua FILE…
-- Each file gets its own globals on top of the session's; tests/run.sh gives each file its own process too.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/?.lua;" .. package.path
local harness = require "harness"

if #arg == 0 then error("usage: gptsh tests/run.lua FILE…", 0) end
for _, path in ipairs(arg) do
  local chunk, message = loadfile(path, "t", setmetatable({}, {__index = _G}))
  if chunk then
    local ok, raised = xpcall(chunk, debug.traceback)
    if not ok then
      harness(path .. " runs to its end", function() error(raised, 0) end)
    end
  else
    harness(path .. " compiles", function() error(message, 0) end)
  end
end
local ok = harness.finish()
io.stderr:write(("%d passed, %d failed, %d skipped\n"):format(harness.passed, harness.failed, harness.skipped))
if not ok then os.exit(1, true) end
