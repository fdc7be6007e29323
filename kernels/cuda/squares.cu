/* squares.cu: sums of squares of tensors.  A block adds one chunk, in a fixed tree; one thread then
 * adds the chunks in order: the same bits every time. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

enum { CHUNK = 1 << 13 };

GT_KERNEL k_squares(const void *x, gt_dtype dtype, double *partial /* (chunks) */, int64_t chunks,
                    int64_t n) {
  for (int64_t k = blockIdx.x; k < chunks; k += gridDim.x) {
    int64_t end = (k + 1) * CHUNK < n ? (k + 1) * CHUNK : n;
    double sum = 0;
    for (int64_t i = k * CHUNK + threadIdx.x; i < end; i += BLOCK) {
      double v = load_as<double>(x, dtype, i);
      sum += v * v;
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) partial[k] = sum;
  }
}

GT_KERNEL k_add(const double *partial, int64_t chunks, double *total, double *each, bool first) {
  double sum = 0, all = first ? 0 : *total;
  for (int64_t k = 0; k < chunks; k++) {
    sum += partial[k];
    all += partial[k];
  }
  *each = sum;
  *total = all;
}

} // namespace

extern "C" gt_status gt_cu_squares_forward(gt_call *c) {
  int64_t most = 1;
  for (int i = 0; i < c->nin; i++) {
    int64_t chunks = (gt_count(c->in[i]) + CHUNK - 1) / CHUNK;
    if (chunks > most) most = chunks;
  }
  void *room;
  GT_TRY(gt_scratch(c->cx, c->device, (size_t)most * sizeof(double), &room));
  double *partial = static_cast<double *>(room);
  for (int i = 0; i < c->nin; i++) {
    const gt_tensor *x = c->in[i];
    int64_t n = gt_count(x), chunks = (n + CHUNK - 1) / CHUNK;
    unsigned blocks = (unsigned)(chunks < 65535 ? chunks : 65535);
    if (chunks > 0)
      GT_LAUNCH(k_squares, blocks, BLOCK, 0, stream(c), gt_data(x), x->dtype, partial, chunks, n);
    GT_LAUNCH(k_add, 1, 1, 0, stream(c), partial, chunks, data<double>(c->out[0]),
              data<double>(c->out[1]) + i, i == 0);
  }
  return launched(c);
}
