-- Long texts are encoded in chunks by all threads: the ids are those of one thread, whatever the text and the pattern.
local test = require "harness"

local before = torch.get_num_threads()
local _ <close> = setmetatable({}, {__close = function() torch.set_num_threads(before) end})

--- Words, numbers, runs of white space, punctuation, other scripts, bytes that are no UTF-8: 2.5 MB, always the same.
local function long_text()
  local parts, state = {}, 7
  local pieces = {"the ", "word", "don't", "we'LL", "  ", "\n\n", "\t", " \r\n", "1234567", " 12", "...", "?!\n", "caf\u{e9}",
                  "\u{4e2d}\u{6587}", " \u{430}\u{431}", "\u{a0}", "\u{2003}x", "\xff\xfe", "A", "Zz ", "x y z ", "<|bos|>",
                  "_a_", "'s", "end\n", "(f)", "9a", "a9 ", "\u{1f642}", "i\u{307} "}
  for i = 1, 800000 do
    state = (state * 1664525 + 1013904223) % (1 << 32)
    parts[i] = pieces[1 + (state >> 10) % #pieces]
  end
  return table.concat(parts)
end

local text = long_text()
assert(#text > 2 << 20)

local function encode(tok, threads, options, what)
  torch.set_num_threads(threads)
  return tok:encode(what or text, options)
end

for _, pattern in ipairs {"gpt2", "gpt4", "o200k", "nanochat", "[a-z]+|\\s+$|.", false} do
  test(f"the ids are those of one thread: {pattern and pattern or 'no cuts'}", function()
    -- without cuts a text is one piece, whose merging takes long
    local some = pattern and text or text:sub(1, 1200000)
    local tok = tokenizer.train(text:sub(1, 60000), {vocab_size = 400, pattern = pattern, specials = {"<|bos|>"},
                                                     progress = false})
    local one = encode(tok, 1, nil, some)
    for _, threads in ipairs {2, 5} do assert(torch.equal(encode(tok, threads, nil, some), one), threads) end
    test.equal(tok:decode(one) == some, true)
    if not pattern then return end
    local special = encode(tok, 1, {specials = true})
    assert(torch.equal(encode(tok, 2, {specials = true}), special))
    assert(not torch.equal(special, one))
  end)
end

test("chunks with nowhere to cut, and with cuts everywhere", function()
  local tok = tokenizer.train(text:sub(1, 60000), {vocab_size = 400, pattern = "gpt2", progress = false})
  for _, unit in ipairs {"a b ", "1234 ", "\u{4e2d}\u{6587}\u{3002}", "...!", "a\n\n "} do
    local some = unit:rep((1300000) // #unit)
    assert(torch.equal(encode(tok, 2, nil, some), encode(tok, 1, nil, some)), unit)
  end
end)

test("Ctrl-C and lack of memory end it, and it works afterwards", function()
  local tok = tokenizer.train(text:sub(1, 60000), {vocab_size = 400, pattern = "gpt2", progress = false})
  local want = encode(tok, 2)
  torch.debug.interrupt()
  local ok, message = pcall(tok.encode, tok, text)
  torch.debug.interrupt_clear()
  test.equal(ok, false)
  assert(tostring(message):find "interrupted", message)
  local failures = 0
  for n = 0, 100 do
    torch.debug.fail_after(n, true)
    ok, message = pcall(tok.encode, tok, text)
    torch.debug.fail_after()
    if ok then break end
    assert(tostring(message):find "out of memory", message)
    failures = failures + 1
  end
  assert(failures >= 3, failures)
  assert(torch.equal(tok:encode(text), want))
end)
