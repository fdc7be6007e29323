--- tokenizer.lua: the global `tokenizer`: making, training, loading tokenizers; their methods.

local native = require "native.tokenizer"
local keywords = require "gt.keywords"

-- ---- methods ----

local Tokenizer = {}

--- tok:encode(text[, {specials = false, bos = false, eos = false}]) -> ids as an int64 tensor (T).
-- specials: names of special tokens in the text become those tokens; else they are ordinary text.
-- bos, eos: puts that token in front, behind.
function Tokenizer:encode(text, options)
  keywords.string("encode", "text", text)
  local o = keywords.read("encode", options, {"specials", "bos", "eos"})
  for _, mark in ipairs {"bos", "eos"} do
    if o[mark] and not self[mark] then keywords.fail("encode: the tokenizer has no %s token", mark) end
  end
  return native.encode(self, text, o.specials, o.bos, o.eos)
end

--- tok:decode(ids) -> text.  ids: a tensor of shape (T) or (1, T), a list, or one id.  The text of bytes that are
-- no UTF-8 comes back as it was; special tokens become their names.
function Tokenizer:decode(ids) return native.decode(self, ids) end

--- tok:token(id) -> the bytes that the token stands for, or nil.
function Tokenizer:token(id) return native.token(self, id) end

--- tok:id(token) -> the id of the token with these bytes, or of the special token of this name, or nil.
function Tokenizer:id(token) return native.find(self, keywords.string("id", "token", token)) end

--- tok:byte_lengths() -> int64 tensor (V): bytes of text in each token, 0 for special ones.  Tokens of a
-- SentencePiece model count without the space in front of them, which space_flags() tells: whoever counts bytes
-- adds 1 where space_flags()[token] and not boundary_flags()[the token before].
function Tokenizer:byte_lengths() return (native.statistics(self)) end

--- tok:space_flags() -> bool tensor (V): tokens of a SentencePiece model that begin with a space.
function Tokenizer:space_flags() return (select(2, native.statistics(self))) end

--- tok:boundary_flags() -> bool tensor (V): tokens that are marks, not text: special, unknown, unused.
function Tokenizer:boundary_flags() return (select(3, native.statistics(self))) end

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
end, function(self) return f"Tokenizer({self.kind}, {self.vocab_size:,} tokens)" end)

-- ---- making ----

local tokenizer = {}

--- tokenizer.bytes() -> the tokenizer whose ids are the bytes 0 … 255.
function tokenizer.bytes() return native.bytes() end

--- tokenizer.chars(text) -> a tokenizer with one token for each different character of text, in the order of code
-- points.  Other characters cannot be encoded.
function tokenizer.chars(text) return native.chars(keywords.string("chars", "text", text)) end

return tokenizer
