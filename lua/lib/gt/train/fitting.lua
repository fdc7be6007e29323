--- fitting.lua: do data, validation data, tokenizer and model belong together?  What cannot be meant is refused before the
-- first step; what may be meant is said once.

local keywords = require "base.keywords"
local settings = require "gt.train.settings"

local fitting = {}

local said = {}

--- Says it once on stderr; what: who got it ("train.new").
function fitting.note(what, format, ...)
  local text = format:format(...)
  if said[text] then return end
  said[text] = true
  io.stderr:write(what, ": note: ", text, "\n")
end

local note = fitting.note

--- The largest id of tokens that may hold larger ones than the model knows.
local function largest_id(tokens)
  local largest = 0
  for x, y in tokens:windows {B = 16, T = 1024} do
    largest = math.max(largest, x:max():item(), y:max():item())
  end
  return largest
end

--- Refuses tokens that the model has no embedding for.
local function check_ids(what, vocab_size, tokens, name)
  if not settings.is_tokens(tokens) or tokens.vocab_size <= vocab_size then return end
  local largest = largest_id(tokens)
  if largest >= vocab_size then
    keywords.fail("%s: expected ids below %d, the vocab_size of the model, got %d in %s", what, vocab_size, largest, name)
  end
end

--- A table with more rows than there are tokens, to a multiple of 8, is usual: it is faster.
local function check_size(what, vocab_size, tok)
  local tokens = tok and tok.vocab_size
  if not tokens or tokens == vocab_size or vocab_size > tokens and vocab_size % 8 == 0 then return end
  note(what, "the tokenizer has %d tokens, the model a vocab_size of %d", tokens, vocab_size)
end

--- Do two tokenizers have the same text for each id?
local function same_tokens(a, b)
  if rawequal(a, b) then return true end
  if a.vocab_size ~= b.vocab_size then return false end
  local ids = torch.arange(a.vocab_size)
  return a:decode(ids) == b:decode(ids) and torch.equal(a:byte_lengths(), b:byte_lengths())
end

local function is_own(tokens) return torch.type(tokens) == "Tokens" end

local function check_val(what, tokens, val)
  if not is_own(tokens) or not is_own(val) then return end
  local a, b = tokens.tokenizer, val.tokenizer
  if a and b and not same_tokens(a, b) then
    keywords.fail("%s: expected val to have the tokenizer of data (%d tokens), got another one (%d tokens): " ..
                  "data.text(path, {tokenizer = tokens.tokenizer}) takes it", what, a.vocab_size, b.vocab_size)
  end
  if tokens:overlaps(val) then
    note(what, "val holds tokens that are trained on: %s and %s; tokens:split() parts them", tokens.source, val.source)
  end
end

--- fitting.check(what, model, tokens, val, tokenizer): what: who got them ("train.new"); all but the first two may be nil.
function fitting.check(what, model, tokens, val, tok)
  local vocab_size = model:has "config" and type(model.config) == "table" and model.config.vocab_size
  if math.type(vocab_size) == "integer" then
    check_ids(what, vocab_size, tokens, "data")
    check_ids(what, vocab_size, val, "val")
    check_size(what, vocab_size, tok)
  end
  check_val(what, tokens, val)
end

return fitting
