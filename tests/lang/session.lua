--- Gradient mode, memory and its collection, identity of tensors, scopes, seeds, threads, interrupts.
local test = require "harness"

local function settle()
  collectgarbage()
  collectgarbage()
end

--- Runs fn and checks that it leaves as much native memory as it found.
local function balanced(fn)
  settle()
  local before = torch.memory_allocated()
  fn()
  settle()
  test.equal(torch.memory_allocated(), before)
end

test("no_grad around a function, with its results and its errors", function()
  local w = torch.ones(2, {requires_grad = true})
  local a, b = torch.no_grad(function(x) return (w * x).requires_grad, x end, 3)
  test.equal(a, false)
  test.equal(b, 3)
  test.raises(function() torch.no_grad(function() error("inside", 0) end) end, "inside")
  assert(torch.is_grad_enabled() and (w * 2).requires_grad)
  test.raises(function() torch.no_grad(3) end, "fn expects a function")
end)

test("no_grad to the end of a block", function()
  do
    local _ <close> = torch.no_grad()
    assert(not torch.is_grad_enabled())
    do
      local _ <close> = torch.enable_grad()
      assert(torch.is_grad_enabled())
    end
    assert(not torch.is_grad_enabled())
  end
  assert(torch.is_grad_enabled())
  pcall(function()
    local _ <close> = torch.set_grad_enabled(false)
    error "out of the block"
  end)
  assert(torch.is_grad_enabled())
end)

test("free gives memory back at once; a later use raises", function()
  settle()
  local before = torch.memory_allocated()
  local t = torch.zeros(1000)
  assert(torch.memory_allocated() >= before + 4000)
  t:free()
  test.equal(torch.memory_allocated(), before)
  test.raises(function() return t + 1 end, "tensor was freed")
  test.raises(function() return t.shape end, "tensor was freed")
  test.raises(function() return torch.cat{t} end, "tensor was freed")
  t:free()
  do
    local u <close> = torch.zeros(1000)
    assert(u and torch.memory_allocated() > before)
  end
  test.equal(torch.memory_allocated(), before)
end)

test("tidy frees what is made inside, but not what it returns", function()
  settle()
  local before = torch.memory_allocated()
  local kept, inner
  local a, list = torch.tidy(function(n)
    inner = torch.zeros(n)
    kept = {torch.ones(n), {torch.ones(n)}}
    return torch.ones(n) + inner, kept
  end, 1000)
  test.equal(a:sum():item() + list[1]:sum():item() + list[2][1]:sum():item(), 3000.0)
  test.raises(function() return inner:sum() end, "tensor was freed")
  test.raises(function() torch.tidy(function() torch.zeros(1000) error("inside", 0) end) end, "inside")
  a, list, kept, inner = nil, nil, nil, nil
  settle()
  test.equal(torch.memory_allocated(), before)
  local outside = torch.zeros(3)
  settle()
  test.equal(outside:sum():item(), 0.0)
end)

test("scopes nest", function()
  local outer, inner
  local out = torch.tidy(function()
    outer = torch.ones(2)
    local kept = torch.tidy(function()
      inner = torch.ones(2)
      return inner * 2
    end)
    test.equal(outer, {1.0, 1.0})
    return kept + outer
  end)
  test.equal(out, {3.0, 3.0})
  test.raises(function() return outer[0] end, "freed")
  test.raises(function() return inner[0] end, "freed")
end)

