--- tokenizer.lua: tokenizers without training: bytes, characters, what both refuse.
local test = require "harness"

local anything = "plain, h\u{e9}llo \u{4e16}\u{754c} \u{1F600}\0\n" .. "bad \xff\xc0\x80\xed\xa0\x80\xf5 end \xe4\xb8"

test("bytes are their own ids, and any bytes come back", function()
  local tok = tokenizer.bytes()
  test.equal(tok.vocab_size, 256)
  test.equal(tok.kind, "bytes")
  test.equal(tok:encode("A\0\xff"):tolist(), {65, 0, 255})
  test.equal(tok:encode(""):tolist(), {})
  test.equal(tok:decode(tok:encode(anything)), anything)
  test.equal(tok.bos, nil)
  test.equal(tok:token(10), "\n")
  test.equal(tok:token(256), nil)
  test.equal(tok:id("a"), 97)
  test.equal(tok:byte_lengths():sum():item(), 256)
  test.equal(tok:boundary_flags():any():item(), false)
  test.equal(tok:space_flags():any():item(), false)
end)

test("characters are numbered in the order of code points", function()
  local tok = tokenizer.chars("zebra \u{e9}\u{1F600}\u{4e16}a\n")
  local order = {"\n", " ", "a", "b", "e", "r", "z", "\u{e9}", "\u{4e16}", "\u{1F600}"}
  test.equal(tok.vocab_size, #order)
  for i, character in ipairs(order) do
    test.equal(tok:token(i - 1), character)
    test.equal(tok:id(character), i - 1)
  end
  test.equal(tok:encode("za\u{4e16}"):tolist(), {6, 2, 8})
  test.equal(tok:byte_lengths():tolist(), {1, 1, 1, 1, 1, 1, 1, 2, 3, 4})
end)

test("a character vocabulary takes bytes that are no UTF-8 as characters", function()
  local tok = tokenizer.chars(anything)
  test.equal(tok:decode(tok:encode(anything)), anything)
  test.equal(tok:id("\xff") ~= nil, true)
end)

test("ids come as a tensor, a list or a number", function()
  local tok = tokenizer.bytes()
  test.equal(tok:decode(104), "h")
  test.equal(tok:decode({104, 105}), "hi")
  test.equal(tok:decode(torch.tensor({{104, 105}})), "hi")
  test.equal(tok:decode(torch.tensor({104, 105}, {dtype = torch.int32})), "hi")
  test.equal(tok:decode({}), "")
end)

test("mistakes are refused by name", function()
  local bytes, chars = tokenizer.bytes(), tokenizer.chars("abc")
  test.raises(function() chars:encode("ab\u{e9}") end, "got '\u{e9}' at byte 2")
  test.raises(function() tokenizer.chars("") end, "empty")
  test.raises(function() tokenizer.chars(3) end, "text expects a string")
  test.raises(function() bytes:decode({1, 256}) end, "id 256 is not in the vocabulary (0 … 255)")
  test.raises(function() bytes:decode(-1) end, "id -1 is not")
  test.raises(function() bytes:decode(torch.ones(2)) end, "expected whole numbers")
  test.raises(function() bytes:decode(torch.zeros(2, 2, {dtype = torch.int64})) end, "of shape (2, 2)")
  test.raises(function() bytes:decode("text") end, "decode: ids")
  test.raises(function() bytes:encode("x", {bos = true}) end, "has no bos token")
  test.raises(function() bytes:encode("x", {boss = true}) end, "did you mean 'bos'?")
  test.raises(function() bytes:encode() end, "text is missing")
  test.raises(function() return bytes.vocabsize end, "did you mean 'vocab_size'?")
  test.raises(function() return tokenizer.byte end, "did you mean 'bytes'?")
end)

test("a path is no text of characters; a file may hold the name of another", function()
  for _, path in ipairs {"README.md", "./README.md", "./docs"} do
    test.raises(function() tokenizer.chars(path) end, "'" .. path .. "' is a ")
  end
  test.equal(tokenizer.chars("no.md").vocab_size, 5)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write "README.md"
  file:close()
  test.equal(data.text(path, {tokenizer = "chars"}).vocab_size, 8)
  os.remove(path)
end)
