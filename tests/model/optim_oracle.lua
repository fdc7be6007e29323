--- optim_oracle.lua: AdamW, Muon and SGD in a few lines of elementary ops, as published: what the native ones are
-- compared with.  Each takes a list of {param, settings} and returns a step function that reads param.grad.

local oracle = {}

local function no_grad(fn)
  return function(...)
    local _ <close> = torch.no_grad()
    return fn(...)
  end
end

--- Loshchilov & Hutter 2019, algorithm 2: decay apart from the gradient, moments with bias correction.
function oracle.adamw(params)
  local t, m, v = 0, {}, {}
  return no_grad(function()
    t = t + 1
    for i, item in ipairs(params) do
      local p, o, g = item[1], item[2], item[1].grad
      m[i] = (m[i] or torch.zeros_like(p)) * o.betas[1] + g * (1 - o.betas[1])
      v[i] = (v[i] or torch.zeros_like(p)) * o.betas[2] + g * g * (1 - o.betas[2])
      local mhat, vhat = m[i] / (1 - o.betas[1] ^ t), v[i] / (1 - o.betas[2] ^ t)
      p:copy_(p * (1 - o.lr * o.weight_decay) - mhat / (vhat:sqrt() + o.eps) * o.lr)
    end
  end)
end

--- The iteration of kellerjordan.github.io/posts/muon on one matrix.
function oracle.newton_schulz(g, steps, dtype)
  local a, b, c = 3.4445, -4.7750, 2.0315
  local x = g:to(dtype)
  local tall = x:size(0) > x:size(1)
  if tall then x = x:transpose(0, 1) end
  x = x / (x:square():sum():sqrt() + 1e-7)
  for _ = 1, steps do
    local A = x:matmul(x:transpose(0, 1))
    x = x * a + (A * b + A:matmul(A) * c):matmul(x)
  end
  if tall then x = x:transpose(0, 1) end
  return x:to(g.dtype)
end

--- The notebook's Muon, with decoupled weight decay.
function oracle.muon(params)
  local buffers = {}
  return no_grad(function()
    for i, item in ipairs(params) do
      local p, o, g = item[1], item[2], item[1].grad
      buffers[i] = (buffers[i] or torch.zeros_like(g)) * o.momentum + g * (1 - o.momentum)
      local u = o.nesterov and g * (1 - o.momentum) + buffers[i] * o.momentum or buffers[i]
      u = oracle.newton_schulz(u, o.ns_steps, o.ns_dtype)
      local scale = math.max(1, p:size(0) / p:size(1)) ^ 0.5
      p:copy_(p * (1 - o.lr * o.weight_decay) - u * (o.lr * scale))
    end
  end)
end

--- Sutskever et al. 2013 in PyTorch's form: decay added to the gradient, first buffer = first gradient.
function oracle.sgd(params)
  local buffers = {}
  return no_grad(function()
    for i, item in ipairs(params) do
      local p, o = item[1], item[2]
      local g = p.grad + p * o.weight_decay
      if o.momentum ~= 0 then
        buffers[i] = buffers[i] and buffers[i] * o.momentum + g or g:clone()
        g = o.nesterov and g + buffers[i] * o.momentum or buffers[i]
      end
      p:copy_(p - g * o.lr)
    end
  end)
end

return oracle
