--- progress.lua: the line on stderr that shows the progress of training.
--
-- On a terminal one line is redrawn at most ten times a second, as wide as the window; elsewhere a plain line comes at
-- most every ten seconds, at each evaluation and at the end.  Numbers are read from the trainer only when a line is
-- written.

local terminal = require "native.terminal"

local progress = {}

local Progress = {}
Progress.__index = Progress

local STDERR = 2
local REDRAW, PLAIN = 0.1, 10 -- seconds between two lines
local REPLOT, LEAST_ROWS = 0.5, 24 -- seconds between two plots; rows of a terminal that has room for one

--- An object for one run of the trainer; it counts speed from now on.
function progress.new(trainer, target)
  local now = torch.perf_counter()
  return setmetatable({
    trainer = trainer, target = target, tty = terminal.redraws(STDERR), started = now,
    first_step = trainer.step_count, first_tokens = trainer.tokens, drawn = -math.huge, plain_at = now,
    visible = false, written = trainer.step_count,
    live = trainer.live == true and require("gt.train.live").new(trainer) or nil, plotted = -math.huge, plot_rows = 0,
  }, Progress)
end

-- ---- pieces of text ----

--- Seconds as 01:05 or 1:00:05.
function progress.clock(seconds)
  if not (seconds < 360000) then return "--:--" end
  local s = math.floor(seconds + 0.5)
  if s >= 3600 then return f"{s // 3600}:{s // 60 % 60:02d}:{s % 60:02d}" end
  return f"{s // 60:02d}:{s % 60:02d}"
end

local function rate_text(rate)
  if rate >= 1e6 then return f"{rate / 1e6:.2f}M" end
  if rate >= 1e4 then return f"{rate / 1e3:.0f}k" end
  if rate >= 1e3 then return f"{rate / 1e3:.1f}k" end
  return f"{rate:.0f}"
end

local eighths = {"▏", "▎", "▍", "▌", "▋", "▊", "▉"}

local function bar_text(fraction)
  local cells = 10
  if not terminal.utf8() then
    local full = math.floor(fraction * cells)
    return "|" .. ("#"):rep(full) .. (" "):rep(cells - full) .. "|"
  end
  local parts = math.floor(fraction * cells * 8)
  local full, rest = parts // 8, parts % 8
  local text = ("█"):rep(full) .. (eighths[rest] or "")
  return "|" .. text .. (" "):rep(cells - full - (rest > 0 and 1 or 0)) .. "|"
end

--- Seconds since the run began, tokens per second, seconds to go.
function Progress:speed()
  local t = self.trainer
  local spent = math.max(torch.perf_counter() - self.started, 1e-9)
  local steps = t.step_count - self.first_step
  local rate = (t.tokens - self.first_tokens) / spent
  return spent, rate, steps > 0 and spent / steps * (self.target - t.step_count) or math.huge
end

--- The line for a terminal: pieces are dropped from the right until it fits.
function Progress:bar(columns)
  local t = self.trainer
  local spent, rate, left = self:speed()
  local fraction = self.target > 0 and math.min(t.step_count / self.target, 1) or 1
  local pieces = {f"train {t.step_count}/{self.target}", f"{math.floor(100 * fraction):>3}%" .. bar_text(fraction)}
  if t.loss then pieces[#pieces + 1] = f"loss {t.smooth_loss:.4g}" end
  if t.rate then pieces[#pieces + 1] = f"lr {t.rate:.2e}" end
  if t.skipped > 0 then pieces[#pieces + 1] = f"skipped {t.skipped}" end
  pieces[#pieces + 1] = rate_text(rate) .. " tok/s"
  pieces[#pieces + 1] = "[" .. progress.clock(spent) .. "<" .. progress.clock(left) .. "]"
  local text = table.concat(pieces, " ")
  while #pieces > 1 and terminal.width(text) > columns - 1 do
    pieces[#pieces] = nil
    text = table.concat(pieces, " ")
  end
  local stop = utf8.offset(text, math.max(columns, 1)) -- in characters, which are one cell wide here
  return stop and text:sub(1, stop - 1) or text
end

function Progress:plain(note)
  local t = self.trainer
  local _, rate, left = self:speed()
  local text = f"step {t.step_count}/{self.target}"
  if t.loss then text = text .. f" loss {t.smooth_loss:.4f}" end
  if t.rate then text = text .. f" lr {t.rate:.3e}" end
  text = text .. f" tok/s {rate:.0f}"
  if t.skipped > 0 then text = text .. f" skipped {t.skipped}" end
  if left < math.huge then text = text .. f" eta {left:.0f}s" end
  return text .. (note and " " .. note or "")
end

-- ---- writing ----

--- Takes the bar away, so that something else can be printed.
function Progress:erase()
  if not self.visible then return end
  terminal.write(STDERR, "\r", self.plot_rows > 0 and f"\27[{self.plot_rows}A\27[J" or "\27[K")
  self.visible, self.plot_rows = false, 0
end

--- The plot above the bar, when it is time for a new one and the window has room.
function Progress:plot(columns, rows)
  local now = torch.perf_counter()
  if not self.live or rows < LEAST_ROWS or now - self.plotted < REPLOT then return end
  local lines = self.live:lines(columns)
  if not lines then return end
  self.plotted = now
  self:erase()
  terminal.write(STDERR, table.concat(lines, "\n"), "\n")
  self.plot_rows = #lines
end

local function write_plain(self, note)
  io.stderr:write(self:plain(note), "\n")
  self.plain_at, self.written = torch.perf_counter(), self.trainer.step_count
end

--- After each step: writes when it is time to.
function Progress:tick()
  local now = torch.perf_counter()
  if not self.tty then
    if now - self.plain_at >= PLAIN then write_plain(self) end
    return
  end
  if self.visible and now - self.drawn < REDRAW then return end
  local columns, rows = terminal.size(STDERR)
  self:plot(columns, rows)
  self.drawn, self.visible = now, true
  terminal.write(STDERR, "\r", self:bar(columns), "\27[K")
  io.stderr:flush()
end

--- A line that stays: the result of an evaluation.
function Progress:note(text)
  self:erase()
  write_plain(self, text)
end

--- The end of the run: the last line stays.
function Progress:finish()
  if self.tty then
    self.drawn, self.plotted = -math.huge, -math.huge -- draws again, whatever the clock says
    self:tick()
    io.stderr:write("\n")
    self.visible = false
  elseif self.written < self.trainer.step_count then
    write_plain(self)
  end
end

return progress
