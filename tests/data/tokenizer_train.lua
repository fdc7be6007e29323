--- tokenizer_train.lua: trained merges against the definition in a few lines, files back and forth, and what
-- training and loading refuse.
local test = require "harness"

local folder = os.tmpname()
os.remove(folder)
assert(os.execute("mkdir " .. folder))
local _ <close> = setmetatable({}, {__close = function() os.execute("rm -r " .. folder) end})
local function path(name) return folder .. "/" .. name end

local function write(name, text)
  local file <close> = assert(io.open(path(name), "wb"))
  file:write(text)
  return path(name)
end

--- Text of few letters, so that pairs are many, equal counts frequent and runs long.
local function noise(seed, size, letters)
  math.randomseed(seed)
  local out = {}
  for i = 1, size do
    local at = math.random(#letters)
    out[i] = letters:sub(at, at)
  end
  return table.concat(out)
end

--- The definition: count all neighbours, merge the most frequent pair everywhere from the left, the pair with the
-- smallest ids of equals.
local function reference(words, merges)
  local tokens, out = {}, {}
  for i, word in ipairs(words) do tokens[i] = {word:byte(1, -1)} end
  for n = 1, merges do
    local counts, best = {}, nil
    for _, ids in ipairs(tokens) do
      for i = 1, #ids - 1 do
        local key = ids[i] << 20 | ids[i + 1]
        counts[key] = (counts[key] or 0) + 1
      end
    end
    for key, count in pairs(counts) do
      if not best or count > counts[best] or (count == counts[best] and key < best) then best = key end
    end
    if not best then break end
    out[n] = best
    for w, ids in ipairs(tokens) do
      local merged, i = {}, 1
      while i <= #ids do
        local hit = i < #ids and ids[i] << 20 | ids[i + 1] == best
        merged[#merged + 1] = hit and 255 + n or ids[i]
        i = i + (hit and 2 or 1)
      end
      tokens[w] = merged
    end
  end
  return out, tokens
end

local function merges_of(tok)
  tok:save(path "merges.model", {format = "minbpe"})
  local file <close> = assert(io.open(path "merges.model"))
  local out = {}
  for line in file:lines() do
    local a, b = line:match "^(%d+) (%d+)$"
    if a and #out < tok.vocab_size - 256 then out[#out + 1] = tonumber(a) << 20 | tonumber(b) end
  end
  return out
end

for seed, letters in ipairs {"ab", "aaab", "abc ", "the quick\n", "\0\xff\xc3\xa9"} do
  test(("merges are those of the definition: %q"):format(letters), function()
    local text = noise(seed, 600, letters)
    local expected, encoded = reference({text}, 60)
    local tok = tokenizer.train(text, {vocab_size = 316, pattern = false, min_frequency = 1})
    -- Bytes that are no UTF-8 are cut from the rest, so only texts of UTF-8 are one word.
    if not letters:find "\xff" then
      test.equal(merges_of(tok), expected)
      test.equal(tok:encode(text):tolist(), encoded[1])
    end
    test.equal(tok:decode(tok:encode(text)), text)
  end)
end

test("words are not merged across, and count as often as they occur", function()
  local text = noise(9, 3000, "aabbcd    \n")
  local words = {}
  for word in text:gmatch "%s*%a+" do words[#words + 1] = word end
  words[#words + 1] = text:match "%s+$"
  local expected, encoded = reference(words, 80)
  local tok = tokenizer.train(text, {vocab_size = 336, pattern = "\\s*[a-z]+", min_frequency = 1})
  test.equal(merges_of(tok), expected)
  local all = {}
  for _, ids in ipairs(encoded) do table.move(ids, 1, #ids, #all + 1, all) end
  test.equal(tok:encode(text):tolist(), all)
end)

local sample = noise(4, 20000, "etaoin shrdlu, cmf.\nETA 0123456789'") .. " caf\u{e9} \u{4e16}\u{754c}\n"

test("a file is cut into the same pieces as its text in memory", function()
  -- 9 MB: more than the parts that files and texts are read in.
  local big = {}
  for i = 1, 450 do big[i] = sample end
  big = table.concat(big)
  local one = tokenizer.train(big, {vocab_size = 500})
  local other = tokenizer.train({path = write("big.txt", big)}, {vocab_size = 500})
  test.equal(merges_of(one), merges_of(other))
  local count = 0
  local third = tokenizer.train(function()
    count = count + 1
    return count <= 450 and sample or nil
  end, {vocab_size = 500})
  test.equal(merges_of(one), merges_of(third))
  os.execute("mkdir " .. path "texts" .. " && mv " .. path "big.txt" .. " " .. path "texts/1.txt")
  write("texts/2.bin", "\0\1\2")
  test.equal(merges_of(tokenizer.train({path = path "texts"}, {vocab_size = 500})), merges_of(one))
end)

test("special tokens come last, inside of vocab_size", function()
  local tok = tokenizer.train(sample, {vocab_size = 400, specials = {"<|bos|>", "<|user|>", "<|endoftext|>"}})
  test.equal(tok.vocab_size, 400)
  test.equal(tok.specials, {["<|bos|>"] = 397, ["<|user|>"] = 398, ["<|endoftext|>"] = 399})
  test.equal({tok.bos, tok.eos}, {397, 399})
  test.equal(tok:encode("<|bos|>", {specials = true}):tolist(), {397})
  test.equal(#tok:encode("<|bos|>") > 1, true)
  test.equal(tok:decode(tok:encode("<|bos|>")), "<|bos|>")
  local ids = tok:encode("a<|user|><|user|>b<|", {specials = true, bos = true, eos = true}):tolist()
  test.equal({ids[1], ids[3], ids[4], ids[#ids]}, {397, 398, 398, 399})
  test.equal(tok:decode(ids), "<|bos|>a<|user|><|user|>b<|<|endoftext|>")
  test.equal(tok:byte_lengths()["397:"]:tolist(), {0, 0, 0})
end)

test("a short text gives a smaller vocabulary; min_frequency says how small", function()
  test.equal(tokenizer.train("abcabcx", {vocab_size = 300}).vocab_size, 258) -- ab, abc
  test.equal(tokenizer.train("abcabcx", {vocab_size = 300, min_frequency = 1}).vocab_size, 260)
  test.equal(tokenizer.train("a", {vocab_size = 256}).vocab_size, 256)
end)

test("no token grows beyond 1024 bytes", function()
  local tok = tokenizer.train(("-"):rep(100000), {vocab_size = 300})
  local longest = tok:byte_lengths():max():item()
  test.equal(longest, 1024)
end)

test("every kind comes back from its files", function()
  local junk = noise(5, 4000, "ab \xff\xe4\xb8\x96\0\n\u{1F600}")
  local bpe = tokenizer.train(sample, {vocab_size = 500, pattern = "gpt4", specials = {"<|bos|>", "a \"b\"\\\t"}})
  local odd = tokenizer.train(sample, {vocab_size = 300, pattern = "[a-z]+|[^a-z]+"})
  local none = tokenizer.train(sample, {vocab_size = 300, pattern = false})
  local cases = {
    {bpe, "t.json"}, {bpe, "t.model"}, {bpe, "t.tiktoken", {pattern = "gpt4", specials = bpe.specials}},
    {odd, "odd.json"}, {odd, "odd.model"}, {none, "none.model"}, {none, "none.json"},
    {tokenizer.bytes(), "bytes.json"}, {tokenizer.chars(junk .. sample), "chars.json"},
  }
  for _, case in ipairs(cases) do
    local tok, name, options = table.unpack(case)
    tok:save(path(name))
    local back = tokenizer.load(path(name), options)
    for _, field in ipairs {"kind", "vocab_size", "bos", "eos", "pattern", "specials"} do
      test.equal(back[field], tok[field])
    end
    for _, text in ipairs {sample, junk} do
      test.equal(back:encode(text, {specials = true}), tok:encode(text, {specials = true}))
      test.equal(back:decode(back:encode(text)), text)
    end
  end
end)

test("the encoder takes long pieces in the time of sorting", function()
  local tok = tokenizer.train(("ab"):rep(5000) .. ("a"):rep(3000), {vocab_size = 300, pattern = false})
  local started = torch.perf_counter()
  for _, unit in ipairs {"a", "ab", "aab", "\xff"} do
    local text = unit:rep(1000000 // #unit)
    test.equal(tok:decode(tok:encode(text)), text)
  end
  -- Quadratic time would be hours; a machine under load has minutes.
  test.equal(torch.perf_counter() - started < 60, true)
end)

test("long and short pieces are merged alike", function()
  -- Above 100 symbols another algorithm is at work: a tail that merges with nothing makes the piece long.
  local tok = tokenizer.train(noise(6, 5000, "aab"), {vocab_size = 400, pattern = false})
  for seed = 1, 40 do
    local text = noise(seed, 20 + seed, "aab")
    local short = tok:encode(text):tolist()
    local long = tok:encode(text .. ("\1"):rep(200)):tolist()
    test.equal(table.move(long, 1, #short, 1, {}), short)
    test.equal(#long, #short + 200)
  end
end)

test("what a regular expression leaves out is kept", function()
  local tok = tokenizer.train("one two three", {vocab_size = 260, pattern = "[a-z]+"})
  local text = "--one, two!\n  "
  test.equal(tok:decode(tok:encode(text)), text)
end)

test("training refuses what it cannot do", function()
  local function refused(message, ...)
    local arguments = table.pack(...)
    test.raises(function() tokenizer.train(table.unpack(arguments, 1, arguments.n)) end, message)
  end
  refused("vocab_size expects an integer >= 256", "text", {vocab_size = 255})
  refused("expected vocab_size >= 257", "text", {vocab_size = 256, specials = {"<|bos|>"}})
  refused("expected vocab_size of 256", "text", {vocab_size = 1 << 21})
  refused("min_frequency expects an integer >= 1", "text", {min_frequency = 0})
  refused("expected pattern to be 'gpt2'", "text", {pattern = "gtp4"})
  refused("expected a regular expression", "text", {pattern = "a("})
  refused("did you mean 'vocab_size'?", "text", {vocabsize = 300})
  refused("expected text, got none", "")
  refused("expected a text", 3)
  refused("expected a text", {})
  refused("No such file", {path = path "nowhere"})
  refused("<|a|>' is given twice", "text", {vocab_size = 300, specials = {"<|a|>", "<|a|>"}})
  refused("expected bos to name a special token", "text", {vocab_size = 300, bos = "<s>"})
  refused("expected each text to be a string", function() return 3 end)
end)

test("a pattern that explodes is an error, not a stand-still", function()
  local tok = tokenizer.train("aaaa", {vocab_size = 256, pattern = "(?:a|aa|a+)+\\d|a"})
  test.raises(function() tok:encode(("a"):rep(200)) end, "fails at byte 0")
end)

test("Ctrl-C ends training and encoding", function()
  local tok = tokenizer.train(sample, {vocab_size = 300})
  for _, work in ipairs {
    function() tokenizer.train(sample, {vocab_size = 300}) end,
    function() tok:encode(sample:rep(10)) end,
  } do
    torch.debug.interrupt()
    local ok, message = pcall(work)
    torch.debug.interrupt_clear()
    test.equal(ok, false)
    test.equal(tostring(message):find "interrupted" ~= nil, true)
  end
end)

test("a list of paths, tokens and an iterator are sources too", function()
  local half = #sample // 2
  local parts = {sample:sub(1, half), sample:sub(half + 1)}
  local expected = merges_of(tokenizer.train(function() return table.remove(parts, 1) end, {vocab_size = 300}))
  local paths = {write("1.txt", sample:sub(1, half)), write("2.txt", sample:sub(half + 1))}
  test.equal(merges_of(tokenizer.train(paths, {vocab_size = 300})), expected)
  test.equal(merges_of(tokenizer.train({path = paths}, {vocab_size = 300})), expected)
  test.equal(merges_of(tokenizer.train(data.text(paths), {vocab_size = 300})),
             merges_of(tokenizer.train({text = sample}, {vocab_size = 300})))
end)

test("running out of memory anywhere is an error and leaks nothing", function()
  local function work()
    local tok = tokenizer.train("some text, some more \xff text", {vocab_size = 270, specials = {"<|a|>"}})
    tok:save(path "memory.json")
    local back = tokenizer.load(path "memory.json")
    local text = ("some text "):rep(60)
    assert(back:decode(back:encode(text, {specials = true})) == text)
    return tokenizer.chars(text):encode(text)
  end
  local failures = 0
  for n = 0, 400 do
    torch.debug.fail_after(n, true)
    local ok, message = pcall(work)
    torch.debug.fail_after()
    if ok then break end
    failures = failures + 1
    if not tostring(message):find "memory" then test.fail(tostring(message)) end
  end
  test.equal(failures > 20 and failures < 400, true)
end)

test("a rank file needs to know how text is split", function()
  local tok = tokenizer.train(sample, {vocab_size = 300})
  tok:save(path "ranks.tiktoken")
  test.raises(function() tokenizer.load(path "ranks.tiktoken") end, "does not say how text is split")
  test.raises(function() tokenizer.load(path "ranks.tiktoken", {name = "gpt2"}) end, "300 tokens, expected 50256 of gpt2")
  test.raises(function() tokenizer.load(path "ranks.tiktoken", {name = "gpt3"}) end, "expected name to be")
  test.equal(tokenizer.load(path "ranks.tiktoken", {pattern = "nanochat"}):encode(sample), tok:encode(sample))
end)
