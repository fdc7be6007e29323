--- tokenizer_files.lua: tokenizer files that are damaged: refused in one line that names file and place, or read.
local test = require "harness"

local golden = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/golden/tokenizers/"
local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
local _ <close> = setmetatable({}, {__close = function() os.execute("rm -r " .. folder) end})

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
  file:write(text)
  return folder .. "/" .. name
end

local function read(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- The files, each with the options that it needs.
local ranks = read(golden .. "ranks.tiktoken")
local vocab, merges = read(golden .. "vocab.json"), read(golden .. "merges.txt")
local trained = tokenizer.train("some text, some more text; text of some more",
                                {vocab_size = 270, min_frequency = 1, pattern = "gpt4", specials = {"<|a|>", "<|b|>"}})
trained:save(folder .. "/own.json")
trained:save(folder .. "/minbpe.model")
local files = {
  {"ranks.tiktoken", ranks, {pattern = "gpt2"}}, {"own.json", read(folder .. "/own.json")},
  {"minbpe.model", read(folder .. "/minbpe.model")}, {"vocab.json", vocab}, {"merges.txt", merges},
  {"golf.model", read(golden .. "golf.model")},
}
write("vocab.json", vocab)
write("merges.txt", merges)

--- Loads it as it now lies there; what was read must work, what was refused must say where.
local function try(name, options)
  local path = folder .. "/" .. (name == "merges.txt" and "vocab.json" or name)
  local ok, tok = pcall(tokenizer.load, path, options)
  if not ok then
    local message = tostring(tok)
    if not message:find(folder, 1, true) or message:find("\n", 1, true) then
      test.fail("message without the file, or of several lines: " .. message)
    end
  elseif tok.kind ~= "sentencepiece" then
    test.equal(tok:decode(tok:encode "some text\xff"), "some text\xff")
  else
    tok:decode(tok:id "\u{2581}the" or {})
  end
  return ok
end

for _, file in ipairs(files) do
  local name, text, options = table.unpack(file)
  test(name .. " cut short anywhere is refused, or is a smaller tokenizer", function()
    local refused = 0
    for cut = 0, #text - 1, math.max(#text // 97, 1) do
      write(name, text:sub(1, cut))
      if not try(name, options) then refused = refused + 1 end
    end
    write(name, text)
    test.equal(try(name, options), true)
    test.equal(refused > 0, true)
  end)
  test(name .. " with any byte changed is refused, or read as it now is", function()
    math.randomseed(11)
    for _ = 1, 300 do
      local at, bit = math.random(#text), 1 << math.random(0, 7)
      write(name, text:sub(1, at - 1) .. string.char(text:byte(at) ~ bit) .. text:sub(at + 1))
      try(name, options)
    end
    for _ = 1, 100 do -- a stretch that is missing, or comes twice
      local at, n = math.random(#text), math.random(40)
      write(name, text:sub(1, at) .. text:sub(at + (math.random() < 0.5 and n or -n)))
      try(name, options)
    end
    write(name, text)
    test.equal(try(name, options), true)
  end)
end

local function refused(name, text, message, options)
  local path = write(name, text)
  test.raises(function() tokenizer.load(path, options) end, folder .. "/" .. message)
end

test("rank files are refused with file and line", function()
  local one = ranks:match "^[^\n]*\n"
  refused("r", "IQ== 0\nIg== x\n", "r:2: expected a token in base64 and its rank, got 'Ig== x'")
  refused("r", "IQ== 0\nIg==\n", "r:2: expected a token in base64")
  refused("r", "IQ== 0\nI!== 1\n", "r:2: expected a token in base64")
  refused("r", "IR== 0\n", "r:1: expected a token in base64") -- bits after the last byte
  refused("r", "IQ== 0\nIQ== 1\n", "r:2: token '!' is given twice")
  refused("r", "IQ== 0\nIg== 0\n", "r:2: id 0 is given twice")
  refused("r", "IQ== 0\nIg== 99999999\n", "r:2: token '\"': expected an id of 0 … 1048575, got 99999999")
  refused("r", "IQ== 0\nIg== 99999999999\n", "r:2: expected a token in base64")
  refused("r", one, "r: expected a token for every byte")
  refused("r", "", "r: file is empty")
  refused("r", "no tokenizer at all", "r: expected a tokenizer of gptsh")
  refused("r", "\0\0\0\0", "r: expected a tokenizer of gptsh")
  refused("r", ("QUFB"):rep(400) .. " 5\n", "r:1: expected a token in base64") -- 1200 bytes
end)

test("minbpe files are refused with file and line", function()
  refused("m", "minbpe v1\n", "m: ends before its pattern")
  refused("m", "minbpe v1\n\nmany\n", "m:3: expected the number of special tokens, got 'many'")
  refused("m", "minbpe v1\n\n2\n<|a|> 256\n", "m: ends in its list of special tokens")
  refused("m", "minbpe v1\n\n1\n<|a|>\n", "m:4: expected a special token and its id")
  refused("m", "minbpe v1\n\n0\n97 98\n256\n", "m:5: expected two ids")
  refused("m", "minbpe v1\n\n0\n97 300\n", "m:4: expected ids of tokens above, got 97 300")
  refused("m", "minbpe v1\n\n0\n97 98\n97 98\n", "m:5: token 'ab' is given twice")
  refused("m", "minbpe v1\n\n1\n<|a|> 256\n97 98\n", "m:4: id 256 is given twice")
  local double = {"minbpe v1\n\n0\n97 97\n"} -- a length that doubles with every line
  for i = 256, 300 do double[#double + 1] = i .. " " .. i .. "\n" end
  refused("m", table.concat(double), "m:14: token of 2048 bytes, expected at most 1024")
  refused("m", "minbpe v1\n(a\n0\n", "m:2: expected a regular expression, got '(a'")
end)

test("GPT-2 files are refused with file and line", function()
  local function pair(v, m, message)
    write("merges.txt", m)
    refused("vocab.json", v, message)
  end
  pair(vocab, "#version\nt\n", "merges.txt:2: expected two tokens, got 't'")
  pair(vocab, "#version\nt h e\n", "merges.txt:2: expected two tokens")
  pair(vocab, "#version\nt q\n", "merges.txt:2: the vocabulary lacks a token of 't q'")
  pair(vocab, merges .. merges:match "\n([^\n]*\n)", "merges.txt:" .. select(2, merges:gsub("\n", "")) + 1 .. ": merge of")
  pair('{"a": 0}', merges, "vocab.json: expected a token for every byte")
  pair('{"a": "b"}', merges, "vocab.json: expected an object token: id")
  pair('{"a": 0, "a": 1}', merges, "vocab.json:1: duplicate object key")
  pair('{"a": 0', merges, "vocab.json:1: ")
  pair('{"model": {}}', merges, "vocab.json: tokenizer.json of Hugging Face")
  pair(vocab:gsub('"!":1', '"!":-1'), merges, "vocab.json: token '!': expected an id of 0")
  os.remove(folder .. "/merges.txt")
  refused("vocab.json", vocab, "vocab.json: expected merges.txt next to it")
  write("merges.txt", merges)
  test.raises(function() tokenizer.load(folder .. "/merges.txt") end, "only merges; load vocab.json")
  test.raises(function() tokenizer.load(folder .. "/nowhere") end, "No such file")
  test.raises(function() tokenizer.load "/dev/null" end, "not a regular file")
end)

test("files of gptsh are refused by key", function()
  local own = read(folder .. "/own.json")
  local function change(from, to, message)
    local text, count = own:gsub(from, to, 1)
    test.equal(count, 1)
    refused("changed.json", text, "changed.json: " .. message)
  end
  change('"version": 1', '"version": 2', '"version": expected 1')
  change('"kind": "bpe"', '"kind": "bpf"', '"kind": expected')
  change('"pattern": "gpt4"', '"pattern": 4', '"pattern": expected a string')
  change('"AA=="', '"AA="', 'token 0: expected base64')
  change('"AA=="', '"AQ=="', "token '?' is given twice")
  change('"AA=="', "null", "expected a token for every byte, byte 0x00 has none")
  change("%[101, 120, 257", "[101, 1200, 257", "expected ids of tokens above, got 101 1200")
  change("%[101, 120, 257", "[101, 121, 257", "token 257 is not what its merge makes")
  change("%[101, 120, 257", "[101, 120", "merge 1: expected three ids")
  change("%[101, 120, 257", "[32, 116, 256", "merge of 32 and 116 is given twice")
  change('"<|a|>": 268', '"<|a|>": 267', "id 267 is given twice")
  change('"<|a|>": 268', '"<|a|>": "x"', '"<|a|>": expected an id')
  change('"bos": null', '"bos": 9999', '"bos": expected an id or null')
end)

test("a SentencePiece model is refused with the place", function()
  local function model(bytes, message) refused("sp.model", bytes, "sp.model: byte " .. message) end
  model("\n\6\n\3abc", "2: field reaches")
  model("\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", "11: number of more than 64 bits")
  model("\n\x80", "2: ends within a number")
  model("\n\7\n\1a\x18\7\x18\7", "9: piece without text or type")
  model("\n\4\n\2a\0", "6: piece with a NUL")
  model("\n\4\n\2a\xff", "6: piece that is not UTF-8")
  model("\n\4\x1d\0\0\0", "3: field reaches beyond the end")
  model("\n\3\n\1a\x0b", "6: expected a SentencePiece model, got a field of unknown type")
  refused("sp.model", "\n\3\n\1a\n\3\n\1a", "sp.model: token 'a' is given twice")
end)
