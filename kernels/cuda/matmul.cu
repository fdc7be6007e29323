/* matmul.cu: torch.matmul by cuBLAS.  The innermost batch dimension goes down as one strided batch,
 * outer ones are looped over.  Operands that cuBLAS cannot read as they lie are packed first. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

/* One operand as (batch..., rows, columns); a vector has been given its second dimension. */
struct Operand {
  Matrix matrix;
  int64_t batch[GT_MAX_DIM]; /* strides over the broadcast batch, 0 where repeated */
};

/* t as it lies, or with a dimension more. */
struct Strided {
  int ndim;
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM];
};

/* Copies the elements of s into new memory in row-major order. */
gt_status pack(gt_call *c, gt_dtype dtype, Strided *s, const void *from, void **out) {
  gt_copying copying = {};
  int64_t step = 1;
  copying.ndim = s->ndim;
  copying.from = from;
  copying.to_dtype = copying.from_dtype = dtype;
  for (int d = s->ndim - 1; d >= 0; d--) {
    copying.shape[d] = s->shape[d];
    copying.from_stride[d] = s->stride[d];
    copying.to_stride[d] = s->stride[d] = step;
    step *= s->shape[d];
  }
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)step * gt_dtype_size(dtype), &copying.to));
  *out = copying.to;
  return copy_strided(c->cx, c->device, &copying);
}

/* t as a matrix per batch entry.  `vector` 0: none; 1: a row (the left side); 2: a column. */
gt_status operand_of(gt_call *c, const gt_tensor *t, int vector, int batch_ndim, Operand *out) {
  Strided s = {};
  for (int d = 0; d < t->ndim; d++) s.shape[d] = t->shape[d], s.stride[d] = t->stride[d];
  s.ndim = t->ndim;
  if (vector) {
    int at = vector == 1 ? 0 : 1, old = 1 - at;
    int64_t length = t->shape[0], step = t->stride[0];
    s.ndim = 2;
    s.shape[old] = length, s.stride[old] = step;
    s.shape[at] = 1, s.stride[at] = length * step;
  }
  int64_t rows = s.shape[s.ndim - 2], columns = s.shape[s.ndim - 1];
  const void *from = gt_data(t);
  int64_t *row = &s.stride[s.ndim - 2], *column = &s.stride[s.ndim - 1];
  bool plain = (*column == 1 || columns == 1) && (*row >= columns || rows == 1);
  bool transposed = (*row == 1 || rows == 1) && (*column >= rows || columns == 1);
  if (!plain && !transposed) {
    void *to;
    GT_TRY(pack(c, t->dtype, &s, from, &to));
    from = to;
    plain = true;
  }
  int64_t ld = plain ? *row : *column, width = plain ? columns : rows;
  out->matrix = {from, ld > width ? ld : width, 0, !plain};
  int own = s.ndim - 2;
  for (int d = 0; d < batch_ndim; d++) {
    int at = d - (batch_ndim - own);
    out->batch[d] = at < 0 || s.shape[at] == 1 ? 0 : s.stride[at];
  }
  return GT_OK;
}

struct Plan {
  int64_t M, N, K, batches;
  int batch_ndim;
  int64_t batch_shape[GT_MAX_DIM];
};

Plan plan_of(const gt_call *c) {
  const gt_tensor *a = c->in[0], *b = c->in[1], *y = c->out[0];
  Plan p = {};
  p.K = a->shape[a->ndim - 1];
  p.M = a->ndim == 1 ? 1 : a->shape[a->ndim - 2];
  p.N = b->ndim == 1 ? 1 : b->shape[b->ndim - 1];
  p.batch_ndim = y->ndim - (a->ndim > 1) - (b->ndim > 1);
  p.batches = 1;
  for (int d = 0; d < p.batch_ndim; d++) p.batches *= p.batch_shape[d] = y->shape[d];
  return p;
}

/* Points at entry `i` of the outer batch dimensions; the innermost stays as the matrix's stride. */
Matrix entry(const Operand &o, const Plan &p, int64_t i, size_t size) {
  Matrix m = o.matrix;
  int64_t at = 0;
  for (int d = p.batch_ndim - 2; d >= 0; d--) {
    at += i % p.batch_shape[d] * o.batch[d];
    i /= p.batch_shape[d];
  }
  m.data = static_cast<const char *>(m.data) + at * (int64_t)size;
  m.stride = p.batch_ndim ? o.batch[p.batch_ndim - 1] : 0;
  return m;
}

/* Whole numbers, which cuBLAS does not multiply: one thread per result; sums wrap. */
GT_KERNEL k_integers(Matrix a, Matrix b, int64_t *y /* (batch, M, N) */, int64_t M, int64_t N,
                     int64_t K, int64_t batch) {
  const int64_t *left = static_cast<const int64_t *>(a.data);
  const int64_t *right = static_cast<const int64_t *>(b.data);
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < batch * M * N;
       i += (int64_t)gridDim.x * blockDim.x) {
    int64_t column = i % N, row = i / N % M, at_a = i / (M * N) * a.stride,
            at_b = i / (M * N) * b.stride;
    uint64_t sum = 0;
    for (int64_t k = 0; k < K; k++)
      sum += (uint64_t)left[at_a + (a.transposed ? k * a.ld + row : row * a.ld + k)] *
             (uint64_t)right[at_b + (b.transposed ? column * b.ld + k : k * b.ld + column)];
    y[i] = (int64_t)sum;
  }
}

gt_status multiply(gt_call *c, const Plan &p, Matrix a, Matrix b, void *to, int64_t batch) {
  gt_dtype dtype = c->out[0]->dtype;
  if (dtype != GT_I64) return gemm(c, dtype, p.M, p.N, p.K, a, b, 0, to, p.M * p.N, batch);
  GT_LAUNCH(k_integers, blocks_for(batch * p.M * p.N), BLOCK, 0, stream(c), a, b,
            static_cast<int64_t *>(to), p.M, p.N, p.K, batch);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_matmul_forward(gt_call *c) {
  gt_tensor *a = c->in[0], *b = c->in[1], *y = c->out[0];
  if (gt_count(y) == 0) return GT_OK;
  Plan p = plan_of(c);
  if (p.K == 0) {
    gt_filling zeros = {};
    return fill(c->cx, c->device, gt_data(y), y->dtype, gt_count(y), &zeros);
  }
  Operand left = {}, right = {};
  GT_TRY(operand_of(c, a, a->ndim == 1 ? 1 : 0, p.batch_ndim, &left));
  GT_TRY(operand_of(c, b, b->ndim == 1 ? 2 : 0, p.batch_ndim, &right));
  size_t size = gt_dtype_size(y->dtype);
  int64_t inner = p.batch_ndim ? p.batch_shape[p.batch_ndim - 1] : 1;
  for (int64_t i = 0; i < p.batches / inner; i++) {
    char *to = data<char>(y) + i * inner * p.M * p.N * (int64_t)size;
    GT_TRY(multiply(c, p, entry(left, p, i, size), entry(right, p, i, size), to, inner));
  }
  return GT_OK;
}
