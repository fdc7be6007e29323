-- Bits per byte by two definitions, against sums made by hand.
local test = require "harness"

-- A model whose loss depends on the token and the one before only: windows must not matter to it.
local Bigram = nn.class "Bigram"
function Bigram:init(vocab_size)
  torch.manual_seed(3)
  self.logits = nn.Parameter(torch.randn(vocab_size, vocab_size))
end
function Bigram:forward(x, y, options)
  local rows = self.logits:index_select(0, x:reshape(-1))
  return F.cross_entropy(rows, y:reshape(-1), {ignore_index = -1, reduction = (options or {}).loss_reduction})
end

local text = "To be, or not to be: that is the question. Grüße!"
local tokens = data.text {text = text}
local model = Bigram(256)

--- Losses of all targets as Lua numbers, computed one by one in float64.
local function losses(ids, m)
  local out = {}
  local table_ = m.logits:detach():double()
  for i = 1, #ids - 1 do
    local row = table_:select(0, ids[i])
    out[i] = (torch.logsumexp(row, 0) - row[ids[i + 1]]):item()
  end
  return out
end

test("bytes without a tokenizer are one byte each", function()
  local ids = {text:byte(1, -1)}
  local sum = 0.0
  for _, nll in ipairs(losses(ids, model)) do sum = sum + nll end
  local bpb, mean, bytes, targets = train.bpb(model, tokens)
  test.equal({bytes, targets}, {#text - 1, #text - 1})
  -- losses are f32: 2^-24 of their size each, and less of their mean
  test.close(mean, sum / (#text - 1), 1e-6)
  test.close(bpb, sum / (#text - 1) / math.log(2), 1e-6)
end)

test("batches and ragged windows do not matter", function()
  local want = train.bpb(model, tokens)
  for _, T in ipairs {1, 2, 3, 7, 16, 48, 100} do
    for _, B in ipairs {1, 3, 12} do
      -- the same f32 losses, added in another order in f64
      test.close(train.bpb(model, tokens, nil, {B = B, T = T}), want, 1e-13)
    end
  end
end)

-- Six tokens: 0 is special, 1 and 2 are words with a blank in front, 3 to 5 pieces of words.
local toy = {vocab_size = 6}
local lengths, spaces, boundaries = {0, 3, 5, 2, 1, 4}, {0, 1, 1, 0, 0, 0}, {1, 0, 0, 0, 0, 0}
function toy.byte_lengths() return torch.tensor(lengths) end
function toy.space_flags() return torch.tensor(spaces):bool() end
function toy.boundary_flags() return torch.tensor(boundaries):bool() end

local ids = {0, 1, 3, 2, 2, 0, 0, 4, 1, 5, 0, 2}
local stream = {}
function stream.windows(_, o)
  local at = 1
  local B, T = o.B or 12, o.T or 64
  return function()
    if at >= #ids then return nil end
    local x, y, n = {}, {}, 0
    for row = 1, B do
      if at < #ids then
        x[row], y[row] = {}, {}
        for column = 1, T do
          x[row][column], y[row][column] = ids[at] or 0, ids[at + 1] or -1
          if at < #ids then n = n + 1 end
          at = at + 1
        end
      end
    end
    return torch.tensor(x), torch.tensor(y), n
  end
end

local small = Bigram(6)

test("nanochat leaves special targets out of both sums", function()
  local nll, sum, bytes = losses(ids, small), 0.0, 0
  for i = 2, #ids do
    local n = lengths[ids[i] + 1] + spaces[ids[i] + 1]
    if n > 0 then sum, bytes = sum + nll[i - 1], bytes + n end
  end
  for T = 1, 12 do
    local bpb, _, got = train.bpb(small, stream, toy, {B = 2, T = T})
    test.equal(got, bytes)
    test.close(bpb, sum / (math.log(2) * bytes), 1e-6)
  end
end)

test("golf counts special targets in the loss, and a blank unless it follows a special token", function()
  local nll, sum, bytes = losses(ids, small), 0.0, 0
  for i = 2, #ids do
    sum = sum + nll[i - 1]
    bytes = bytes + lengths[ids[i] + 1] + (boundaries[ids[i - 1] + 1] == 0 and spaces[ids[i] + 1] or 0)
  end
  for T = 1, 12 do
    local bpb, _, got = train.bpb(small, stream, toy, {definition = "golf", B = 3, T = T})
    test.equal(got, bytes)
    test.close(bpb, sum / (math.log(2) * bytes), 1e-6)
  end
end)

-- A model that gives token i the probability 2^-bits[i], whatever came before.
local bits = {1, 2, 3, 4, 5, 5}
local Unigram = nn.class "Unigram"
function Unigram:init()
  local logits = {}
  for i, n in ipairs(bits) do logits[i] = -n * math.log(2) end
  self.logits = nn.Parameter(torch.tensor(logits))
end
function Unigram:forward(x, y, options)
  local rows = self.logits:unsqueeze(0):expand(x:numel(), #bits)
  return F.cross_entropy(rows, y:reshape(-1), {ignore_index = -1, reduction = (options or {}).loss_reduction})
end

test("a handful of tokens, counted on paper", function()
  -- targets 1 3 2 2 0 0 4 1 5 0 2; bits of those that are text: 2 4 3 3 5 2 5 3, of the special ones 1 1 1;
  -- bytes with their blanks: 4 2 6 6 1 4 4 6, without the blanks behind a special token: 3 2 6 6 1 4 4 5
  local unigram = Unigram()
  local bpb, mean, bytes, targets = train.bpb(unigram, stream, toy)
  test.close(bpb, 27 / 33, 1e-6) -- f32 losses
  test.equal({bytes, targets}, {33, 11})
  test.close(mean, 30 * math.log(2) / 11, 1e-6)
  bpb, mean, bytes, targets = train.bpb(unigram, stream, toy, {definition = "golf"})
  test.close(bpb, 30 / 31, 1e-6)
  test.equal({bytes, targets}, {31, 11})
  test.close(mean, 30 * math.log(2) / 11, 1e-6)
end)

test("for both definitions any number of rows and any length of a window give one number", function()
  local tok = tokenizer.train(text:rep(3), {vocab_size = 270, specials = {"<|bos|>"}, progress = false})
  local documents = data.text({"LICENSE", "tests/golden/tokenizers/merges.txt"}, {tokenizer = tok})
  local bigram = Bigram(tok.vocab_size)
  for _, definition in ipairs {"nanochat", "golf"} do
    for _, case in ipairs {{small, stream, toy, #ids}, {bigram, documents, tok, #documents}} do
      local m, tokens_, tok_, count = table.unpack(case)
      local want, mean, bytes, targets = train.bpb(m, tokens_, tok_, {definition = definition, B = 1, T = count - 1})
      test.equal(targets, count - 1)
      for _, T in ipairs {1, 2, 3, 5, 7, 64, 100, count - 2, count - 1, count, 2 * count} do
        for _, B in ipairs {1, 2, 3, 5, 64} do
          if B * T * 300 > count then -- not thousands of batches
            local b, l, n, k = train.bpb(m, tokens_, tok_, {definition = definition, B = B, T = T})
            test.equal({n, k}, {bytes, targets})
            -- the same f32 losses, added in another order in f64
            test.close(b, want, 1e-12)
            test.close(l, mean, 1e-12)
          end
        end
      end
    end
  end
end)

test("the rows of a batch do not see each other", function()
  local gpt = GPT {hidden_dim = 16, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 8}
  gpt:init_weights()
  for _, definition in ipairs {"nanochat", "golf"} do
    local want = train.bpb(gpt, tokens, nil, {definition = definition, B = 1, T = 8})
    for B = 2, 9 do
      -- f32 logits of other matrix shapes
      test.close(train.bpb(gpt, tokens, nil, {definition = definition, B = B, T = 8}), want, 1e-6)
    end
  end
end)

test("nothing but special targets is infinite", function()
  local before = ids
  ids = {0, 0, 0}
  test.equal((train.bpb(small, stream, toy)), math.huge)
  ids = before
end)

test("the trainer's evaluation is the same number", function()
  local gpt = GPT {hidden_dim = 32, n_layers = 1, n_heads = 2, vocab_size = 256, sequence_len = 16}
  gpt:init_weights()
  local t = train.new {model = gpt, data = tokens, B = 2, steps = 1, val = tokens, progress = false}
  local loss, bpb = t:eval()
  local want, mean = train.bpb(gpt, tokens, nil, {B = 2, T = 16})
  test.equal({loss, bpb}, {mean, want})
  assert(gpt.training)
end)

test("wrong arguments are named", function()
  test.raises(function() train.bpb(3, tokens) end, "model expects a module, got 3")
  test.raises(function() train.bpb(model, 3) end, "expected tokens, got 3")
  test.raises(function() train.bpb(model, tokens, nil, {definition = "bits"}) end, [[definition expects "nanochat" or "golf", got 'bits']])
  test.raises(function() train.bpb(small, stream, {}) end, "needs a tokenizer that knows the bytes of its tokens")
  test.raises(function() train.bpb(model, tokens, nil, {defintion = "golf"}) end, "did you mean 'definition'")
end)

test("a model that knows no masked targets and answers only its mean is measured too", function()
  local Plain = nn.class("Plain", Bigram)
  function Plain:forward(x, y) return F.cross_entropy(self.logits:index_select(0, x:reshape(-1)), y:reshape(-1)) end
  local _, want = train.bpb(model, tokens)
  for _, B in ipairs {2, 3} do -- the last batch ends in part of a row, after whole rows and alone
    local t = train.new {model = Plain(256), data = tokens, val = tokens, B = B, T = 7, steps = 1, progress = false}
    local loss, bpb = t:eval()
    test.close(loss, want, 1e-6) -- f32 means
    test.close(bpb, want / math.log(2), 1e-6)
  end
end)

--- A SentencePiece model of these pieces; the first is what stands for everything else.
local function sentencepiece(pieces)
  local out = {}
  for i, piece in ipairs(pieces) do
    local body = "\n" .. string.pack("s1", piece) .. "\x18" .. (i == 1 and "\2" or "\1")
    out[i] = "\n" .. string.pack("s1", body)
  end
  return table.concat(out)
end

test("a SentencePiece model without a piece for a blank is told, since its bits per byte are too low", function()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  for name, pieces in pairs {with = {"<unk>", "\u{2581}", "a", "b"}, without = {"<unk>", "\u{2581}a", "a", "b"}} do
    local file = assert(io.open(folder .. "/" .. name .. ".model", "wb"))
    file:write(sentencepiece(pieces))
    file:close()
  end
  local function said(name)
    local program = [[local tok = tokenizer.load(arg[1])
      local tokens = data.tokens(torch.tensor {2, 3, 2, 3}, {tokenizer = tok})
      local m = GPT {hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = 8, sequence_len = 4}
      for _ = 1, 2 do train.bpb(m, tokens) end]]
    local path = folder .. "/bpb.lua"
    local file = assert(io.open(path, "w"))
    file:write(program)
    file:close()
    local pipe <close> = io.popen(("'%s' '%s' '%s/%s.model' 2>&1"):format(os.getenv "GPTSH" or "./gptsh", path, folder, name))
    return pipe:read "a"
  end
  local with, without = said "with", said "without"
  os.execute("rm -r " .. folder)
  test.equal(with, "")
  test.equal(without, "train.bpb: note: the SentencePiece model has no piece for a blank alone, which counts as the 3 " ..
             "bytes of '\u{2581}': the bits per byte are too low\n")
end)
