--- bpb.lua: mean loss and bits per byte over every target of a token sequence.  All sums are float64.
--
--   nanochat:  sum nll [bytes(y) > 0] / (ln 2  sum bytes(y)); bytes(y): raw bytes of the target, 0 for special tokens
--   golf:      sum nll / (ln 2  sum (bytes(y) + (space(y) and not boundary(x)))); x: the token before y.  Special targets
--              count in the numerator; the blank in front of a word counts unless it follows a special token
-- (karpathy/nanochat, loss_eval.py; openai/parameter-golf, train_gpt.py)

local native = require "native.train"
local keywords = require "base.keywords"
local fitting = require "gt.train.fitting"
local settings = require "gt.train.settings"
local step = require "gt.train.step"

local targets = step.targets

local M = {}

-- ---- bytes of tokens ----

local function table_of(tokenizer, method)
  local ok, values = pcall(function() return tokenizer[method](tokenizer) end)
  return ok and values or nil
end

--- Byte counts of the ids, or nil when the tokenizer does not know them: {lengths, spaces, boundaries} (V) int64.
local function byte_tables(tokenizer)
  local lengths = tokenizer and table_of(tokenizer, "byte_lengths")
  if not lengths then return nil end
  if torch.type(tokenizer) == "Tokenizer" and tokenizer.kind == "sentencepiece" and not tokenizer:id " " then
    fitting.note("train.bpb", "the SentencePiece model has no piece for a blank alone, which counts as the 3 bytes of " ..
                 "'\u{2581}': the bits per byte are too low")
  end
  local spaces, boundaries = table_of(tokenizer, "space_flags"), table_of(tokenizer, "boundary_flags")
  return {lengths = lengths:long(), spaces = spaces and spaces:long(),
          boundaries = boundaries and boundaries:long() or lengths:eq(0):long()}
end

--- Tokens without a tokenizer are bytes when there are 256 of them.
local function tables_for(tokens, tokenizer)
  local known = byte_tables(tokenizer or tokens.tokenizer)
  if known or tokenizer or tokens.tokenizer or tokens.vocab_size ~= 256 then return known end
  return {lengths = torch.ones(256, {dtype = torch.int64}), boundaries = torch.zeros(256, {dtype = torch.int64})}
end

local definitions = {}

--- Sum of the counted losses and bytes of a batch; all (n): nll float64, x, y int64.
function definitions.nanochat(tables, nll, _, y)
  local bytes = tables.lengths:index_select(0, y)
  if tables.spaces then bytes = bytes + tables.spaces:index_select(0, y) end
  return (nll * bytes:gt(0):double()):sum():item(), bytes:sum():item()
end

function definitions.golf(tables, nll, x, y)
  local bytes = tables.lengths:index_select(0, y)
  if tables.spaces then
    bytes = bytes + tables.spaces:index_select(0, y) * (1 - tables.boundaries:index_select(0, x))
  end
  return nll:sum():item(), bytes:sum():item()
end

-- ---- walking over the targets ----

--- Calls visit(x, y) for each batch of windows.  Of the last one whole rows come first and then the row that is left, as
-- short as it is: no target is masked, which losses of users' own need not know of.  Windows of users' own may mask others.
local function each_window(tokens, o, visit)
  for x, y, n in tokens:windows {B = o.B, T = o.T} do
    local T = y:size(1)
    local rows, rest = n // T, n % T
    if targets(y:reshape(-1):narrow(0, 0, n)) < n then rows, rest = y:size(0), 0 end
    if rows > 0 then visit(x:narrow(0, 0, rows), y:narrow(0, 0, rows)) end
    if rest > 0 then
      visit(x:narrow(0, rows, 1):narrow(1, 0, rest):contiguous(), y:narrow(0, rows, 1):narrow(1, 0, rest):contiguous())
    end
  end
end

--- Calls visit(nll, x, y) for each batch: losses float64, inputs and targets, all (n) for the n targets of the batch that
-- count.  A model that returns nothing but its mean has that as the loss of each target.
local function each_batch(losses, tokens, o, visit)
  each_window(tokens, o, function(x, y)
    local count = targets(y)
    if count == 0 then return end
    local nll = losses(x, y):detach():reshape(-1):double():expand({y:numel()})
    x, y = x:reshape(-1), y:reshape(-1)
    if count < y:numel() then
      local kept = y:ne(-1)
      nll, x, y = nll:masked_select(kept), x:masked_select(kept), y:masked_select(kept)
    end
    visit(nll, x, y)
  end)
end

local function bits(nll, bytes) return bytes > 0 and nll / (math.log(2) * bytes) or math.huge end

local function mean(sum, count)
  if count == 0 then keywords.fail("expected targets to take the mean over, got none: all are -1") end
  return sum / count
end

--- Mean loss, and bits per byte where bytes are known (nanochat's definition), for the trainer.
function M.measure(t, tokens, o)
  local B, T = o.B or t.loader.B or 12, o.T or t.loader.T or settings.sequence_len(t.model) or 64
  local sum, count, counted, bytes = 0.0, 0, 0.0, 0
  if t.objective then -- only its mean is known
    each_window(tokens, {B = B, T = T}, function(x, y)
      local loss, n = step.loss_of(t, x, y)
      if n > 0 then sum, count = sum + loss:item() * n, count + n end
    end)
    return mean(sum, count)
  end
  local tables = tables_for(tokens, t.tokenizer)
  local function losses(x, y) return t:loss_of(x, y, {loss_reduction = "none"}) end
  each_batch(losses, tokens, {B = B, T = T}, function(nll, x, y)
    sum, count = sum + nll:sum():item(), count + nll:numel()
    if not tables then return end
    local a, b = definitions.nanochat(tables, nll, x, y)
    counted, bytes = counted + a, bytes + b
  end)
  return mean(sum, count), tables and bits(counted, bytes) or nil
end

--- train.bpb(model, tokens[, tokenizer[, {definition = "nanochat" | "golf", B = 12, T =}]]) -> bits per byte, mean loss,
-- bytes, targets.  Every target of tokens counts once; T is the longest sequence of the model unless given.
function M.bpb(model, tokens, tokenizer, o)
  if not settings.is_tokens(tokens) then
    keywords.fail("train.bpb: expected tokens, got %s", keywords.show(tokens))
  end
  local definition = definitions[o.definition]
  local tables = tables_for(tokens, tokenizer)
  if not tables then keywords.fail("train.bpb: needs a tokenizer that knows the bytes of its tokens") end
  local T = o.T or settings.sequence_len(model)
  local sum, count, counted, bytes = 0.0, 0, 0.0, 0
  local training = model.training
  local function back() model:train(training) end
  native.guard(back, function()
    local _ <close> = torch.no_grad()
    model:eval()
    each_batch(function(x, y) return model(x, y, {loss_reduction = "none"}) end, tokens, {B = o.B, T = T},
      function(nll, x, y)
        local a, b = definition(tables, nll, x, y)
        sum, count, counted, bytes = sum + nll:sum():item(), count + nll:numel(), counted + a, bytes + b
      end)
  end)
  back()
  return bits(counted, bytes), mean(sum, count), bytes, count
end

keywords.sign(M, [[bpb(model: module, tokens, tokenizer = nil,
  {definition: "nanochat"|"golf" = "nanochat", B: integer[1,] = nil, T: integer[1,] = nil})]], "train.")

return M
