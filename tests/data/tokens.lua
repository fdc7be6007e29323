--- tokens.lua: text and shards as token sequences.
local test = require "harness"

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))

local function write(name, bytes)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(bytes)
  file:close()
  return path
end

local function shard(ids, magic, version, count)
  local parts = {string.pack("<i4i4i4", magic or 20240520, version or 1, count or #ids), ("\0"):rep(1012)}
  for _, id in ipairs(ids) do parts[#parts + 1] = string.pack("<I2", id) end
  return table.concat(parts)
end

-- ---- text ----

test("a text is its bytes", function()
  local tokens = data.text {text = "héllo"}
  test.equal(#tokens, 6)
  test.equal(tokens.vocab_size, 256)
  test.equal(tokens.tokenizer.kind, "bytes")
  test.equal(tokens:slice(), {104, 195, 169, 108, 108, 111})
  test.equal(tokens:slice(1, -1), {195, 169, 108, 108})
  test.equal(tokens:text(0, 3), "hé")
  test.equal(tokens[1], 195)
  test.equal(tokens[-1], 111)
  test.equal(tostring(tokens), "Tokens(6 tokens, vocab_size 256, text)")
end)

test("chars makes the vocabulary from the text itself", function()
  local tokens = data.text({text = "häh"}, {tokenizer = "chars"})
  test.equal(tokens.vocab_size, 2)
  test.equal(tokens:slice(), {0, 1, 0})
  test.equal(tokens:text(), "häh")
  test.equal(data.text({text = "ähä"}, {tokenizer = tokens.tokenizer}):slice(), {1, 0, 1})
end)

test("a file, a list of files and a folder", function()
  local a, b = write("a.txt", "one"), write("b.txt", "two")
  assert(os.execute("mkdir " .. folder .. "/more " .. folder .. "/.hidden"))
  write("more/c.md", "three")
  write("more/picture.png", "\137PNG\0")
  write(".hidden/d.txt", "never")
  test.equal(data.text(a):text(), "one")
  test.equal(data.text({b, a}):text(), "twoone")
  local all = data.text(folder)
  test.equal(all:text(), "onetwothree")
  test.equal(all.source:find("^3 files of .*, 1 left out %(.*picture.png: offset 4: a NUL byte") ~= nil, true)
  test.equal(data.text(folder, {utf8 = false}):text(), "onetwothree\137PNG\0")
end)

test("a trained tokenizer: documents behind bos, the same from a shard, windows at bos", function()
  local text = ("the cat sat on the mat and the dog sat on the cat. "):rep(40)
  local tok = tokenizer.train(text, {vocab_size = 300, specials = {"<|bos|>"}, progress = false})
  local paths = {write("doc1.txt", text:sub(1, 500)), write("doc2.txt", text:sub(501, 900))}
  local tokens = data.text(paths, {tokenizer = tok})
  test.equal(tokens.vocab_size, tok.vocab_size)
  test.equal(tokens[0], tok.bos)
  test.equal(tokens:text(), "<|bos|>" .. text:sub(1, 500) .. "<|bos|>" .. text:sub(501, 900))
  local path = folder .. "/trained.bin"
  tokens:save(path)
  local shards = data.tokens(path, {tokenizer = tok})
  test.equal(shards:slice(), tokens:slice():tolist())
  local x = shards:loader({B = 2, T = 8, align = "bos"}):next()
  test.equal({x[0][0]:item(), x[1][0]:item()}, {tok.bos, tok.bos})
end)

test("tokens cannot be assigned to", function()
  local tokens = data.text {text = "abc"}
  test.raises(function() tokens[1] = 7 end, "tokens are only read: 1 cannot be set; data.text and data.tokens make others")
  test.raises(function() tokens["1:2"] = 7 end, "tokens are only read: '1:2' cannot be set")
  test.equal(tokens[1], 98)
end)

test("what is no text is refused in one line", function()
  local function refused(source, message, options)
    local said = test.raises(function() data.text(source, options) end, message)
    test.equal(said:find "\n", nil)
  end
  assert(os.execute("mkdir " .. folder .. "/bare"))
  for _, name in ipairs {"bytes", "chars"} do
    local options = {tokenizer = name}
    refused(write("empty", ""), "empty: no text: it is empty", options)
    refused(write("nul", "abc\0def"), "nul: offset 3: a NUL byte: this is not text", options)
    refused(write("latin", "caf\233"), "latin: offset 3: invalid UTF-8; {utf8 = false} takes the bytes as they are", options)
    refused(folder .. "/nothing", "No such file", options)
    refused({text = ""}, "data.text: no text: it is empty", options)
    refused({text = "\255"}, "data.text: offset 0: invalid UTF-8", options)
    refused(folder .. "/bare", "bare: expected text files in this folder, found none", options)
  end
  refused({text = 3}, "data.text: text expects a string, got 3")
  refused({}, "data.text: expected a path, a list of paths or {text = \"…\"}, got a table without them")
  refused(7, "got 7")
  refused({text = "a"}, [[tokenizer expects a Tokenizer, "bytes" or "chars", got 'words']], {tokenizer = "words"})
  refused({text = "a"}, "has no argument 'tokeniser' (did you mean 'tokenizer'?)", {tokeniser = "chars"})
  refused("a\0b", "without NUL")
  test.equal(data.text(folder .. "/latin", {utf8 = false}):slice(3, 4), {233})
end)

-- ---- shards ----

test("the golden shard of llm.c is written bit for bit", function()
  local path = folder .. "/golden.bin"
  write("raw.bin", string.pack("<I2I2I2", 50256, 1, 2))
  local tokens = data.tokens(folder .. "/raw.bin", {vocab_size = 50257})
  tokens:save(path)
  local pipe = io.popen("sha256sum " .. path)
  test.equal(pipe:read(64), "45e91cae5ba4a8965be07ace8804508ea40bb5c33663a708558a0f10ae38554a")
  pipe:close()
  test.equal(data.tokens(path):slice(), {50256, 1, 2})
  tokens:save(path, {format = "llama3"})
  test.equal(data.tokens(path):slice(), {50256, 1, 2})
  tokens:save(path, {format = "nanogpt"})
  test.equal(#data.tokens(path), 3)
end)

test("shards of several layouts, or that look like two vocabularies, are refused", function()
  local function many(largest) return shard {0, largest, table.unpack(torch.randint(0, largest, {5000}):tolist())} end
  write("mix_1.bin", shard {1, 2})
  data.tokens(folder .. "/mix_1.bin", {vocab_size = 300}):save(folder .. "/mix_2.bin", {format = "llama3"})
  local message = test.raises(function() data.tokens(folder .. "/mix_*.bin") end, "data.tokens: expected shards of one layout, '")
  assert(message:find("mix_1.bin' is 'modded' and '", 1, true) and message:find("mix_2.bin' is 'llama3'", 1, true), message)
  write("voc_1.bin", many(255))
  write("voc_2.bin", many(50256))
  message = test.raises(function() data.tokens(folder .. "/voc_*.bin") end, "these look like shards of two vocabularies; vocab_size = 50257 says")
  assert(message:find("voc_1.bin' has no id above 255, '", 1, true) and message:find("voc_2.bin' has 50256", 1, true), message)
  test.raises(function() data.open(folder .. "/voc_*.bin") end, "two vocabularies")
  test.equal(#data.tokens(folder .. "/voc_*.bin", {vocab_size = 50257}), 10004)
  write("voc_2.bin", many(700))
  test.equal(data.tokens(folder .. "/voc_*.bin").vocab_size, 701)
end)

test("tokens tell whether they share a place of a text or file with others, under any name", function()
  write("same.txt", ("some text "):rep(9))
  os.execute(("cd '%s'; ln same.txt hard.txt; ln -s same.txt soft.txt; cp same.txt copy.txt"):format(folder))
  local function open(name) return data.open(folder .. "/" .. name) end
  local t = open "same.txt"
  for name, want in pairs {["same.txt"] = true, ["hard.txt"] = true, ["soft.txt"] = true, ["copy.txt"] = false} do
    test.equal({name, t:overlaps(open(name)), t[":10"]:overlaps(open(name)["10:"]), t[":10"]:overlaps(open(name)["5:"]["4:"])},
               {name, want, false, want})
  end
  local a, b = t:split()
  test.equal({a:overlaps(b), a:overlaps(t), data.text{text = "a"}:overlaps(data.text{text = "a"})}, {false, true, false})
  local both = data.text {folder .. "/same.txt", "README.md"}
  test.equal({both:overlaps(t), both:overlaps(open "copy.txt"), t:overlaps(both)}, {true, false, true})
end)

test("a tensor of ids becomes tokens", function()
  local ids = torch.tensor({3, 1, 4, 1, 5}, {dtype = torch.int32})
  local t = data.tokens(ids, {vocab_size = 8})
  test.equal({t:slice():tolist(), t.vocab_size, #t[":2"]}, {{3, 1, 4, 1, 5}, 8, 2})
  test.equal(data.tokens(ids).vocab_size, 6)
  test.equal(data.tokens(ids, {tokenizer = tokenizer.bytes()}):text(), "\3\1\4\1\5")
  for _, dtype in ipairs {torch.uint8, torch.int64, torch.uint16} do test.equal(data.tokens(ids:to(dtype)):slice(), {3, 1, 4, 1, 5}) end
  test.raises(function() data.tokens(ids:float()) end, "expected a tensor of ids, whole numbers in one dimension, got torch.float32")
  test.raises(function() data.tokens(ids:reshape(1, 5)) end, "in one dimension, got torch.int32 torch.Size([1, 5])")
  test.raises(function() data.tokens(ids, {vocab_size = 5}) end, "expected ids from 0 to 4, got 1 to 5")
  test.raises(function() data.tokens(ids - 2) end, "expected ids from 0 to 3, got -1 to 3")
end)

test("a pattern takes shards in the order of their names", function()
  write("fine_000002.bin", shard {5, 6})
  write("fine_000001.bin", shard {1, 2, 3})
  local tokens = data.tokens(folder .. "/fine_*.bin")
  test.equal(tokens:slice(), {1, 2, 3, 5, 6})
  test.equal(tokens:slice(2, 4), {3, 5}) -- across the border
  test.equal(tokens.vocab_size, 7)
  test.equal(tokens.source:find "^2 shards" ~= nil, true)
  test.raises(function() data.tokens(folder .. "/none_*.bin") end, "data.tokens: no file matches '")
  test.raises(function() data.tokens {} end, "expected at least one path")
end)

test("ids are checked before anything else happens", function()
  local path = write("ids.bin", shard {1, 700, 3})
  test.raises(function() data.tokens(path, {vocab_size = 700}) end, "ids.bin: offset 1026: expected ids below 700, got 700")
  test.equal(#data.tokens(path, {vocab_size = 701}), 3)
  test.raises(function() data.tokens(path, {vocab_size = 700}) end, "expected ids below 700") -- checked before, but for 701
  local unchecked = data.tokens(path, {vocab_size = 700, verify = false})
  test.raises(function() unchecked:slice() end, "offset 1026: expected ids below 700, got 700")
  test.raises(function() data.tokens(path, {verify = false}) end, "needs vocab_size or tokenizer")
  write("ids.bin", shard {1, 800, 3})
  os.execute("touch -d '1 hour' " .. path) -- the clock of the file system moves in steps
  test.raises(function() data.tokens(path, {vocab_size = 701}) end, "got 800")
end)

test("malformed shards are refused in one line", function()
  local function refused(bytes, message, options)
    local said = test.raises(function() data.tokens(write("bad.bin", bytes), options) end, message)
    test.equal(said:find "\n", nil)
    test.equal(said:find "bad.bin" ~= nil, true)
  end
  refused("", "file is empty")
  refused("abc", "expected ids of 2 bytes each, got 3 bytes")
  refused(shard({1, 2, 3}, 20240520, 1, 4), "truncated: expected 1032 bytes for 4 tokens, got 1030")
  refused(shard({1, 2, 3}, 20240520, 3), "offset 4: expected version 1, got 3")
  refused(shard({1, 2, 3}, 77), "offset 0: expected magic 20240520, got 77", {format = "modded"})
  refused(("To be, or not to be. "):rep(9), "expected token ids, got text")
end)

test("open tells text from shards", function()
  test.equal(data.open(folder .. "/a.txt"):text(), "one")
  test.equal(data.open(folder .. "/fine_*.bin"):slice(), {1, 2, 3, 5, 6})
  test.equal(data.open({text = "x"}):text(), "x")
  test.equal(data.open(folder .. "/more"):text(), "three")
end)

-- ---- parts ----

test("names in the table of sources are options", function()
  test.equal(data.text{text = "abc", tokenizer = "chars"}.vocab_size, 3)
  test.equal(data.open{text = "abca", tokenizer = "chars"}.vocab_size, 3)
  test.raises(function() data.text{text = "abc", tokeniser = "chars"} end, "data.text has no argument 'tokeniser' (did you mean 'tokenizer'?)")
  test.raises(function() data.tokens{"none.bin", vocab = 5} end, "data.tokens has no argument 'vocab'")
  test.raises(function() data.text({text = "abc", utf8 = false}, {utf8 = false}) end, "data.text: utf8 is given twice")
end)

test("split and view share the tokens", function()
  local tokens = data.text {text = "0123456789"}
  local train, val = tokens:split(0.75)
  test.equal(train:text(), "0123456")
  test.equal(val:text(), "789")
  test.equal(val:view(1):text(), "89")
  test.equal(tokens:view(-3, -1):text(), "78")
  test.equal(val[-1], 57)
  test.raises(function() tokens:split(1.5) end, "split: fraction expects a number in (0, 1), got 1.5")
  test.raises(function() tokens:split(0 / 0) end, "in (0, 1)")
  test.raises(function() tokens:slice(4, 12) end, "slice: expected 0 <= begin <= stop <= 10, got 4 and 12")
  test.raises(function() tokens:view(4, 2) end, "view: expected 0 <= begin <= stop <= 10, got 4 and 2")
  test.raises(function() tokens:slice(-11) end, "got -11 and nil")
  test.raises(function() return tokens[10] end, "from 0 to 10")
  test.raises(function() return tokens.lenght end, "Tokens have no field 'lenght'")
  test.raises(function() tokens.loader {B = 1} end, "expected a Tokens before the colon, as in object:loader")
end)

test("without the tokenizer ids have no text", function()
  test.raises(function() data.tokens(folder .. "/fine_000001.bin"):text() end, "these tokens have no tokenizer")
  test.equal(data.tokens(folder .. "/fine_000001.bin", {tokenizer = tokenizer.bytes()}):text(), "\1\2\3")
end)

test("the demo corpus is at least 200 kB of English", function()
  local lines, shown = {}, print
  _G.print = function(line) lines[#lines + 1] = line end -- luacheck: ignore
  local ok, tokens = pcall(data.demo)
  _G.print = shown -- luacheck: ignore
  assert(ok, tokens)
  test.equal(#tokens > 200000, true)
  test.equal(lines[1]:find "^demo corpus: .*, [%d,]+ bytes$" ~= nil, true)
  local _, count = tokens:text():gsub(" the ", "")
  test.equal(count > #tokens // 400, true)
end)

os.execute("rm -r " .. folder)

test("a path where a tokenizer wants text is asked about, as are options beside the paths", function()
  test.raises(function() tokenizer.train("README.md") end, "train: 'README.md' is a path: {path = …} trains on what is in it")
  test.raises(function() tokenizer.train {"README.md", vocab_size = 300} end, "has no argument 'vocab_size'")
end)

test("paths and a text at once are refused, by training, too", function()
  test.raises(function() data.text {"README.md", text = "x"} end, "data.text: expected paths or {text = …}, got both")
  for _, source in ipairs { {"README.md", text = "x"}, {"README.md", path = "README.md"}, {path = "README.md", text = "x"} } do
    test.raises(function() tokenizer.train(source, {vocab_size = 256, progress = false}) end,
                "train: expected one of a list of paths, {path = …} and {text = …}, got several")
  end
end)

test("slices are views, with Python's rules", function()
  local t = data.text {text = "hello world"}
  test.equal(t[":5"]:text(), "hello")
  test.equal(t["-5:"]:text(), "world")
  test.equal(t[" 2 : -2 "]:text(), "llo wor")
  test.equal({#t[":"], #t["5:2"], #t["99:"], t[f"{3}:99"]:text()}, {11, 0, 0, "lo world"})
  test.equal(t["1:3"].source, "1:3 of text")
  test.raises(function() return t["1:2:3"] end, "tokens: '1:2:3' is not a slice; write for example")
end)

test("a text where a path goes is told how to be one", function()
  test.raises(function() data.text "a quick fox" end,
              "data.text: no file is called 'a quick fox'; data.text{text = \"…\"} takes the text itself")
  test.raises(function() data.text(("é\n"):rep(100)) end, "é\\n…'; data.text{text")
  test.raises(function() data.text "no/such.txt" end, "cannot open 'no/such.txt': No such file or directory")
end)
