--- tokens.lua: text and shards as token sequences, loaders, evaluation windows.
local test = require "harness"

test("a text is its bytes", function()
  local tokens = data.text {text = "héllo"}
  test.equal(#tokens, 6)
  test.equal(tokens.vocab_size, 256)
  test.equal(tokens:slice(), {104, 195, 169, 108, 108, 111})
  test.equal(tokens[1], 195)
  test.equal(tokens[-1], 111)
end)

test("y is x moved by one, and batches follow each other", function()
  local text = ("abcdefghij"):rep(10)
  local loader = data.text({text = text}):loader {B = 2, T = 5}
  local x, y = loader:next()
  test.equal(x, {{97, 98, 99, 100, 101}, {102, 103, 104, 105, 106}})
  test.equal(y, {{98, 99, 100, 101, 102}, {103, 104, 105, 106, 97}})
  test.equal(loader.batches, 9)
end)
