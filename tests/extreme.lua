--- extreme.lua: the tests of the ops that choose the largest or the smallest element, one pair of ops each;
-- beats(b, a) says that b is to be chosen over a, which comes first.
local reduction = require "reduction"

local extreme = {}

local function number_type(x) return x.dtype.is_floating_point and "f64" or "i64" end

local function places(x, attr, beats)
  return reduction.map(x, attr, function(row) return reduction.place(row, beats) end, "i64")
end

local function values(x, attr, beats)
  return reduction.map(x, attr, function(row) return row[reduction.place(row, beats) + 1] end, number_type(x))
end

--- amax, amin: the value, over any dimensions.
function extreme.value(beats)
  return {
    cases = reduction.cases {
      {inputs = {{0, 3}}, attr = {dim = 1}},
      {inputs = {{shape = {4, 3}, dtype = "i32"}}, attr = {dim = 0}, result = "i32"},
      {inputs = {{shape = {2, 4}, values = {1, 0 / 0, 5, 0 / 0, 3, 7, 7, 1}}}, attr = {dim = 1}, gradient = false},
    },
    oracle = function(x, attr) return values(x, attr, beats) end,
    errors = {
      {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
      {inputs = {{2, 3}}, attr = {dim = {0, -2}}, message = "twice"},
      {inputs = {{0, 3}}, message = "(0, 3)"},
    },
  }
end

--- argmax, argmin: the place, over one dimension or all.
function extreme.place(beats)
  return {
    cases = {
      {inputs = {{2, 3}}},
      {inputs = {{70001}}},
      {inputs = {{2, 3}}, attr = {dim = 1}},
      {inputs = {{2, 3, 4}}, attr = {dim = -2, keepdim = true}},
      {inputs = {{7, 31}}, attr = {dim = 0}},
      {inputs = {{5, 149, 157}}, attr = {dim = 1}},
      {inputs = {{3, 40001}}, attr = {dim = 1}},
      {inputs = {{0, 3}}, attr = {dim = 1}},
      {inputs = {{shape = {4, 3}, dtype = "i64"}}, attr = {dim = 0}, result = "i64"},
      {inputs = {{shape = {2, 4}, values = {1, 0 / 0, 5, 0 / 0, 3, 7, 7, 1}}}, attr = {dim = 1}},
      {inputs = {{shape = {4}, values = {2, 1, 2, 1}}}},
    },
    oracle = function(x, attr) return places(x, attr, beats) end,
    result = "i64",
    gradient = false,
    errors = {
      {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
      {inputs = {{2, 3}}, attr = {dim = {0, 1}}, message = "one dimension"},
      {inputs = {{0, 3}}, message = "(0, 3)"},
    },
  }
end

--- max, min: value and place, along one dimension.
function extreme.pair(beats)
  return {
    cases = {
      {inputs = {{2, 3}}, attr = {dim = 1}},
      {inputs = {{2, 3, 4}}, attr = {dim = -2, keepdim = true}},
      {inputs = {{7, 31}}, attr = {dim = 0}},
      {inputs = {{5, 149, 157}}, attr = {dim = 1}},
      {inputs = {{3, 40001}}, attr = {dim = 1}},
      {inputs = {{0, 3}}, attr = {dim = 1}},
      {inputs = {{shape = {4, 3}, dtype = "i64"}}, attr = {dim = 0}, result = "i64"},
      {inputs = {{shape = {2, 4}, values = {1, 0 / 0, 5, 0 / 0, 3, 7, 7, 1}}}, attr = {dim = 1}, gradient = false},
    },
    oracle = function(x, attr) return values(x, attr, beats), places(x, attr, beats) end,
    errors = {
      {inputs = {{2, 3}}, attr = {dim = 2}, message = "2"},
      {inputs = {{2, 3}}, attr = {dim = {0, 1}}, message = "one dimension"},
      {inputs = {{0, 3}}, attr = {dim = 0}, message = "(0, 3)"},
    },
  }
end

return extreme
