--- html.lua: what can be wrong with a page of ours that no browser would tell.

local html = {}

local void = {meta = true, br = true, hr = true, img = true}

--- nil when every tag is closed by its own end tag, ids are there once and links inside of the page lead somewhere;
--- else what is wrong.
function html.breach(text)
  local open, ids = {}, {}
  text = text:gsub("<style>.-</style>", ""):gsub("<!DOCTYPE html>", "")
  for close, name, rest in text:gmatch "<(/?)([%w]+)([^>]*)>" do
    local id = rest:match '%sid="([^"]*)"'
    if id and ids[id] then return f"id {id} twice" end
    if id then ids[id] = true end
    if close == "/" then
      if table.remove(open) ~= name then return f"</{name}> does not close what is open" end
    elseif not void[name] and not rest:find "/$" then
      open[#open + 1] = name
    end
  end
  if open[1] then return f"<{open[1]}> is not closed" end
  for target in text:gmatch '<a href="#([^"]*)"' do
    if not ids[target] then return f"nothing has the id {target}" end
  end
end

return html
