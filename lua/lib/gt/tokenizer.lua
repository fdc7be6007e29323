--- tokenizer.lua: the global `tokenizer`: making, training, loading tokenizers; their methods.

local native = require "native.tokenizer"
local keywords = require "base.keywords"

-- ---- methods ----

local Tokenizer = {}

--- tok:encode(text[, {specials = false, bos = false, eos = false}]) -> ids as an int64 tensor (T).
-- specials: names of special tokens in the text become those tokens; else they are ordinary text.
-- bos, eos: puts that token before, after the text.  Texts of more than a megabyte are encoded by all threads, to the same ids.
function Tokenizer:encode(text, o)
  for _, mark in ipairs {"bos", "eos"} do
    if o[mark] and not self[mark] then keywords.fail("encode: the tokenizer has no %s token", mark) end
  end
  return native.encode(self, text, o.specials, o.bos, o.eos)
end

--- tok:decode(ids) -> text.  ids: a tensor of shape (T) or (1, T), a list, or one id.  The text of bytes that are
-- not UTF-8 comes back as it was; special tokens become their names.
function Tokenizer:decode(ids) return native.decode(self, ids) end

--- tok:token(id) -> the bytes of the token, or nil.
function Tokenizer:token(id) return native.token(self, id) end

--- tok:id(token) -> the id of the token with these bytes, or of the special token of this name, or nil.
function Tokenizer:id(token) return native.find(self, token) end

--- tok:byte_lengths() -> int64 tensor (V): bytes of text in each token, 0 for special ones.  Tokens of a
-- SentencePiece model count without the space in front of them, which space_flags() tells: to count bytes
-- add 1 where space_flags()[token] and not boundary_flags()[the token before].  Refused for a SentencePiece model that
-- falls back to bytes and has no piece "▁": it writes a space as the three bytes of that character, which would count
-- as three, and make bits per byte too low.
function Tokenizer:byte_lengths()
  if self.kind == "sentencepiece" and not native.find(self, "▁") and native.find(self, "\xe2") then
    keywords.fail 'byte_lengths: this SentencePiece model has no piece "▁": a space is three byte tokens, not one byte'
  end
  return (native.statistics(self))
end

--- tok:space_flags() -> bool tensor (V): tokens of a SentencePiece model that begin with a space.
function Tokenizer:space_flags() return (select(2, native.statistics(self))) end

--- tok:boundary_flags() -> bool tensor (V): tokens that are marks, not text: special, unknown, unused.
function Tokenizer:boundary_flags() return (select(3, native.statistics(self))) end

local formats = {json = "gptsh", tiktoken = "tiktoken", minbpe = "minbpe"}

--- tok:save(path[, {format = "json" | "tiktoken" | "minbpe"}]): a file that tokenizer.load() reads.  "json" holds
-- everything; a rank file of tiktoken has neither pattern nor special tokens.  Without format, a path that ends in
-- .tiktoken is a rank file and one that ends in .model minbpe's.
function Tokenizer:save(path, options)
  local format = options.format or path:find "%.tiktoken$" and "tiktoken" or path:find "%.model$" and "minbpe" or "json"
  local endings = {json = {"json"}, tiktoken = {"tiktoken"}, minbpe = {"model"}}
  native.save(self, keywords.ending("save", path, endings[format]), formats[format])
end

keywords.sign(Tokenizer, [[
  encode(self: Tokenizer, text: string, {specials: boolean = false, bos: boolean = false, eos: boolean = false})
  decode(self: Tokenizer, ids: tensor|list|integer)
  token(self: Tokenizer, id: integer)
  id(self: Tokenizer, token: string)
  byte_lengths(self: Tokenizer)
  space_flags(self: Tokenizer)
  boundary_flags(self: Tokenizer)
  save(self: Tokenizer, path: string, {format: "json"|"tiktoken"|"minbpe" = nil})
]])

-- ---- fields ----

