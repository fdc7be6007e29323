--- lr_find.lua: one short run in which the learning rate grows from step to step: the one where the loss falls fastest is a
-- good first choice (arXiv 1506.01186).  All groups grow by one multiplier, so that their ratios stay.

local native = require "native.train"
local family = require "gt.family"
local keywords = require "base.keywords"
local progress = require "gt.train.progress"
local rate_text = require "gt.sweep.text".rate
local settings = require "gt.train.settings"
local trainer = require "gt.train.trainer"

local SEED = 1 -- of the order of the batches
local TRAINING = {"objective", "clip", "accumulate", "autocast", "B", "T"} -- options that train.new gets

local Found = {__name = "lr_find"}
Found.__index = Found

function Found:__tostring()
  local ending = self.stopped and (": stopped at %s, the loss is %s"):format(rate_text(self.last), self.stopped) or ""
  local range = ("lr_find: %d steps from %s to %s%s"):format(#self.lr, rate_text(self.lr[1] or self.last), rate_text(self.last), ending)
  if not self.suggestion then return range .. "\nno suggestion: the loss does not fall in this range" end
  return ("%s\nsteepest at %.3g, valley at %.3g, least loss %.4f at %.3g (a tenth of it: %.3g)"):format(range,
    self.suggestion, self.valley, self.least, self.lowest, self.lowest / 10)
end

--- Mark of a learning rate on the smoothed curve.
local function mark(found, rate, title)
  for i, lr in ipairs(found.lr) do
    if lr == rate then return {x = {lr}, y = {found.smooth[i]}, title = title, style = "stars"} end
  end
end

--- found:plot{title =, save =}: loss by learning rate, raw and smoothed, with the suggestions marked.  The axis ends above the first
-- loss: the climb at the end must not flatten the fall.
function Found:plot(o)
  if #self.lr == 0 then keywords.fail "lr_find: plot: nothing to draw: the first loss is not finite" end
  local made = {{x = self.lr, y = self.smooth, title = "smoothed"}, {x = self.lr, y = self.loss, title = "loss", style = "points"},
                xlabel = "learning rate", ylabel = "loss", logx = 2, title = o.title, save = o.save}
  local fall = self.smooth[1] - self.least
  if fall > 0 then made.ylim = {self.least - 0.2 * fall, self.smooth[1] + 0.5 * fall} end
  made[#made + 1] = mark(self, self.suggestion, "steepest")
  made[#made + 1] = mark(self, self.valley, "valley")
  return plot(made)
end

--- The middle of the longest fall of a list, which may pause: as many items before its end as half of it has.
local function middle_of_fall(y)
  local length, last = {}, 1
  for i = 1, #y do
    length[i] = 1
    for k = 1, i - 1 do
      if y[k] > y[i] then length[i] = math.max(length[i], length[k] + 1) end
    end
    if length[i] > length[last] then last = i end
  end
  return last - length[last] // 2
end

--- Steepest fall of the smoothed loss by log of the learning rate, and the valley, the middle of its longest fall: both without the
-- first tenth, whose average is young, and the last five, which already climb; and the least smoothed loss.
local function judge(found)
  local x, y, steepest = found.lr, found.smooth, 0
  for i, value in ipairs(y) do
    if not found.least or value < found.least then found.least, found.lowest = value, x[i] end
  end
  local from, to = math.max(2, #x // 10 + 1), #x - 5
  for i = from, to do
    local slope = (y[i + 1] - y[i - 1]) / math.log(x[i + 1] / x[i - 1])
    if slope < steepest then steepest, found.suggestion = slope, x[i] end
  end
  if not found.suggestion then return end
  found.valley = x[from - 1 + middle_of_fall(table.move(y, from, to, 1, {}))]
end

--- The options, with `run`, what train.new shall get.
local function read(o)
  local from, to, steps, optimizers = o.from, o.to, o.steps, o.optim
  if from >= to then keywords.fail("lr_find: expected from < to, got %s and %s", from, to) end
  if not family.callable(optimizers) then
    optimizers = {lr = 1.0}
    for key, value in pairs(keywords.list("lr_find: optim", o.optim or {})) do optimizers[key] = value end
    if optimizers.lr ~= 1.0 then keywords.fail "lr_find: lr is what is looked for: leave it out of optim" end
  end
  local run = {data = o.data, optim = optimizers, steps = steps, progress = false,
               schedule = function(step) return from * (to / from) ^ (step / (steps - 1)) end}
  for _, key in ipairs(TRAINING) do run[key] = o[key] end
  if settings.is_tokens(o.data) then -- shuffled: a text changes on its way, and the loss with it
    run.data = o.data:loader {B = o.B, T = o.T or settings.sequence_len(o.model), shuffle = true, seed = SEED}
    run.B, run.T = nil, nil
  end
  o.run = run
  return o
end

--- Runs until the loss climbs too high -> why it ended before its last step; tick() after each one.
local function grow(o, t, found, tick)
  local average, least = 0.0, math.huge
  for i = 1, o.steps do
    found.last = t.schedule(i - 1)
    if not family.step(t) then return "not finite" end
    tick()
    average = o.smooth * average + (1 - o.smooth) * t.loss
    found.lr[i], found.loss[i], found.smooth[i] = found.last, t.loss, average / (1 - o.smooth ^ i)
    least = math.min(least, found.smooth[i])
    if least > 0 and found.smooth[i] > o.limit * least then return ("%g times the least"):format(o.limit) end
  end
end

--- The same with a line on stderr that tells how far it is.
local function show_grow(o, t, found)
  local bar = progress.new(t, o.steps)
  local function finish() bar:finish() end
  local why = native.guard(finish, grow, o, t, found, function() bar:tick() end)
  finish()
  return why
end

--- lr_find{model =, data =, from = 2^-17, to = 2, steps = 100, …} -> found.
-- data    tokens, cut into shuffled batches B x T, or a loader
-- optim   settings {name = "AdamW", …}, whose lr goes from `from` to `to`; or function(model) -> optimizers, whose own lr is
--         multiplied by these
-- limit   ends when the smoothed loss is limit (4) times the least, or not finite; smooth (0.8): decay of the average, which is
--         late by about 1 / (1 - smooth) steps
-- objective, clip, accumulate, autocast, progress as in train.new
-- found.suggestion: where the smoothed loss falls fastest; .valley: the middle of its longest fall; .lowest: where it is
-- least, .least; .lr, .loss, .smooth, found:plot{save =}.  It works on a copy of the model; random streams and the loader are
-- put back.
local function lr_find(options)
  local o = read(options)
  local streams <close> = family.keep_streams() -- luacheck: no unused
  local place <close> = family.keep_place(o.data) -- luacheck: no unused
  local grad <close> = torch.set_grad_enabled(true) -- luacheck: no unused
  o.run.model = o.model:clone()
  local found = setmetatable({lr = {}, loss = {}, smooth = {}}, Found)
  local t = trainer.make(o.run, "lr_find")
  if o.progress then found.stopped = show_grow(o, t, found) else found.stopped = grow(o, t, found, function() end) end
  judge(found)
  return found
end

keywords.sign(Found, "plot(self: lr_find, {title: string = nil, save: string = nil})", "lr_find:")

local public = {lr_find = lr_find}
keywords.sign(public, "lr_find({model: module, data: any = nil, optim: any = nil, from: number(0,) = 7.62939453125e-06, to: number(0,) = 2.0, " ..
  "steps: integer[10,] = 100, limit: number(1,) = 4, smooth: number(0,1) = 0.8, progress: boolean = true, " ..
  settings.text(TRAINING) .. "})")
return public
