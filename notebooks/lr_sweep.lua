-- %% [markdown]
-- # Which learning rate, and does it depend on the width?
-- One small GPT at several widths, each trained from the same seeds at every learning rate; the loss by learning rate is drawn with
-- gnuplot. Stop it with Ctrl-C or kill it: with `journal` naming a file, running it again continues after the last point.

-- %% parameters tags=["parameters"]
widths = "64 128 256"
from, to = -11, -4
seeds = 2
steps = 80
journal = ""
figure = "plots/lr_sweep.svg"

-- %% text
train_tokens = data.demo():split(0.9)
train_tokens

-- %% one point
-- Models and optimizers are made anew for every point. This is the standard parametrization: the same learning rate for all
-- tensors, whatever the width.
function make_model(point)
  local model = GPT{hidden_dim = point.width, n_layers = 2, n_heads = point.width // 32, vocab_size = 256,
                    sequence_len = 32, tied = false}
  model:init_weights()
  return model
end

-- %% the sweep
-- Warm up for a tenth, stay, fall to zero over the last two fifths: the score is the mean loss of the last steps.
width_list = {}
for width in widths:gmatch "%d+" do table.insert(width_list, math.tointeger(width)) end
result = sweep{
  lr = pow2(from, to),
  width = width_list,
  seeds = seeds,
  model = make_model,
  optim = {name = "AdamW", betas = {0.9, 0.95}, weight_decay = 0.0},
  data = train_tokens, B = 8, T = 32,
  schedule = schedule.wsd{total = steps, warmup = math.max(1, steps // 10), decay = math.max(1, steps * 2 // 5)},
  steps = steps,
  journal = journal ~= "" and journal or nil,
}
result
-- expect: learning rates

-- %% its figure
result:plot{title = f"AdamW, standard parametrization, {steps} steps", save = figure}
