--- texts.lua: texts that programs printed or other people wrote, made fit to be kept and shown; each in one pass.

local texts = {}

--- Text that is valid UTF-8: bad bytes become U+FFFD.
function texts.utf8(text)
  local out, at = {}, 1
  while true do
    local _, bad = utf8.len(text, at)
    if not bad then break end
    out[#out + 1] = text:sub(at, bad - 1) .. "\u{FFFD}"
    at = bad + 1
  end
  return table.concat(out) .. text:sub(at)
end

--- The same without what HTML and XML do not take: controls, U+FFFE and U+FFFF become U+FFFD, too.
function texts.printable(text)
  return (texts.utf8(text):gsub("[%z\1-\8\11\12\14-\31\127]", "\u{FFFD}"):gsub("\xEF\xBF[\xBE\xBF]", "\u{FFFD}"))
end

--- The text without blanks and line breaks at its end.
function texts.trimmed(text) return text:match "^.*%S" or "" end

--- The text without line breaks at its end.
function texts.unbroken(text) return text:match "^.*[^\n]" or "" end

--- The last state of a line that was overwritten, as progress bars are.
local function last_state(line)
  if not line:find("\r", 1, true) then return line end
  local last = ""
  for part in line:gmatch "[^\r]+" do last = part end
  return last
end

--- Text as a terminal would leave it: escape sequences and controls removed, of a line that was overwritten the last
--- state.
function texts.clean(text)
  text = text:gsub("\27%[[0-?]*[ -/]*[@-~]", ""):gsub("\27%].-[\7\27]\\?", ""):gsub("\27.", "")
  if text:find("\r", 1, true) then text = text:gsub("[^\n]+", last_state) end
  return (text:gsub("[%z\1-\8\11\12\14-\31\127]", ""))
end

return texts
