-- %% [markdown]
-- # Does the best learning rate move with the width?
-- One small GPT at several widths, trained at every rate under the standard parametrization and under muP (Tensor Programs V,
-- arXiv 2203.03466, Table 8). Under the first the best rate falls as the model grows; under muP the rate found at the smallest
-- width serves all of them. On two cores this takes minutes; `-p quick=true` makes narrower models in seconds.

-- %% parameters tags=["parameters"]
quick = false
journal = ""
figure = "plots/mup_transfer.svg"

-- %% settings
-- The smallest width is the base of muP: there both rules are the same runs. Heads keep their size.
size = quick and {head = 16, widths = {32, 128}, from = -9, steps = 60, batch = 4, seeds = 2}
  or {head = 32, widths = {64, 128, 256}, from = -10, steps = 80, batch = 8, seeds = 3}
base, widest = size.widths[1], size.widths[#size.widths]
train_tokens, val_tokens = data.demo():split(0.9);

-- %% one sweep
-- The score is the loss on text that was not trained on, the same for all seeds.
function sweep_under(rule)
  return sweep{
    lr = pow2(size.from, -4), width = size.widths, seeds = size.seeds, steps = size.steps,
    model = {n_layers = 2, head_dim = size.head, vocab_size = 256, sequence_len = 32, tied = false},
    rule = rule, optim = {betas = {0.9, 0.95}},
    data = train_tokens, B = size.batch, T = 32, val = val_tokens:view(0, 4096),
    schedule = schedule.wsd{total = size.steps, warmup = size.steps // 8, decay = size.steps * 2 // 5},
    journal = journal ~= "" and journal or nil,
  }
end

-- %% standard: one rate for all tensors
standard = sweep_under "standard"
standard

-- %% muP: hidden matrices at rate / m, the readout times 1 / m, m = width / base
mup = sweep_under "mup"
mup

-- %% what was to be shown
function losses(result, width)
  local out = {}
  for _, point in ipairs(result.points) do
    if point.width == width then table.insert(out, point.loss) end
  end
  return torch.tensor(out, {dtype = torch.float64})
end
print(f"at width {base} both are the same runs: {torch.equal(losses(standard, base), losses(mup, base))}")
moves = {standard.drift.octaves or 0 / 0, mup.drift.octaves or 0 / 0} -- NaN: an optimum at the edge of the rates
print(f"from width {base} to {widest} the best rate moves by {moves[1]:.2f} octaves, under muP by {moves[2]:.2f}")
print(f"standard: an octave or more: {moves[1] <= -1}; muP: at most three quarters: {math.abs(moves[2]) <= 0.75}")
-- expect: both are the same runs: true
-- expect: standard: an octave or more: true; muP: at most three quarters: true

-- %% the figure: standard errors over seeds, a star at each optimum
curves = {title = "Best learning rates under the standard parametrization and under muP", save = figure,
          xlabel = "learning rate", ylabel = f"validation loss after {size.steps} steps", logx = 2}
function draw(curve, title, colour)
  table.insert(curves, {x = curve.lr, y = curve.mean, error = curve.error, title = title, style = "linespoints", colour = colour})
  local at = curve.optimum
  if at.log2 then table.insert(curves, {x = {2 ^ at.log2}, y = {at.fitted}, style = "stars", colour = colour}) end
end
draw(mup.curves[1], f"width {base}, both", "#000000")
colours = {{"#E69F00", "#D55E00"}, {"#56B4E9", "#0072B2"}} -- pale for narrow, strong for wide
for k, named in ipairs{{"standard", standard}, {"muP", mup}} do
  for i = 2, #size.widths do draw(named[2].curves[i], f"width {size.widths[i]}, {named[1]}", colours[k][i - 1]) end
end
plot(curves);
