--- outputs.lua: records what a cell prints, shows and draws, in order.

local clean = require("nb.texts").clean
local native = require "native.notebook"

local outputs = {}

local Recorder = {}
Recorder.__index = Recorder

--- Begins to record; recorder:stop() ends it, whatever happens.
function outputs.new()
  native.record()
  return setmetatable({events = {}}, Recorder)
end

--- What was printed since the last call becomes an event of its own.
function Recorder:flush()
  local text, lost = native.recorded()
  text = clean(text)
  if lost > 0 then text = text .. ("\n… %d bytes more\n"):format(lost) end
  if text ~= "" then self.events[#self.events + 1] = {kind = "stdout", text = text} end
end

--- The text of shown values: printed too, but an event of its own.
function Recorder:value(text)
  self:flush()
  local last = self.events[#self.events]
  if last and last.kind == "figure" and text == tostring(last.figure) then return end -- the figure itself is shown
  io.stdout:write(text, "\n")
  native.recorded()
  self.events[#self.events + 1] = {kind = "value", text = clean(text)}
end

function Recorder:figure(figure, save)
  self:flush()
  self.events[#self.events + 1] = {kind = "figure", figure = figure, save = save}
end

function Recorder:error(text)
  self:flush()
  self.events[#self.events + 1] = {kind = "error", text = clean(text)}
end

--- The events since the last call.
function Recorder:take()
  self:flush()
  local events = self.events
  self.events = {}
  return events
end

--- Returns why output was lost on its way, if it was, and whether its reader is gone.
function Recorder:stop() return native.stop() end

--- All texts of the events in order, each with a line break at its end.
function outputs.text(events)
  local parts = {}
  for _, event in ipairs(events) do
    if event.text then parts[#parts + 1] = event.text:find "\n$" and event.text or event.text .. "\n" end
  end
  return table.concat(parts)
end

return outputs
