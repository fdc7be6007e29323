--- generate.lua: m:generate: one token after the other, with a cache of keys and values where the model
-- takes one.  The ids lie in one tensor from the start; sampling is native.

local native = require "native.module"
local keywords = require "base.keywords"

local generate = {}

-- ---- bytes to text ----

-- The beginning of a character whose other bytes are still to come.
local function is_begun(bytes)
  return bytes:find "^[\xC2-\xDF]$" or bytes:find "^[\xE0-\xEF][\x80-\xBF]?$"
    or bytes:find "^[\xF0-\xF4][\x80-\xBF]?[\x80-\xBF]?$"
end

--- bytes -> the text they hold, bytes of a character that is not complete.  What cannot be UTF-8 becomes U+FFFD.
function generate.split_text(bytes, at_end)
  local parts = {}
  while bytes ~= "" do
    local length, bad = utf8.len(bytes)
    if length then
      parts[#parts + 1] = bytes
      return table.concat(parts), ""
    end
    parts[#parts + 1] = bytes:sub(1, bad - 1)
    bytes = bytes:sub(bad)
    if not at_end and is_begun(bytes) then break end
    parts[#parts + 1] = "\u{FFFD}"
    bytes = bytes:sub(2)
  end
  return table.concat(parts), bytes
end

--- The function that gets every token of the stream, and the one that ends it.
local function listener(stream, tokenizer)
  if not stream then return function() end, function() end end
  local write = stream
  if stream == true then
    local terminal = package.loaded["native.terminal"]
    local raw = terminal and not terminal.is(1) and terminal.write -- to a file or a program the text goes as it is
    write = function(text)
      if raw then raw(1, text) else io.stdout:write(text) end
      io.stdout:flush()
    end
  end
  local waiting = ""
  local function hear(id)
    local text
    text, waiting = generate.split_text(waiting .. (tokenizer and tokenizer:token(id) or ""))
    write(text, id)
  end
  local function finish()
    if waiting ~= "" then write((generate.split_text(waiting, true))) end
    if stream == true then write "\n" end
  end
  return hear, finish
end

-- ---- the prompt ----

local function tokenizer_of(model, given)
  if given ~= nil then return given end
  if model:has "tokenizer" then return model.tokenizer end
end

--- prompt -> int64 tensor (B, T) on the cpu, dimensions of the prompt, its tokenizer if it was text or one is known
local function read_prompt(model, prompt, given, vocab_size)
  local tok = tokenizer_of(model, given)
  if type(prompt) == "string" then
    if not tok and vocab_size < 256 then
      keywords.fail("generate: expected a tokenizer for text, {tokenizer = …}: the model has only %d tokens", vocab_size)
    end
    tok = tok or tokenizer.bytes()
    prompt = tok:encode(prompt)
  elseif type(prompt) == "table" then
    prompt = torch.tensor(prompt, {dtype = torch.int64})
  elseif not torch.is_tensor(prompt) then
    keywords.fail("generate: expected text, a list of ids or a tensor, got %s", torch.type(prompt))
  end
  local ndim = prompt.ndim
  if ndim < 1 or ndim > 2 or prompt:size(-1) == 0 or prompt:size(0) == 0 then
    keywords.fail("generate: expected a prompt of at least one token, (T) or (B, T), got %s", tostring(prompt.shape))
  end
  if prompt.dtype.is_floating_point or prompt.dtype == torch.bool then
    keywords.fail("generate: expected ids, got %s", tostring(prompt.dtype))
  end
  prompt = prompt:detach():to("cpu"):to(torch.int64)
  if ndim == 1 then prompt = prompt:unsqueeze(0) end
  local low, high = prompt:min():item(), prompt:max():item()
  if low < 0 or high >= vocab_size then
    keywords.fail("generate: expected ids in 0 ... %d, got %d", vocab_size - 1, low < 0 and low or high)
  end
  return prompt, ndim, tok
end

-- ---- settings ----

--- The options of m:generate as a signature has them in braces.
generate.OPTIONS = "max_new_tokens: integer[0,] = 100, temperature: number = 1, top_k: integer[1,] = nil, top_p: number = 1, " ..
  "seed: integer = nil, stream: boolean|function = false, stop: integer[0,]|list = nil, cache: boolean = nil, " ..
  "context: integer[1,] = nil, tokenizer: any = nil"
generate.read = keywords.options("generate({" .. generate.OPTIONS .. "})")

local read_stop = keywords.options "generate({stop: integer[0,]})"

local function stop_set(stop)
  local set = {}
  for _, id in ipairs(type(stop) == "table" and stop or {stop}) do set[read_stop{stop = id}.stop] = true end
  return set
end

--- A seed of the session's own random streams.
local function fresh_seed()
  local seed, stream = require "native".random_stream()
  return seed * 0x2545F4914F6CDD1D + stream * 0x9E3779B97F4A7C15
end

local function settings_of(model, o, config)
  local longest = config.position == "rope" and model.rotary_seq_len or config.sequence_len
  local s = {
    count = o.max_new_tokens, temperature = o.temperature, top_k = o.top_k or 0, top_p = o.top_p, seed = o.seed,
    context = o.context or config.sequence_len, stop = stop_set(o.stop), vocab_size = config.vocab_size or math.maxinteger,
    stream = o.stream, tokenizer = o.tokenizer, device = model:parameters()().device,
  }
  if s.context > longest then keywords.fail("generate: expected context 1 ... %d, got %d", longest, s.context) end
  native.sample_check(s.temperature, s.top_k, s.top_p)
  s.cached = o.cache ~= false and native.gpt_takes_cache(model)
  if o.cache == true and not s.cached then
    keywords.fail "generate: this model cannot use a cache: part of it is written in Lua; pass cache = false"
  end
  return s
end

-- ---- the loop ----

--- Logits (B, V) after the first n columns of ids.
local function next_logits(model, s, ids, n, cache)
  local from = math.max(n - s.context, 0)
  local options = {last_only = true}
  if cache and from == 0 then
    from, options.cache = cache.position, cache
  end
  local idx = ids:slice(1, from, n):to(s.device)
  if not native.gpt_takes_cache(model) then return model(idx):select(1, -1) end
  return model(idx, options):select(1, 0)
end

--- Writes tokens into ids after the prompt; state.n counts the columns that are written.
local function run(model, s, ids, state, hear)
  local B, last = ids:size(0), state.n + s.count
  local _ <close> = torch.no_grad()
  local cache <close> = s.cached and s.count > 0 and model:cache {B = B, T = math.min(s.context, last)} or nil
  local ended, running = {}, B
  while state.n < last and running > 0 do
    local logits = next_logits(model, s, ids, state.n, cache)
    local tokens = native.sample(logits, ids, state.n, s.temperature, s.top_k, s.top_p, s.seed)
    for b, id in ipairs(tokens) do
      if ended[b] then
        ids[{b - 1, state.n}] = ended[b]
      elseif s.stop[id] then
        ended[b], running = id, running - 1
      end
    end
    state.n = state.n + 1
    if running > 0 then hear(tokens[1]) end
  end
end

--- ids (B, T) as the user gave them, and their text when there is a tokenizer.
local function results(ids, n, ndim, tok)
  local out = native.columns(ids, n)
  if ndim == 1 then out = native.row(out, 0) end
  if not tok then return out end
  if ndim == 1 then return out, tok:decode(out) end
  local texts = {}
  for b = 0, ids:size(0) - 1 do texts[b + 1] = tok:decode(native.row(out, b)) end
  return out, texts
end

--- options: complete, as generate.read gives them.  config: {vocab_size =, sequence_len =} of a model that does not tell; without vocab_size ids are not checked.
function generate.generate(model, prompt, options, config)
  local s = settings_of(model, options, config or native.gpt_config(model) or model.config)
  local ids, ndim, tok = read_prompt(model, prompt, s.tokenizer, s.vocab_size)
  local B, state = ids:size(0), {n = ids:size(1)}
  if B > 1 and s.stream then keywords.fail("generate: expected one sequence to stream, got %d", B) end
  s.seed = s.seed or fresh_seed()
  ids = torch.cat({ids, torch.zeros({B, s.count}, {dtype = torch.int64, device = "cpu"})}, 1)
  local hear, finish = listener(s.stream, tok)
  local modes = native.modes(model)
  native.train(model, false)
  local ok, message = pcall(run, model, s, ids, state, hear)
  native.set_modes(model, modes)
  if not ok and not native.interrupted() then error(message, 0) end
  finish()
  return results(ids, state.n, ndim, tok)
end

return generate
