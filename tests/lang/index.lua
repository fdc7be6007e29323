--- t[key] and t[key] = value: integers, slices as strings and tables, tensors; counted from 0, half-open.
local test = require "harness"

local function grid() return torch.arange(24):view(2, 3, 4) end

test("integers select, from the end too", function()
  local t = grid()
  test.equal(t[1][2][3]:item(), 23)
  test.equal(t[-1][-1][-1]:item(), 23)
  test.equal(t[1].shape:tolist(), {3, 4})
  test.equal(t[{1, 2, 3}]:item(), 23)
  test.equal(t[1.0][0][0]:item(), 12)
end)

test("string and table slices say the same", function()
  local t = grid()
  local pairs_of = {
    {"1:", {{1, 2}}}, {":, 1:3", {{}, {1, 3}}}, {"..., :2", {"...", {0, 2}}}, {"0, :, -1", {0, {}, -1}}, {"1, 2", {1, 2}},
    {"None, 1", {"None", 1}}, {":, None, ..., 0", {{}, "None", "...", 0}}, {"..., ::2", {"...", {0, nil, 2}}},
    {":, :-1", {{}, {nil, -1}}}, {"-1:", {{-1, 2}}}, {"5:, :", {{5, 9}, {}}}, {"..., None", {"...", "None"}},
    {"1:0", {{1, 0}}}, {" 0 , : ", {0, {}}}, {"0,", {0}}, {"...", {"..."}},
  }
  for _, pair in ipairs(pairs_of) do
    local a, b = t[pair[1]], t[pair[2]]
    test.equal(a.shape:tolist(), b.shape:tolist())
    test.equal(a, b)
  end
end)

test("shapes and values of slices are Python's", function()
  local t = torch.arange(10)
  test.equal(t["2:5"], {2, 3, 4})
  test.equal(t["::3"], {0, 3, 6, 9})
  test.equal(t["1:8:3"], {1, 4, 7})
  test.equal(t["-3:"], {7, 8, 9})
  test.equal(t[":-8"], {0, 1})
  test.equal(t["4:2"].shape:tolist(), {0})
  test.equal(t["20:"].shape:tolist(), {0})
  test.equal(t["-20:2"], {0, 1})
  test.equal(t["None"].shape:tolist(), {1, 10})
  test.equal(torch.ones(2, 3)["None, :, None, :"].shape:tolist(), {1, 2, 1, 3})
end)

test("slices are views, tensor keys are copies", function()
  local t = torch.zeros(4, 4)
  t["1:3"]:fill_(1)
  t[0][0] = 5
  test.equal(t:sum():item(), 13.0)
  for _, view in ipairs {t["..., :2"], t[{"...", {0, 2}}], t:slice(-1, 0, 2), t:narrow(1, 0, 2)} do
    test.equal(view:data_ptr(), t:data_ptr())
  end
  local copy = t[torch.tensor{0}]
  copy:fill_(9)
  test.equal(t[0][1]:item(), 0.0)
end)

test("tensor keys pick rows, masks pick elements", function()
  local t = torch.arange(12):view(4, 3)
  test.equal(t[torch.tensor{2, 0, -1}], {{6, 7, 8}, {0, 1, 2}, {9, 10, 11}})
  test.equal(t[torch.tensor{{0, 1}}].shape:tolist(), {1, 2, 3})
  test.equal(t[t:gt(9)], {10, 11})
  test.raises(function() return t[torch.tensor{4}] end, "out of range")
  test.raises(function() return t[torch.tensor{1.5}] end, "integers or booleans")
end)

test("assignment fills and copies with broadcasting", function()
  local t = torch.zeros(3, 4)
  t["1:, ::2"] = 7
  t[0] = torch.arange(4)
  t[{2, 3}] = -1.5
  t["..., 1"] = torch.tensor{{10}, {20}, {30}}:view(3)
  test.equal(t, {{0.0, 10.0, 2.0, 3.0}, {7.0, 20.0, 7.0, 0.0}, {7.0, 30.0, 7.0, -1.5}})
  t[t:gt(6)] = 0
  test.equal(t:sum():item(), 3.5)
  t["..."] = 1
  test.equal(t:sum():item(), 12.0)
  test.raises(function() t["1:"] = torch.ones(5) end, "cannot broadcast (5) to (2, 4)")
  test.raises(function() t[0] = "x" end, "expected a number or a tensor, got a string")
  test.raises(function() t[7] = 1 end, "index 7 is out of range")
end)

