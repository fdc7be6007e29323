--- sweep.lua: one model trained at many learning rates, widths and seeds, and where the best learning rate is.

local book = require "gt.sweep.book"
local family = require "gt.family"
local journal = require "gt.sweep.journal"
local keywords = require "base.keywords"
local options = require "gt.sweep.options"
local point_of = require "gt.sweep.point"
local processes = require "gt.sweep.processes"
local ranks = require "gt.sweep.ranks"
local result = require "gt.sweep.result"

--- The point of a width, described by point_of.fingerprint.
local function make_point(width, lr, seed, of)
  return {width = width, lr = lr, seed = seed, work = of.work, device = of.device, of = of,
          key = ("%s lr %a seed %d"):format(of.fingerprint, lr, seed)}
end

--- The points in order: widths, learning rates, seeds.  Every width is tried before anything runs.
local function grid(s)
  local points = {}
  for i = 1, math.max(1, #s.widths) do
    local width = s.widths[i]
    local of = point_of.describe(s, width)
    for _, lr in ipairs(s.lr) do
      for _, seed in ipairs(s.seeds) do points[#points + 1] = make_point(width, lr, seed, of) end
    end
  end
  return points
end

--- Adds what lies half way between each optimum and its neighbours -> was there anything to add?
local function refine(points, r, seeds)
  local before, of = #points, {}
  for _, point in ipairs(points) do of[point.width or 0] = point.of end
  for _, curve in ipairs(r.curves) do
    for _, lr in ipairs(result.between(curve)) do
      for _, seed in ipairs(seeds) do
        points[#points + 1] = make_point(curve.width, lr, seed, of[curve.width or 0])
      end
    end
  end
  return #points > before
end

--- Points one after another, in this session.
local function here(s, points, known)
  for _, point in ipairs(points) do
    known:done(point, point_of.run(s, point, function(t) known:tick(point, t.step_count, t.smooth_loss) end))
    torch.tidy(collectgarbage)
  end
end

--- Runs what is not known yet.
local function run(s, points, known)
  if ranks.run(s, points, known) then return end
  local missing = known:missing(points)
  if #missing == 0 then return end
  local jobs = processes.jobs(s, missing)
  known:follow(points, missing, s, function()
    if jobs == 1 then here(s, missing, known) else processes.run(s, missing, known, jobs) end
  end)
end

--- What is known of the points by now.
local function result_of(s, points, known)
  local records = {}
  for i, point in ipairs(points) do
    records[i] = known.known[point.key] or
      {width = point.width, lr = point.lr, seed = point.seed, failed = known.failed[point.key]}
  end
  local what = s.training.val and ("validation loss after %d steps"):format(s.steps)
    or ("training loss, mean of the last %d of %d steps"):format(s.last, s.steps)
  return result.new {lr = s.lr, widths = s.widths, seeds = s.seeds, steps = s.steps, score = what, points = records}
end

local unfinished = {} -- records of a sweep without journal that was stopped or lost points, for the next call

--- sweep{lr = pow2(-14, -4), width = {64, 128}, seeds = 2, model = function(point) … end, data =, steps = 100, …} -> result.
-- lr         learning rates; pow2(from, to[, step]) makes powers of two
-- width      widths, handed to model as point.width; seeds: a list, or n for 1 … n
-- model      function(point) -> a model with weights drawn after manual_seed(point.seed), so that points of one seed differ
--            in nothing but the learning rate; or a model, whose copies begin with its weights; or settings of GPTs:
--            {n_layers = 2, head_dim = 32, …}
-- optim      function(model, point) -> optimizers; or settings {name = "AdamW", weight_decay = …} that get point.lr
-- rule       a parametrization, or its name with base = … (the first width): it draws the weights and makes the optimizers
-- data       tokens, cut into shuffled batches B x T by point.seed, or a loader: every point begins at its position
-- steps      of every point; schedule, momentum, clip, accumulate, autocast, objective as in train.new
-- val        tokens: the score is the loss on them; else the mean training loss of the `last` (a tenth) steps
-- refine     true: two more learning rates half way to the neighbours of each optimum; n: that n times
-- jobs       how many points at a time, each in a copy of this session with one thread; nil: as many as there are threads,
--            where memory allows; 1: in this session, where an error ends the sweep and functions may keep what they see.
--            A copy that dies costs its point alone: the same call again tries that.  Under mpirun each rank runs one at a time
-- limit      a point whose smoothed loss is above limit (1.5) times its first, or not finite, has diverged and ends
-- journal    a file for finished points: the same call again continues after the last one, whatever ended it.  Known are
--            points of the same learning rate, seed, options, initial state and data; what functions do later is not compared
-- tostring(result) is the table; result:plot{save =}; result.points, .curves, .drift as data.  Models are copies; random
-- streams and the loader are put back.
local function sweep(given)
  local _ <close> = family.keep_streams()
  local grad <close> = torch.set_grad_enabled(true) -- luacheck: no unused
  local s = options.read(given)
  local loader <close> = family.keep_place(s.data)
  s.start = loader.place
  local points = grid(s)
  local file <close> = s.journal and ranks.first() and journal.open(s.journal) or nil
  local known = book.new(file, unfinished)
  run(s, points, known)
  local r = result_of(s, points, known)
  for _ = 1, s.refine do
    if not refine(points, r, s.seeds) then break end
    run(s, points, known)
    r = result_of(s, points, known)
  end
  if not next(known.failed) then unfinished = {} end
  return r
end

local public = {sweep = sweep, pow2 = options.pow2}
keywords.sign(public, "sweep({" .. options.TEXT .. "}) pow2(from: number, to: number, step: number = 1)")
return public
