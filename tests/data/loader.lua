--- loader.lua: batches for training and evaluation as users see them.
local test = require "harness"

local digits = data.text {text = ("0123456789"):rep(100)}
local text = {}
for i = 1, 400 do text[i] = ("word %d "):format(i * i % 997) end
local words = data.text {text = table.concat(text)}

local orders = {{}, {shuffle = true}, {random = true}}

local function loader_of(tokens, order, more)
  local options = {B = 4, T = 16}
  for _, part in ipairs {order, more or {}} do
    for name, value in pairs(part) do options[name] = value end
  end
  return tokens:loader(options)
end

local function batches(loader, n)
  local out = {}
  for x, y in loader:iter(n) do out[#out + 1] = {x:tolist(), y:tolist()} end
  return out
end

test("y is x moved by one, and batches follow each other", function()
  local loader = digits:loader {B = 2, T = 5}
  local x, y = loader:next()
  test.equal(x, {{48, 49, 50, 51, 52}, {53, 54, 55, 56, 57}})
  test.equal(y, {{49, 50, 51, 52, 53}, {54, 55, 56, 57, 48}})
  test.equal(x.dtype, torch.int64)
  test.equal(loader.tokens_per_batch, 10)
  test.equal(loader.batches, 99)
end)

test("the state brings a loader back to the batch, in every order", function()
  for _, order in ipairs(orders) do
    local first = loader_of(words, order)
    batches(first, first.batches * 2 - 1) -- one before the end of an epoch
    local state = json.decode(json.encode(first:state())) -- as a checkpoint keeps it
    local expected = batches(first, 5)
    local second = loader_of(words, order)
    second:load_state(state)
    test.equal(batches(second, 5), expected)
    test.equal(second.epoch, first.epoch)
    test.equal(second:state(), first:state())
    first:load_state(state) -- and back again
    test.equal(batches(first, 5), expected)
  end
end)

test("a clone goes its own way", function()
  local loader = loader_of(words, {shuffle = true})
  batches(loader, 3)
  local clone = loader:clone()
  local expected = batches(clone, 4)
  test.equal(loader.step, 3)
  test.equal(batches(loader, 4), expected)
end)

test("a state of other settings is refused", function()
  local state = words:loader({B = 4, T = 16}):state()
  local function refused(options, message)
    test.raises(function() words:loader(options):load_state(state) end, message)
  end
  refused({B = 5, T = 16}, "loader:load_state: saved with B = 4, this loader has 5")
  refused({B = 4, T = 16, seed = 2}, "saved with seed = 1337, this loader has 2")
  refused({B = 4, T = 16, shuffle = true}, "saved with shuffle = false, this loader has true")
  test.raises(function() words:loader({B = 4, T = 16}):load_state(3) end, "state expects a table, got 3")
  test.raises(function() digits:loader({B = 4, T = 16}):load_state(state) end, "saved with count =")
  state.step = -1
  refused({B = 4, T = 16}, "step expects an integer >= 0, got -1")
end)

test("the same batches for 1 and 2 threads, from memory and from a shard", function()
  local path, threads = os.tmpname(), torch.get_num_threads()
  words:save(path)
  for _, order in ipairs(orders) do
    torch.set_num_threads(1)
    local one = batches(loader_of(words, order), 60)
    torch.set_num_threads(2)
    test.equal(batches(loader_of(words, order), 60), one)
    test.equal(batches(loader_of(data.tokens(path), order), 60), one)
  end
  torch.set_num_threads(threads)
  os.remove(path)
end)

test("the global random streams are left alone", function()
  torch.manual_seed(3)
  local expected = torch.rand(4):tolist()
  torch.manual_seed(3)
  batches(loader_of(words, {random = true}), 3)
  test.equal(torch.rand(4), expected)
end)

test("seeds give other orders", function()
  for i = 2, 3 do
    local one, other = batches(loader_of(words, orders[i]), 3), batches(loader_of(words, orders[i], {seed = 8}), 3)
    test.equal(json.encode(one) == json.encode(other), false)
  end
end)

test("iter without n is one epoch", function()
  local loader, n = loader_of(words, {shuffle = true}), 0
  for _ in loader:iter() do n = n + 1 end
  test.equal(n, loader.batches)
  test.equal(loader.epoch, 1)
end)

test("aligned windows begin with bos", function()
  local path = os.tmpname()
  data.text({text = "x|abc|defghijkl|mn|opqrstuvw"}):save(path)
  local tokens = data.tokens(path, {vocab_size = 256, bos = ("|"):byte()})
  local x = tokens:loader({B = 2, T = 5, align = "bos"}):next()
  local rows = {}
  for i, row in ipairs(x:tolist()) do rows[i] = string.char(table.unpack(row)) end
  test.equal(rows, {"|abc|", "|mn|o"})
  os.remove(path)
end)

test("bad settings are refused", function()
  local function refused(options, message) test.raises(function() words:loader(options) end, message) end
  refused({B = 0}, "loader: B expects an integer >= 1, got 0")
  refused({T = 2.5}, "loader: T expects a whole number, got 2.5")
  refused({B = "x"}, "got 'x'")
  refused({B = 100, T = 100}, "loader: expected at least B * T + 1 = 10001 tokens for a batch, got")
  refused({shuffle = 1}, "shuffle expects true or false, got 1")
  refused({shuffle = true, random = true}, "expected shuffle or random, got both")
  refused({align = "eos"}, [[align expects "none" or "bos", got 'eos']])
  refused({align = "bos"}, "needs a bos token")
  refused({seed = 1.5}, "seed expects a whole number")
  refused({batch = 3}, "loader has no argument 'batch'")
end)

test("windows hold every target once, the last row filled up with -1", function()
  local tokens, seen, counts = data.text {text = "abcdefghijk"}, {}, {}
  for x, y, n in tokens:windows {B = 2, T = 4} do
    counts[#counts + 1] = {n, x.shape[0]}
    for _, id in ipairs(y:reshape(-1):tolist()) do seen[#seen + 1] = id end
  end
  test.equal(counts, {{8, 2}, {2, 1}})
  test.equal(seen, {98, 99, 100, 101, 102, 103, 104, 105, 106, 107, -1, -1})
  local x = tokens:windows({B = 3, T = 1 << 40})()
  test.equal(x.shape[1], 10)
  test.raises(function() data.text({text = "a"}):windows() end, "expected at least 2 tokens, got 1")
end)

test("a mean over windows does not depend on how they are cut", function()
  local function mean(B, T)
    local sum, count = 0, 0
    for _, y, n in words:windows {B = B, T = T} do
      sum, count = sum + torch.where(y:ge(0), y, 0):sum():item(), count + n
    end
    return sum / count
  end
  local expected = mean(1, 1)
  for _, cut in ipairs {{1, 7}, {3, 16}, {12, 64}, {1, 5000}} do test.equal(mean(cut[1], cut[2]), expected) end
end)

test("ten thousand batches leave nothing behind", function()
  local loader = loader_of(words, {shuffle = true})
  loader:next()
  collectgarbage() collectgarbage()
  local before = torch.memory_allocated()
  for _ in loader:iter(10000) do end
  collectgarbage() collectgarbage()
  test.equal(torch.memory_allocated(), before)
end)

test("help knows tokens, loaders and their methods", function()
  local shown, lines = print, {}
  _G.print = function(...) lines[#lines + 1] = table.concat({...}, " ") end -- luacheck: ignore
  local ok, message = pcall(function()
    help "data.text"
    help(words)
    help "tokens:windows"
    help "loader:load_state"
  end)
  _G.print = shown -- luacheck: ignore
  assert(ok, message)
  local said = table.concat(lines, "\n")
  for _, part in ipairs {"data.text(path | folder", "overlaps save slice", "every target of the tokens once",
                         "continues exactly where"} do
    test.equal({part, said:find(part, 1, true) ~= nil}, {part, true})
  end
end)
