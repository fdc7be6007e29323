local A, B, C = 3.4445, -4.7750, 2.0315

return {
  gradient = false,
  -- five steps of a map that stretches small singular values 3.4 times each
  tol = {f64 = 1e-11, f32 = 2e-5, bf16 = 2 ^ -6, f16 = 2 ^ -8},
  strided = "close", -- the product may take another path for other sizes of step
  cases = {
    {inputs = {{3, 5}}, attr = {dtype = "f32"}},
    {inputs = {{5, 3}}, attr = {dtype = "f32"}},
    {inputs = {{2, 3, 4, 4}}, attr = {dtype = "f32"}},
    {inputs = {{1, 1}}, attr = {dtype = "f32"}},
    {inputs = {{0, 3}}, attr = {dtype = "f32"}},
    {inputs = {{4, 6}}, attr = {dtype = "f32", steps = 0}},
    {inputs = {{4, 6}}, attr = {dtype = "f32", steps = 2, a = 8, b = -4, c = 0.5}},
    {inputs = {{4, 6}}, attr = {dtype = "f32", steps = 2, a = 2, b = -1.5, c = 0.5}},
    {inputs = {{30, 70}}, attr = {dtype = "f32"}},
    -- runs of steps on one Gram matrix: of every length, and of a stack
    {inputs = {{40, 60}}, attr = {dtype = "f32", steps = 1}},
    {inputs = {{40, 60}}, attr = {dtype = "f32", steps = 2}},
    {inputs = {{130, 40}}, attr = {dtype = "f32", steps = 7}},
    {inputs = {{2, 40, 100}}, attr = {dtype = "f32"}},
    {inputs = {{1, 100}}, attr = {dtype = "f32", steps = 3}},
    -- two and a half strips; the largest of 168000 rounding errors
    {inputs = {{280, 600}}, attr = {dtype = "f32"}, dtypes = {"f32"}, tol = {f32 = 5e-5}},
    {inputs = {{270, 290}}, attr = {dtype = "f32", steps = 1}, dtypes = {"f32"}},
    -- bf16 keeps 8 bits: five steps of rounding, seen relative to the rms of the result
    {inputs = {{30, 70}}, attr = {}, tol = {f64 = 0.2, f32 = 0.2, bf16 = 0.2, f16 = 0.2}},
    {inputs = {{70, 30}}, attr = {dtype = "bf16"}, tol = {f64 = 0.2, f32 = 0.2, bf16 = 0.2, f16 = 0.2}},
  },
  oracle = function(g, attr)
    local a, b, c = attr.a or A, attr.b or B, attr.c or C
    local x = g
    if g:numel() == 0 then return g end
    local tall = g:size(-2) > g:size(-1)
    if tall then x = x:transpose(-2, -1) end
    x = x / ((x * x):sum({dim = {-2, -1}, keepdim = true}):sqrt() + 1e-7)
    for _ = 1, attr.steps or 5 do
      local gram = x:matmul(x:transpose(-2, -1))
      x = x * a + (gram * b + (gram * c):matmul(gram)):matmul(x)
    end
    return tall and x:transpose(-2, -1) or x
  end,
  errors = {
    {inputs = {{3}}, message = "newton_schulz: expected matrices (..., R, C), got (3)"},
    {inputs = {{2, 2}}, attr = {steps = -1}, message = "newton_schulz: expected 0 to 1000 steps, got -1"},
    {inputs = {{2, 2}}, attr = {dtype = "f16"}, message = "newton_schulz: expected dtype bf16 or f32, got f16"},
  },
}
