-- Files with cut ends and flipped bits: tokenizers, manifests and logs of checkpoints.  Each is refused in one line that
-- names it, or is one that can be used.  (Shards and safetensors: tests/core.)  Always the same damage.
local test = require "harness"
local support = require "train.support"
local checkpoint = require "gt.train.checkpoint"

local GOLDEN = "tests/golden/tokenizers/"
local folder = support.folder()
os.execute("mkdir -p " .. folder .. "/gpt2")
local _ <close> = setmetatable({}, {__close = function() support.remove(folder) end})

-- A linear congruential generator (Numerical Recipes): math.random differs between builds of Lua.
local state = 1
local function draw(n)
  state = (state * 1664525 + 1013904223) % (1 << 32)
  return (state >> 8) % n
end

local function damage(text)
  local kind = draw(5)
  if kind == 0 then return text:sub(1, draw(#text)) end
  for _ = 0, draw(4) do
    local at = 1 + draw(#text)
    local byte = string.char(text:byte(at) ~ 1 << draw(8))
    local with = kind <= 2 and byte or kind == 3 and "" or text:sub(draw(at), at)
    text = text:sub(1, at - 1) .. with .. text:sub(at + (kind == 4 and 0 or 1))
  end
  return text
end

--- Does fn fail, and as bad input has to?
local function refused(name, fn)
  local ok, why = pcall(fn)
  if ok then return false end
  why = tostring(why)
  if why:find "\n" or why:find("attempt to", 1, true) or not why:find(folder, 1, true) then
    test.fail(name .. ": " .. why)
  end
  return true
end

local function use(tok)
  if tok.kind ~= "sentencepiece" then tok:encode("the rain \u{e9} \xff <|bos|> 123 rain", {specials = true}) end
  for id = 0, tok.vocab_size - 1, 1 + tok.vocab_size // 50 do
    if tok:token(id) then tok:decode(id) end
  end
  tok:byte_lengths()
end

local trained = tokenizer.train(("the rain in spain stays mainly in the plain "):rep(20),
                                {vocab_size = 300, specials = {"<|bos|>"}, pattern = "gpt2", progress = false})
trained:save(folder .. "/own.json")
trained:save(folder .. "/own.model")
local files = {[GOLDEN .. "ranks.tiktoken"] = "bad.tiktoken", [GOLDEN .. "golf.model"] = "bad.model",
               [GOLDEN .. "unigram.model"] = "bad.model", [folder .. "/own.json"] = "bad.json",
               [folder .. "/own.model"] = "bad.model", [GOLDEN .. "vocab.json"] = "gpt2/vocab.json",
               [GOLDEN .. "merges.txt"] = "gpt2/merges.txt"}
local order = {}
for path in pairs(files) do order[#order + 1] = path end
table.sort(order, function(a, b) return files[a] .. a < files[b] .. b end)

for _, path in ipairs(order) do
  local name = path:match "[^/]+$"
  test("damaged copies of " .. name .. " are refused, or are tokenizers", function()
    for _, file in ipairs {"vocab.json", "merges.txt"} do support.write(folder .. "/gpt2/" .. file, support.read(GOLDEN .. file)) end
    local good, target, failures = support.read(path), folder .. "/" .. files[path], 0
    for _ = 1, 40 do
      support.write(target, damage(good))
      local tok
      local source = files[path]:find "^gpt2" and folder .. "/gpt2" or target
      if refused(name, function() tok = tokenizer.load(source, name:find "tiktoken" and {pattern = "gpt2"} or nil) end) then
        failures = failures + 1
      else
        use(tok)
      end
    end
    assert(failures > 5, failures)
  end)
end

test("damaged manifests and logs are refused, or say the same", function()
  local t = support.saving_run(folder .. "/run")
  t:run()
  local want = t:hash()
  t:close()
  local manifest, log = folder .. "/run/step-000008/trainer.json", folder .. "/run/log.jsonl"
  local good, failures = support.read(manifest), 0
  for _ = 1, 100 do
    support.write(manifest, damage(good))
    local found, why = checkpoint.verify(folder .. "/run", 8)
    if not found then failures = failures + 1 end
    assert(found or not why:find "\n", why)
    assert(not found or found.hash == want)
  end
  assert(failures > 50, failures)
  support.write(manifest, good)
  good, failures = support.read(log), 0
  for _ = 1, 30 do
    support.write(log, damage(good))
    if refused("log", function()
      local again = support.saving_run(folder .. "/run")
      again:close()
      test.equal(again:hash(), want)
    end) then failures = failures + 1 end
  end
  assert(failures > 0) -- how many: lines hold times, no two logs are alike
end)