local fields = {
  kind = function(self) return (native.facts(self)) end,
  vocab_size = function(self) return (select(2, native.facts(self))) end,
  bos = function(self) return (select(3, native.facts(self))) end,
  eos = function(self) return (select(4, native.facts(self))) end,
  specials = function(self) return (select(5, native.facts(self))) end,
  pattern = function(self) return (select(6, native.facts(self))) end,
}

local names = {}
for _, part in ipairs {Tokenizer, fields} do
  for name in pairs(part) do names[#names + 1] = name end
end

native.methods(function(self, name)
  local method, field = Tokenizer[name], fields[name]
  if method then return method end
  if field then return field(self) end
  keywords.fail("Tokenizer has no field or method %s%s", keywords.show(name),
                type(name) == "string" and keywords.suggest(name, names) or "")
end, function(self)
  local kind, size = native.facts(self)
  return f"Tokenizer({kind}, {size:,} tokens)"
end)

local meta, field_names = debug.getmetatable(native.bytes()), {}
for name in pairs(fields) do field_names[#field_names + 1] = name end
meta.methods, meta.__fields = Tokenizer, field_names -- for completion and help

-- ---- making ----

local tokenizer = {methods = Tokenizer}

--- tokenizer.bytes() -> the tokenizer whose ids are the bytes 0 … 255.
function tokenizer.bytes() return native.bytes() end

--- tokenizer.chars(text) -> a tokenizer with one token for each different character of text, in the order of code
-- points.  Other characters cannot be encoded.
-- The name of a file is refused: data.text(path, {tokenizer = "chars"}).tokenizer is made of what is in it.
function tokenizer.chars(text)
  keywords.no_path("chars", text,
                   "data.text('%s', {tokenizer = 'chars'}).tokenizer is made of what is in it")
  return native.chars(text)
end

-- What published rank files and vocabularies go with; `tokens` counts those that are not special tokens.
local known = {
  gpt2 = {tokens = 50256, pattern = "gpt2", specials = {["<|endoftext|>"] = 50256}},
  cl100k = {tokens = 100256, pattern = "gpt4", specials = {
    ["<|endoftext|>"] = 100257, ["<|fim_prefix|>"] = 100258, ["<|fim_middle|>"] = 100259, ["<|fim_suffix|>"] = 100260,
    ["<|endofprompt|>"] = 100276}},
  o200k = {tokens = 199998, pattern = "o200k", specials = {["<|endoftext|>"] = 199999, ["<|endofprompt|>"] = 200018}},
}
local aliases = {r50k = "gpt2", r50k_base = "gpt2", gpt4 = "cl100k", cl100k_base = "cl100k", o200k_base = "o200k"}

--- A pattern as native functions take it: false is "".
local function to_pattern(name, pattern)
  if pattern == false then return "" end
  if pattern:find "^[%w_]*$" and not native.is_pattern(pattern) then
    keywords.fail("%s: expected pattern to be 'gpt2', 'gpt4', 'o200k', 'nanochat', a regular expression or false, got %s",
                  name, keywords.show(pattern))
  end
  return pattern
end

--- Adds special tokens: {name = id, …}, or a list whose ids follow the vocabulary.
local function add_specials(name, tok, specials)
  local order = {}
  for key, value in pairs(specials) do
    local listed = math.type(key) == "integer"
    local special, id = listed and value or key, listed and -1 or value
    if type(special) ~= "string" or special == "" or math.type(id) ~= "integer" then
      keywords.fail("%s: expected specials to be a list of names or {name = id, …}, got %s = %s", name, keywords.show(key),
                    keywords.show(value))
    end
    order[#order + 1] = {special, id, listed and key or 0}
  end
  table.sort(order, function(a, b) return a[3] ~= b[3] and a[3] < b[3] or a[3] == b[3] and a[2] < b[2] end)
  for _, special in ipairs(order) do native.add_special(tok, special[1], special[2]) end
end

--- bos and eos as the options name them: a special token, or false for none.
local function set_marks(name, tok, options)
  local ids = {bos = tok.bos or -1, eos = tok.eos or -1}
  for mark in pairs(ids) do
    local wanted = options[mark]
    if wanted == false then ids[mark] = -1 end
    if wanted then
      ids[mark] = tok.specials[wanted]
      if not ids[mark] then
        keywords.fail("%s: expected %s to name a special token, got %s", name, mark, keywords.show(wanted))
      end
    end
  end
  native.set_marks(tok, ids.bos, ids.eos)
end

--- What a rank file or GPT-2's files leave open: the pattern, and for a rank file the special tokens.
local function complete(path, tok, format, o)
  local name = o.name and (aliases[o.name] or o.name)
  local preset = known[name]
  if name and not preset then
    keywords.fail("load: expected name to be 'gpt2', 'cl100k' or 'o200k', got %s", keywords.show(o.name))
  end
  if not preset and not o.pattern and format == "tiktoken" then
    for _, candidate in pairs(known) do
      if candidate.tokens == tok.vocab_size then preset = candidate end
    end
  end
  if format == "gpt2" then preset = preset or known.gpt2 end
  if not preset and o.pattern == nil then
    keywords.fail("load: %s does not say how text is split; pass {name = 'gpt2' | 'cl100k' | 'o200k'} or {pattern = …}",
                  path)
  end
  if format == "tiktoken" and name and preset.tokens ~= tok.vocab_size then
    keywords.fail("load: %s has %d tokens, expected %d of %s", path, tok.vocab_size, preset.tokens, name)
  end
  if o.pattern == nil then native.set_pattern(tok, preset.pattern) end
  if format == "tiktoken" and preset and not o.specials then add_specials("load", tok, preset.specials) end
end

--- tokenizer.load(path[, {name =, pattern =, specials =, bos =, eos =}]) -> the tokenizer in a file.
-- Read are gptsh's own files, rank files of tiktoken, vocab.json with merges.txt next to it (or their folder), .model
-- files of minbpe and of SentencePiece (those only decode); the bytes tell which.  A rank file says neither how text is
-- split nor what the special tokens are: name = "gpt2", "cl100k" or "o200k" does, as does their number of tokens;
-- otherwise pattern (as for tokenizer.train) and specials ({name = id, …}).  bos, eos: names of special tokens.
function tokenizer.load(path, o)
  local tok, format = native.load(path)
  if format == "sentencepiece" and o.pattern then keywords.fail("load: a SentencePiece model takes no pattern") end
  if format == "tiktoken" or format == "gpt2" then complete(path, tok, format, o) end
  if o.pattern ~= nil then native.set_pattern(tok, to_pattern("load", o.pattern)) end
  if o.specials then add_specials("load", tok, o.specials) end
  set_marks("load", tok, o)
  return tok
end

-- ---- training ----

--- The function that shows on stderr the progress of training, and one that ends its line; nil without a terminal.
local function make_report(wanted)
  local terminal = require "native.terminal"
  if not wanted or not terminal.redraws(2) then return nil, function() end end
  local began, phase_began, shown
  return function(phase, done, total)
    local now = torch.perf_counter()
    if phase ~= shown then began, phase_began, shown = began or now, now, phase end
    local text = f"train: read {done / 1e6:.0f} MB"
    if phase == "merge" then
      local left = (now - phase_began) / math.max(done - 256, 1) * (total - done)
      text = f"train: {done:,} of {total:,} tokens, {left:.0f} s to go"
    end
    terminal.write(2, "\r", text, f", {now - began:.0f} s", "\27[K")
    io.stderr:flush()
  end, function() terminal.write(2, "\r\27[K") end
end

local read_source = keywords.options "train: source({path: string|list = nil, text: string = nil})"

--- Calls add with "text" or "path" and each document of the source.
local function each_document(source, add)
  local files = require "native.tokens"
  local function add_path(path)
    keywords.string("train", "path", path)
    if not files.is_folder(path) then return add("path", path) end
    for _, below in ipairs(files.below(path)) do
      if files.is_text(below) then add("path", below) end
    end
  end
  if type(source) == "string" then
    if #source < 256 and not source:find "[%z\n]" and (files.is_folder(source) or pcall(files.is_text, source)) then
      keywords.fail("train: '%s' is a path: {path = …} trains on what is in it, {text = …} on its name", source)
    end
    return add("text", source)
  end
  if type(source) == "function" then
    for text in source do add("text", keywords.string("train", "each text", text)) end
    return
  end
  if torch.type(source) == "Tokens" then return add("text", source:text()) end
  if type(source) ~= "table" or (source.text == nil and source.path == nil and source[1] == nil) then
    keywords.fail("train: expected a text, {path = …}, a list of paths or an iterator of texts, got %s",
                  keywords.show(source))
  end
  local named, listed = {}, #keywords.list("train", source) > 0
  for key, value in pairs(source) do
    if math.type(key) ~= "integer" then named[key] = value end
  end
  named = read_source(named)
  if (named.text and 1 or 0) + (named.path and 1 or 0) + (listed and 1 or 0) > 1 then
    keywords.fail("train: expected one of a list of paths, {path = …} and {text = …}, got several")
  end
  if named.text then return add("text", named.text) end
  local paths = named.path or source
  for _, path in ipairs(type(paths) == "table" and paths or {paths}) do add_path(path) end
end

--- tokenizer.train(source[, {vocab_size = 32768, pattern = "nanochat", specials = {}, min_frequency = 2, progress =
-- true, bos =, eos =}]) -> a byte-level BPE tokenizer.
-- source: a text, {path = file or folder}, {path, …}, an iterator of texts, or what data.text() gave.
-- pattern: "gpt2", "gpt4", "o200k", "nanochat", a regular expression (what it does not match is kept as pieces of its
-- own), or false for no cuts.
-- specials: names of tokens after the others, counted in vocab_size; names such as "<|bos|>" and "<|endoftext|>"
-- become bos and eos.  Pairs that occur less than min_frequency times do not merge, so the vocabulary of a short text
-- may be smaller.
function tokenizer.train(source, o)
  local specials = o.specials or {}
  local bytes_and_specials = 256 + #specials
  if o.vocab_size < bytes_and_specials then
    keywords.fail("train: expected vocab_size >= %d, 256 bytes and the specials, got %d", bytes_and_specials, o.vocab_size)
  end
  local trainer = native.trainer(to_pattern("train", o.pattern))
  local report, finish = make_report(o.progress)
  local _ <close> = setmetatable({}, {__close = finish})
  local bytes = false
  each_document(source, function(kind, text)
    bytes = bytes or kind == "path" or #text > 0
    if kind == "path" then native.trainer_add_file(trainer, report, text)
    else native.trainer_add(trainer, report, text) end
  end)
  if not bytes then keywords.fail("train: expected text, got none") end
  local tok = native.trainer_run(trainer, report, o.vocab_size - #specials, o.min_frequency)
  add_specials("train", tok, specials)
  set_marks("train", tok, o)
  return tok
end

--- The characters of a text that has been read (library only): it may be what a file is called.
tokenizer.of_text = native.chars

keywords.sign(tokenizer, [[
  bytes()
  chars(text: string)
  load(path: string, {name: string = nil, pattern: string|false = nil, specials: table = nil, bos: string|false = nil,
    eos: string|false = nil})
  train(source, {vocab_size: integer[256,] = 32768, pattern: string|false = "nanochat", specials: table = nil,
    min_frequency: integer[1,] = 2, progress: boolean = true, bos: string|false = nil, eos: string|false = nil})
]], "tokenizer.")

return tokenizer
