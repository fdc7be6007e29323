--- autocast.lua: torch.autocast: products in a narrow dtype over float32 weights, as PyTorch's on the CPU
-- (numbers of tests/golden/gpt_variants.py, and the dtypes it answers with).
local test = require "harness"

local folder = debug.getinfo(1, "S").source:match "^@(.*)/model/[^/]*$" .. "/golden/"
local bf16, f32 = torch.bfloat16, torch.float32

local function rms(a) return a:detach():double():square():mean():sqrt():item() end

test("a GPT under autocast is PyTorch's under autocast: logits, loss, every gradient", function()
  local golden, metadata = torch.load(folder .. "gpt_variants.safetensors")
  local function get(key) return golden["nanogpt." .. key] end
  local model, state = GPT(json.decode(metadata.nanogpt)), {}
  for key, tensor in pairs(golden) do
    local parameter = key:match "^nanogpt%.param%.(.*)"
    if parameter then state[parameter] = tensor end
  end
  model:load_state_dict(state)
  local logits, loss = torch.autocast("cpu", {dtype = bf16}, function()
    return model(get "idx"), model(get "idx", get "targets")
  end)
  loss:backward()
  -- PyTorch's own run under autocast is 0.7 percent from its run in f32 in the logits and up to 1.4 percent in
  -- the gradients: roundings to 8 bits at the same places, of sums in another order
  local function near(a, b, scale, what)
    local d = rms(a - b) / math.max(rms(scale), 0.005) -- a bias of keys has none but rounding
    if not (d < 0.02) then error(("%s: off by %.3g of the rms"):format(what, d), 2) end
  end
  near(logits, get "autocast.logits", get "logits", "logits")
  test.close(loss:item(), get "autocast.loss":item(), 2e-3)
  for name, p in model:named_parameters() do
    test.equal(p.grad.dtype, f32)
    near(p.grad, get("autocast.grad." .. name), get("grad." .. name), name)
  end
end)

test("products are narrow, what follows takes the dtype it gets, losses are wide", function()
  local x, w = torch.randn(4, 6), torch.randn(6, 6)
  torch.autocast("cpu", function()
    local y = F.linear(x, w)
    test.equal(y.dtype, bf16)
    test.equal(x:matmul(w).dtype, bf16)
    test.equal(F.scaled_dot_product_attention(x:view(1, 2, 2, 6), x:view(1, 2, 2, 6), x:view(1, 2, 2, 6)).dtype, bf16)
    test.equal((y + x).dtype, f32)
    test.equal(F.gelu(y).dtype, bf16)
    test.equal(F.layer_norm(y, {6}, torch.ones(6)).dtype, bf16)
    test.equal(F.layer_norm(x, {6}).dtype, f32)
    test.equal(y:softmax(-1).dtype, bf16)
    test.equal(F.cross_entropy(y, torch.zeros(4, {dtype = torch.long})).dtype, f32)
    test.equal(F.mse_loss(y, x).dtype, f32)
    test.equal(F.embedding(torch.zeros(2, {dtype = torch.long}), w).dtype, f32)
    test.equal(F.linear(x:double(), w:double()).dtype, torch.float64)
    test.equal(torch.arange(4):view(2, 2):matmul(torch.arange(4):view(2, 2)).dtype, torch.int64)
  end)
  test.equal(F.linear(x, w).dtype, f32)
end)

test("the value is that of the rounded inputs, gradients reach the wide weights", function()
  torch.manual_seed(41)
  local x, w = torch.randn(5, 7), torch.randn(3, 7)
  w:requires_grad_()
  local y = torch.autocast("f16", function() return F.linear(x, w) end)
  test.equal(y.dtype, torch.float16)
  assert(torch.equal(y:detach(), F.linear(x:half():float(), w:detach():half():float()):half()))
  y:float():sum():backward()
  test.equal(w.grad.dtype, f32)
  test.close(w.grad[0]:tolist(), x:half():float():sum(0):tolist(), 2e-3) -- a sum rounded to 11 bits
end)

test("autocast ends with its block, its function, and with an error", function()
  local x = torch.ones(2, 2)
  do
    local _ <close> = torch.autocast "cpu"
    assert(torch.is_autocast_enabled())
    do
      local _ <close> = torch.autocast("cpu", {enabled = false})
      test.equal(x:matmul(x).dtype, f32)
    end
    test.equal(x:matmul(x).dtype, bf16)
  end
  assert(not torch.is_autocast_enabled())
  pcall(torch.autocast, "cpu", function() error "stop" end)
  assert(not torch.is_autocast_enabled())
  test.equal({torch.autocast("bf16", {}, function(...) return ... end, 1, 2)}, {1, 2})
end)

test("backward under autocast computes as the forward did", function()
  local x, w = torch.randn(3, 4), torch.randn(4, 4):requires_grad_()
  F.linear(x, w):sum():backward()
  local outside = w.grad:clone()
  w.grad = nil
  local y = F.linear(x, w):sum()
  torch.autocast("cpu", function() y:backward() end)
  assert(torch.equal(w.grad, outside))
end)

test("wrong arguments are refused by name", function()
  test.raises(function() torch.autocast("cpu", {dtype = "f32"}) end, "autocast: expected bfloat16 or float16, got float32")
  test.raises(function() torch.autocast("cpu", {dtyp = bf16}) end, "autocast has no argument 'dtyp' (did you mean 'dtype'?)")
  test.raises(function() torch.autocast("cpu", {enabled = "no"}) end, "autocast: enabled expects true or false, got a string")
  test.raises(function() torch.autocast("gpu") end, "device: expected cpu, cuda or meta, got gpu")
  for _, f in ipairs{torch.autocast, torch.cuda.memory_allocated, torch.memory_allocated, torch.is_autocast_enabled} do
    test.raises(function() f "cudax" end, "device: expected cpu, cuda or meta, got cudax")
  end
  test.raises(function() torch.autocast("cpu", 3) end, "autocast: expected a function to run, got an integer")
end)