test("a loop that drops 4 MB tensors stays under 300 MB", function()
  local script = [[for _ = 1, 3000 do local t = torch.empty(1024, 1024) t[0] = 1 end
    local status = io.open "/proc/self/status":read "a"
    print(torch.memory_stats().reserved // 1024, status:match "VmHWM:%s*(%d+) kB")]]
  local child <close> = io.popen(("%s -e '%s'"):format(os.getenv "GPTSH" or "./gptsh", script))
  local reserved, resident = child:read("n", "n")
  assert(reserved < 300 * 1024, reserved)
  local sanitized = (os.getenv "GPTSH_BUILD" or ""):find "san$" -- takes memory of its own
  assert(sanitized or resident < 300 * 1024, resident)
end)

test("errors leave nothing behind", function()
  balanced(function()
    for _ = 1, 20 do
      pcall(function() return torch.zeros(100) + torch.ones(101) end)
      pcall(function() return torch.cat({torch.zeros(10), torch.zeros(10, 2)}, 0) end)
      pcall(function() return torch.tensor({1, {2}}) end)
      pcall(function() return torch.zeros(4):view(3) end)
    end
  end)
end)

test("an allocation that fails at any point leaves nothing behind", function()
  local function work()
    local w = torch.ones(8, 8, {requires_grad = true})
    local x = torch.tensor{{1, 2.5}, {3, 4}}
    local y = (w["1:, ::2"] * 2 + 1):relu():sum() + x[torch.tensor{1, 0}]:sum()
    y:backward()
    return w.grad:tolist(), tostring(w)
  end
  work()
  balanced(function()
    local failures = 0
    for n = 0, 400 do
      torch.debug.fail_after(n, true)
      local ok, message = pcall(work)
      torch.debug.fail_after()
      if ok then break end
      failures = failures + 1
      assert(tostring(message):find "memory", message)
    end
    assert(failures > 10 and failures < 400, failures)
  end)
end)

test("one failing allocation is survived by collecting and trying again", function()
  torch.debug.fail_after(0)
  local t = torch.zeros(5)
  torch.debug.fail_after()
  test.equal(t:sum():item(), 0.0)
end)

test("what is stored natively comes back as the same object", function()
  local layer = nn.Linear(2, 2)
  local state = {[layer.weight] = "momentum"}
  collectgarbage()
  test.equal(state[layer.weight], "momentum")
  layer.weight:sum():backward()
  local grad = layer.weight.grad
  assert(rawequal(grad, layer.weight.grad))
  local mine = torch.ones(2, 2)
  layer.weight.grad = mine
  assert(rawequal(layer.weight.grad, mine))
  local buffer = torch.ones(3)
  layer:register_buffer("steps", buffer)
  collectgarbage()
  assert(rawequal(layer.steps, buffer))
end)

test("memory figures", function()
  local t = torch.zeros(1000)
  local stats = torch.memory_stats()
  assert(stats.allocated >= 4000 and stats.peak >= stats.allocated and stats.reserved >= stats.allocated)
  test.equal(torch.memory_allocated("cpu"), stats.allocated)
  t:free()
  torch.reset_peak_memory_stats()
  assert(torch.max_memory_allocated() <= stats.allocated)
  torch.empty_cache()
  if not torch.cuda.is_available() then
    test.equal(f"{torch.cuda.memory_allocated() / 1024^3:.2f} {torch.cuda.memory_reserved()} {torch.cuda.max_memory_allocated()}", "0.00 0 0")
    test.equal(torch.cuda.device_count(), 0)
    torch.cuda.empty_cache()
    torch.cuda.synchronize()
    test.raises(function() torch.zeros(1, {device = "cuda"}) end, "cuda")
  end
  test.raises(function() torch.device "gpu" end, "gpu")
end)

test("seeds, threads and defaults", function()
  torch.manual_seed(42)
  test.equal(torch.initial_seed(), 42)
  local threads = torch.get_num_threads()
  torch.set_num_threads(1)
  local one = torch.randn(1000):sum():item()
  torch.set_num_threads(3)
  test.equal(torch.get_num_threads(), 3)
  torch.manual_seed(42)
  test.equal(torch.randn(1000):sum():item(), one)
  torch.set_num_threads(threads)
  test.raises(function() torch.set_num_threads(0) end, "1 … 256")
  torch.set_default_dtype "f64"
  test.equal(tostring(torch.zeros(1).dtype) .. tostring(torch.tensor(0.5)), "torch.float64tensor(0.5000)")
  torch.set_default_dtype(torch.float32)
  test.raises(function() torch.set_default_dtype "i64" end, "expected a float dtype")
  torch.set_default_device "meta"
  test.equal(tostring(torch.zeros(2)), "tensor(..., size=(2,))")
  torch.set_default_device "cpu"
end)

test("an interrupt stops the next op and is over when cleared", function()
  local t = torch.ones(10)
  torch.debug.interrupt()
  local ok, message = pcall(function() return t + 1 end)
  torch.debug.interrupt_clear()
  assert(not ok and message:find "interrupted", message)
  test.equal((t + 1)[0]:item(), 2.0)
end)

test("coroutines share the session", function()
  local co = coroutine.wrap(function()
    local t = torch.ones(2)
    coroutine.yield(t * 2)
    return t + torch.zeros(3)
  end)
  test.equal(co(), {2.0, 2.0})
  test.raises(co, "(2)")
end)

test("a text that memory does not suffice for is told and, as make test-asan sees, given back", function()
  local base64 = require "native.data".base64
  torch.debug.fail_after(4)
  local ok, message = pcall(base64, ("x"):rep(10000))
  torch.debug.fail_after()
  assert(not ok and message:find "not enough memory", message)
end)
