--- tokenizer_golden.lua: the same ids as tiktoken and tokenizers, the same text and byte counts as SentencePiece, on
-- texts that are hard to split (tests/golden/encodings.py).
local test = require "harness"

local folder = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/golden/tokenizers/"

local function read(name)
  local file <close> = assert(io.open(folder .. name, "rb"))
  return file:read "a"
end

local golden = json.decode(read "cases.json")

local digits, values = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", {}
for i = 1, 64 do values[digits:byte(i)] = i - 1 end

local function base64(text)
  local bytes, word, bits = {}, 0, 0
  for i = 1, #text do
    local value = values[text:byte(i)]
    if not value then break end
    word, bits = (word << 6 | value) & 0xffffff, bits + 6
    if bits >= 8 then
      bits = bits - 8
      bytes[#bytes + 1] = string.char(word >> bits & 255)
    end
  end
  return table.concat(bytes)
end

local texts = {}
for i, text in ipairs(golden.texts) do texts[i] = base64(text) end

--- All differences as one message, so that a failing pattern shows which texts it splits otherwise.
local function compare(tok, expected, options, change)
  local wrong = {}
  for i, text in ipairs(texts) do
    if change then text = change(text) end
    local ids = tok:encode(text, options):tolist()
    if table.concat(ids, " ") ~= table.concat(expected[i], " ") then
      wrong[#wrong + 1] = ("%q:\n  got      %s\n  expected %s"):format(text, table.concat(ids, " "),
                                                                   table.concat(expected[i], " "))
    end
    test.equal(tok:decode(ids), text)
  end
  if #wrong > 0 then test.fail(#wrong .. " texts differ\n" .. table.concat(wrong, "\n", 1, math.min(5, #wrong))) end
end

for _, pattern in ipairs {"gpt2", "gpt4", "o200k", "nanochat"} do
  test("rank file with the pattern " .. pattern .. ": ids of tiktoken", function()
    local tok = tokenizer.load(folder .. "ranks.tiktoken", {pattern = pattern, specials = {["<|endoftext|>"] = 1000}})
    compare(tok, golden.tiktoken[pattern])
    compare(tok, golden.special[pattern], {specials = true})
    test.equal(tok.vocab_size, 1001)
    test.equal(tok.eos, 1000)
    test.equal(tok:token(1000), "<|endoftext|>")
    test.raises(function() tok:decode(999) end, "id 999 is not in the vocabulary")
  end)
end

for _, path in ipairs {"vocab.json", ""} do
  test("vocab.json and merges.txt" .. (path == "" and " by their folder" or "") .. ": ids of tokenizers", function()
    local tok = tokenizer.load(folder .. path)
    compare(tok, golden.gpt2, nil, function(text) return (text:gsub("<|endoftext|>", "<|end|>")) end)
    test.equal(tok.specials, {["<|endoftext|>"] = 0})
    test.equal(tok.eos, 0)
    test.equal(tok.vocab_size, 700)
    test.equal(tok.pattern, "gpt2")
  end)
end

for _, name in ipairs {"golf", "unigram"} do
  test("SentencePiece " .. name .. " model: text, byte counts and flags", function()
    local tok, expected = tokenizer.load(folder .. name .. ".model"), golden[name]
    for _, case in ipairs(expected.decode) do
      test.equal(tok:decode(torch.tensor(case.ids, {dtype = torch.int64})), case.text)
    end
    test.equal(tok.kind, "sentencepiece")
    test.equal(tok.vocab_size, expected.size)
    test.equal({tok.bos, tok.eos}, {expected.bos, expected.eos})
    test.equal(tok:byte_lengths():tolist(), expected.tables.bytes)
    test.equal(tok:space_flags():long():tolist(), expected.tables.space)
    test.equal(tok:boundary_flags():long():tolist(), expected.tables.boundary)
    local the = tok:id "\u{2581}the"
    test.equal(expected.pieces[the + 1], "\u{2581}the")
    test.equal(tok:id " the", the)
    test.equal(tok:token(the), " the")
    test.raises(function() tok:encode "text" end, "only decodes")
    test.raises(function() tok:save "x.json" end, "copy its file")
  end)
end

test("byte counts of a rank file: bytes of each token, none for special ones", function()
  local tok = tokenizer.load(folder .. "ranks.tiktoken", {pattern = "gpt2", specials = {["<|endoftext|>"] = 1000}})
  local lengths, boundary = tok:byte_lengths(), tok:boundary_flags()
  for _, text in ipairs(texts) do
    test.equal(#text == 0 and 0 or lengths[tok:encode(text)]:sum():item(), #text)
  end
  test.equal(lengths[1000]:item(), 0)
  test.equal(boundary[1000]:item(), true)
  test.equal(boundary["0:256"]:any():item(), false)
end)
