-- Data, validation data, tokenizer and model that do not belong together.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"

local function chars(text) return data.text({text = text:rep(200)}, {tokenizer = "chars"}) end

test("validation data cut by another tokenizer is refused", function()
  local tokens = chars "abcd "
  for val, size in pairs {["abc "] = 4, ["abed "] = 5} do
    test.raises(function() support.trainer {data = tokens, val = chars(val), B = 2, T = 8} end,
      f"train.new: expected val to have the tokenizer of data (5 tokens), got another one ({size} tokens)")
  end
  support.trainer {data = tokens, val = chars "dcba ", B = 2, T = 8} -- another one of the same tokens
  support.trainer {data = tokens, val = data.text({text = ("bad "):rep(200)}, {tokenizer = tokens.tokenizer}), B = 2, T = 8}
end)

test("ids, and lists of them, are told how to become tokens", function()
  local ids = torch.arange(100)
  local how = "data.tokens(ids, {vocab_size = …}) makes tokens of a tensor of ids"
  test.raises(function() support.trainer {data = ids} end, how)
  test.raises(function() support.trainer {val = ids} end, how)
  test.raises(function() support.trainer {data = {1, 2, 3}} end, "data.tokens(torch.tensor(ids), {vocab_size = …}) makes tokens of ids")
  support.trainer({data = data.tokens(ids), B = 1, T = 8, steps = 1}):run()
end)

--- What a script says on stderr.
local function said(script)
  local setup = [[package.path = "tests/?.lua;" .. package.path; local s = require "train.support"
    local function gpt(size) local m = GPT{hidden_dim = 8, n_layers = 1, n_heads = 1, vocab_size = size, sequence_len = 8} m:init_weights() return m end
    local function make(o) o.B, o.T = 2, 8 return s.trainer(o) end ]]
  return (support.shell(("'%s' -e '%s' 2>&1"):format(GPTSH, setup .. script)))
end

test("validation on what is trained on is said, once", function()
  local folder = support.folder()
  os.execute("mkdir " .. folder)
  support.write(folder .. "/a.txt", ("some text "):rep(50))
  os.execute(f"ln {folder}/a.txt {folder}/b.txt")
  local note = "train.new: note: val holds tokens that are trained on: "
  local out = said(('local a, b = data.open "%s/a.txt", data.open "%s/b.txt" for _ = 1, 2 do make {data = a, val = b} end')
    :format(folder, folder))
  test.equal(out, f"{note}{folder}/a.txt and {folder}/b.txt; tokens:split() parts them\n")
  out = said 'local t = s.tokens() make {data = t, val = t[":100"]}'
  test.equal(out, note .. "text and 0:100 of text; tokens:split() parts them\n")
  test.equal(said 'local t = s.tokens() local a, b = t:split() make {data = a, val = b}', "")
  support.remove(folder)
end)

test("a tokenizer of another size than the model's table is said, unless the table is padded", function()
  test.equal(said "make {model = gpt(257), data = s.tokens()}", "train.new: note: the tokenizer has 256 tokens, the model a vocab_size of 257\n")
  test.equal(said "make {model = gpt(255), data = s.tokens()}", "train.new: note: the tokenizer has 256 tokens, the model a vocab_size of 255\n")
  test.equal(said "make {model = gpt(264), data = s.tokens()}", "")
  test.equal(said "make {model = gpt(256), data = s.tokens()}", "")
end)

test("a run of a model in bf16 opens in bf16, and weights of another dtype are named", function()
  local folder = support.folder()
  local t = support.trainer {model = support.model():to(torch.bfloat16), folder = folder, steps = 2}
  t:run()
  t:close()
  local o = train.open(folder, {data = support.options().data, progress = false})
  test.equal({o.model:get_parameter("lm_head.weight").dtype, o:hash()}, {torch.bfloat16, t:hash()})
  o:close()
  local model = support.model()
  local before = model:get_parameter("lm_head.weight"):detach():clone()
  test.raises(function() train.open(folder, {data = support.options().data, model = model}) end,
    "as torch.bfloat16, the model has torch.float32: model:to(torch.bfloat16) makes it fit")
  test.equal(torch.equal(model:get_parameter("lm_head.weight"):detach(), before), true)
  support.remove(folder)
end)