test("products of bf16 tensors are the exact ones rounded to bf16, for any shape and number of threads", function()
  local threads = torch.get_num_threads()
  for _, size in ipairs {{2, 3, 5}, {768, 96, 128}, {33, 65, 129}, {64, 300, 513}, {40, 31, 1}, {100, 33, 1030}, {300, 40, 1030}, {777, 30, 20}} do
    torch.manual_seed(size[1])
    local M, N, K = size[1], size[2], size[3]
    local x = torch.randn(M, K):to(torch.bfloat16):requires_grad_(true)
    local w = torch.randn(N, K):to(torch.bfloat16):requires_grad_(true)
    local dy = torch.randn(M, N):to(torch.bfloat16)
    local function products()
      x.grad, w.grad = nil, nil
      local y = F.linear(x, w)
      y:backward(dy)
      return {y:detach(), x.grad:clone(), w.grad:clone()}
    end
    local found = products()
    torch.set_num_threads(threads == 1 and 2 or 1)
    local again = products()
    torch.set_num_threads(threads)
    local exact = {x:detach():double():matmul(w:detach():double():t()), dy:double():matmul(w:detach():double()),
                   dy:double():t():matmul(x:detach():double())}
    for i = 1, 3 do
      assert(torch.equal(found[i], again[i]), "other bits for another number of threads")
      -- half an ulp of bf16 is up to 2^-8 of the number; sums in f32 add 2^-24 of the largest for every term
      local off = (found[i]:double() - exact[i]):abs()
      local allowed = exact[i]:abs() * 2 ^ -8 + exact[i]:abs():max():item() * 1030 * 2 ^ -24
      assert((off - allowed):max():item() <= 0, f"product {i} of {M} x {N} x {K} is off by {(off - allowed):max():item()}")
    end
  end
end)

--- What `products` gives with one thread and with three, bit by bit, and then with the session's own.
local function same_bits(products)
  local threads, found = torch.get_num_threads(), nil
  for _, n in ipairs {1, 3, threads} do
    torch.set_num_threads(n)
    local now = products()
    for i, t in ipairs(found or now) do assert(torch.equal(t, now[i]), f"result {i}: other bits for {n} threads") end
    found = now
  end
  return found
end

--- Is `found` within `relative` of every exact number, and within the largest times `absolute`?
local function near(found, exact, relative, absolute)
  local off = (found:double() - exact):abs() - exact:abs() * relative
  assert(off:max():item() <= exact:abs():max():item() * absolute, f"off by {off:max():item()}")
end

test("gradients of weight and bias over many rows: exact sums, added to what is there, in every dtype", function()
  torch.manual_seed(5)
  local x, w, b, dy = torch.randn{777, 24, dtype = "f64"}, torch.randn{40, 24, dtype = "f64"},
    torch.randn{40, dtype = "f64"}, torch.randn{777, 40, dtype = "f64"}
  -- sums of 777 products twice: rounding of the dtype, of its sums and of the two halves
  for dtype, error in pairs {f64 = 1e-14, f32 = 4e-6, bf16 = 2e-2} do
    local X, W, B, DY = x:detach():to(dtype):requires_grad_(true), w:detach():to(dtype):requires_grad_(true),
      b:detach():to(dtype):requires_grad_(true), dy:to(dtype)
    local found = same_bits(function()
      X.grad, W.grad, B.grad = nil, nil, nil
      for _ = 1, 2 do F.linear(X, W, B):backward(DY) end
      return {F.linear(X, W, B):detach(), X.grad, W.grad, B.grad}
    end)
    local X64, W64, DY64 = X:detach():double(), W:detach():double(), DY:double()
    near(found[1], X64:matmul(W64:t()) + B:detach():double(), error, error)
    near(found[2], DY64:matmul(W64) * 2, error, error)
    near(found[3], DY64:t():matmul(X64) * 2, error, error)
    near(found[4], DY64:sum(0) * 2, error, error)
  end
end)

test("linear_cross_entropy of bf16 has the gradients of its rounded inputs, block by block", function()
  torch.manual_seed(6)
  -- tokens and classes of one block and of several
  for _, size in ipairs {{12, 7, 5}, {1030, 65, 16}, {40, 2100, 16}} do
    local N, V, C = size[1], size[2], size[3]
    local x, w = torch.randn(N, C):to("bf16"):requires_grad_(true), torch.randn(V, C):to("bf16"):requires_grad_(true)
    local targets = torch.arange(N) * 7 % V
    local found = same_bits(function()
      x.grad, w.grad = nil, nil
      local loss
      for _ = 1, 2 do
        loss = F.linear_cross_entropy(x, w, targets)
        loss:backward()
      end
      return {loss:detach(), x.grad, w.grad}
    end)
    local X, W = x:detach():double():requires_grad_(true), w:detach():double():requires_grad_(true)
    local exact = F.cross_entropy(X:matmul(W:t()), targets)
    exact:backward()
    near(found[1], exact:detach(), 1e-5, 0)
    -- dz is rounded to bf16 (2^-9), each gradient when it is stored and when it is added to
    near(found[2], X.grad * 2, 2 ^ -7, 2 ^ -8)
    near(found[3], W.grad * 2, 2 ^ -7, 2 ^ -8)
  end
end)
