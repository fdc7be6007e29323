--- sh.lua: what other programs write, as a value.

--- sh(command) -> text, status: what the shell command wrote on stdout, without the line break at its end, and its exit
-- status, 128 + n after signal n.  Its errors are shown; Ctrl-C ends it.
local function sh(command)
  io.stdout:flush()
  local child = require "native.child"
  local how, code, output, errors = child.run({"/bin/sh", "-c", command}, {seconds = math.huge})
  if how == "failed" then require("native").raise(f"sh: /bin/sh cannot be run (error {code})") end
  require("native.terminal").write(2, errors)
  if #output == child.limit then
    require("native").raise(f"sh: expected less than {child.limit >> 20} MiB of output; send it to a file: command > file")
  end
  return (output:gsub("\r?\n$", "")), how == "killed" and 128 + code or code
end

return {sh = require "native".signature("sh(command: string)", sh)}