test("gradients flow through every kind of index", function()
  local w = torch.ones(3, 4, {dtype = "f64", requires_grad = true})
  local y = w[0]:sum() + w["1:, ::2"]:sum() * 2 + w[{2, 3}] * 3 + w["None, ..., -1"]:sum() * 4 + w[torch.tensor{0, 0}]:sum() * 5
  y:backward()
  test.equal(w.grad, {{11.0, 11.0, 11.0, 15.0}, {2.0, 0.0, 2.0, 4.0}, {2.0, 0.0, 2.0, 7.0}})
end)

test("the whole of a tensor is a view of its own", function()
  local w = torch.ones(3, 4, {dtype = "f64", requires_grad = true})
  local all = w.T["..., :"]
  assert(not rawequal(w[":"], w) and all.shape == torch.Size(4, 3) and torch.tensor(2.0)["..."]:item() == 2.0)
  all:sum():backward()
  test.equal(w.grad:sum():item(), 12.0)
end)

test("assignment into a tensor that needs gradients is refused", function()
  local w = torch.ones(3, {requires_grad = true})
  test.raises(function() w[0] = 1 end, "in place")
  torch.no_grad(function() w[0] = 4 end)
  test.equal(w[0]:item(), 4.0)
end)

test("what cannot be an index says why", function()
  local t = grid()
  test.raises(function() return t[2] end, "index 2 is out of range for dimension 0 with size 2 (elements count from 0; the last is [-1])")
  test.raises(function() return t[-3] end, "index -3 is out of range")
  test.raises(function() return t[#t] end, "the last is [-1]")
  test.raises(function() return t[{0, 1, 2, 3}] end, "4 indices for a tensor of 3 dimensions")
  test.raises(function() return t["0, 0, 0, 0"] end, "4 indices for a tensor of 3 dimensions")
  test.raises(function() return t[{ {1} }] end, 'write {1, 2} for that row alone, or "1:"')
  test.raises(function() return t["..., ..."] end, "only one ...")
  test.raises(function() return t["1:x"] end, "is not a slice")
  test.raises(function() return t["::-1"] end, "step of a range must be positive")
  test.raises(function() return t["::0"] end, "step of a range must be positive")
  test.raises(function() return t[1.5] end, "expects a whole number, got 1.5")
  test.raises(function() return t[true] end, "got a boolean")
  test.raises(function() return t[{true}] end, "part 1 is a boolean")
  test.raises(function() return torch.tensor(1)[0] end, "without dimensions")
  test.raises(function() return t["None,None,None,None,None,None"] end, "more than 8 dimensions")
  test.raises(function() return t[("0,"):rep(40)] end, "more than 16 parts")
  test.raises(function() return t["99999999999999999999"] end, "out of range")
end)

test("uint8, which is a mask in PyTorch and positions in NumPy, is no key", function()
  local key = torch.tensor({1, 0}, {dtype = torch.uint8})
  local t = torch.tensor {1, 2}
  for _, call in ipairs {function() return t[key] end, function() return t[{key}] end, function() t[key] = 5 end} do
    test.raises(call, "index: expected positions (int64) or a mask (bool), got uint8; write index:long() or index:bool()")
  end
  test.equal({t[key:long()]:tolist(), t[key:bool()]:tolist()}, {{2, 1}, {1}})
end)

test("a mask with fewer dimensions picks and fills slices", function()
  local t = torch.arange(12):reshape(3, 4):to "f32":requires_grad_(true)
  local rows = torch.tensor {true, false, true}
  test.equal(t[rows], {{0.0, 1.0, 2.0, 3.0}, {8.0, 9.0, 10.0, 11.0}})
  t[rows]:sum():backward()
  test.equal(t.grad, {{1.0, 1.0, 1.0, 1.0}, {0.0, 0.0, 0.0, 0.0}, {1.0, 1.0, 1.0, 1.0}})
  local u = torch.arange(6):reshape(3, 2)
  u[rows] = -1
  test.equal(u, {{-1, -1}, {2, 3}, {-1, -1}})
  test.raises(function() return u[torch.tensor {true, false}] end,
    "index: expected a mask of the first dimensions of (3, 2), got (2)")
  test.raises(function() u[torch.tensor {true, false}] = 0 end, "got (2)")
end)

test("dim may come before the index, as PyTorch has it, or after", function()
  local t = torch.tensor {{1, 2, 3}, {4, 5, 6}}
  local at = torch.tensor {{2}, {0}}
  test.equal(t:gather(1, at), {{3}, {4}})
  test.equal(torch.gather(t, at, 1), {{3}, {4}})
  test.equal(torch.gather(t, {dim = 1, index = at}), {{3}, {4}})
  test.equal(t:index_select(1, torch.tensor {1}), {{2}, {5}})
  test.equal(torch.zeros({3}, {dtype = "i64"}):scatter_add(0, torch.tensor {1, 1}, torch.tensor {5, 6}), {0, 11, 0})
  test.equal(torch.zeros(3):index_add(0, torch.tensor {2}, torch.ones(1)), {0.0, 0.0, 1.0})
end)

test("a table of index tensors names one place per dimension", function()
  local t = torch.arange(12):reshape(3, 4):to "f32":requires_grad_(true)
  local rows, columns = torch.arange(3), torch.tensor {1, -1, 0}
  test.equal(t[{rows, columns}], {1.0, 7.0, 8.0})
  test.equal(t[{rows:unsqueeze(1), torch.tensor {0, 2}}], {{0.0, 2.0}, {4.0, 6.0}, {8.0, 10.0}})
  test.equal(t[{rows}], t:detach():tolist())
  t[{rows, columns}]:sum():backward()
  test.equal(t.grad, {{0.0, 1.0, 0.0, 0.0}, {0.0, 0.0, 0.0, 1.0}, {1.0, 0.0, 0.0, 0.0}})
  test.raises(function() return t[{rows, rows, rows}] end, "index: expected at most 2 indices for (3, 4), got 3")
  test.raises(function() return t[{rows, 1}] end, "index: tensors do not mix with other parts, part 2 is an integer")
  test.raises(function() return t[{rows, torch.tensor {true, false, true}}] end, "a mask must be the only index")
end)

test("tensors as keys can be assigned to", function()
  local t = torch.zeros(3, 4)
  t[{torch.arange(3), torch.tensor {1, -1, 0}}] = 5
  test.equal(t, {{0.0, 5.0, 0.0, 0.0}, {0.0, 0.0, 0.0, 5.0}, {5.0, 0.0, 0.0, 0.0}})
  t[torch.tensor {0, 2}] = torch.tensor {1, 2, 3, 4}
  t[t:gt(3)] = torch.tensor {-1, -2, -3}
  test.equal(t, {{1.0, 2.0, 3.0, -1.0}, {0.0, 0.0, 0.0, -2.0}, {1.0, 2.0, 3.0, -3.0}})
  t[torch.tensor {true, false, true}] = torch.zeros(4)
  test.equal(t:sum():item(), -2.0)
  t:transpose(0, 1)[torch.tensor {0}] = 7 -- through a view
  test.equal(t:select(1, 0), {7.0, 7.0, 7.0})
  test.raises(function() t[torch.arange(3)] = torch.zeros(2, 4) end, "expected a value that broadcasts to (3, 4), got (2, 4)")
  test.raises(function() t[torch.tensor {3}] = 0 end, "index 3 is out of range for dimension 0 of size 3")
  test.raises(function() t[torch.tensor {0}] = "x" end, "expected a number or a tensor, got a string")
  local w = torch.zeros(3, {requires_grad = true})
  test.raises(function() w[torch.tensor {0}] = 1 end, "torch.no_grad")
end)

test("iteration counts from 0 and never skips a row", function()
  local t = torch.tensor{{1, 2}, {3, 4}, {5, 6}}
  local seen = {}
  for i, row in ipairs(t) do seen[#seen + 1] = i .. "=" .. row[0]:item() end
  for i, row in pairs(t) do seen[#seen + 1] = i .. "=" .. row[1]:item() end
  for row in t:iter() do seen[#seen + 1] = tostring(row:sum():item()) end
  for x in t:values() do seen[#seen + 1] = tostring(x) end
  test.equal(table.concat(seen, " "), "0=1 1=3 2=5 0=2 1=4 2=6 3 7 11 1 2 3 4 5 6")
  test.equal(t:first(), {1, 2})
  test.equal(t:last(), {5, 6})
  test.equal(#t, 3)
  local dims = {}
  for i, n in ipairs(t.shape) do dims[#dims + 1] = i .. ":" .. n end
  test.equal(table.concat(dims, " "), "0:3 1:2")
  for _ in ipairs(torch.zeros(0, 2)) do error "an empty tensor has no rows" end
  for i, v in ipairs {"a"} do test.equal(i .. v, "1a") end
end)
