--- spectral_norm.lua: the largest singular value of a matrix by power iteration (Golub & Van Loan, Matrix Computations, 7.3).

local length = require "native.train".length

local MOST, TOLERANCE = 100, 1e-5 -- iterations; change of the value at which they end

--- A vector that no sensible matrix is blind to, without touching the random streams.
local function start(n, like) return torch.arange(1, n + 1, {dtype = like.dtype, device = like.device}):sin_() end

--- (tensor (R, …)[, v]) -> its largest singular value as a matrix (R, the rest), and the vector v that it belongs to, nil
-- where it is 0 or not finite.  Given the v of an earlier call for much the same matrix, few iterations are needed.  From
-- below, within about 1 % where several singular values are nearly the largest, much closer elsewhere.
local function spectral_norm(t, v)
  local _ <close> = torch.no_grad()
  local w = t:detach():reshape(t.shape[0], -1)
  if w.dtype.itemsize < 4 then w = w:float() end
  v = v or start(w.shape[1], w)
  v = v / length(v)
  local sigma = 0.0
  for _ = 1, MOST do
    local u = w:matmul(v)
    local size_u = length(u)
    if not (size_u > 0 and size_u < math.huge) then return size_u end
    local next_v = u:matmul(w)
    local size = length(next_v)
    local before = sigma
    sigma, v = size / size_u, next_v / size
    if math.abs(sigma - before) <= TOLERANCE * sigma then break end
  end
  return sigma, v
end

return spectral_norm
