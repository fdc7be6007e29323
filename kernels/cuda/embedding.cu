/* embedding.cu: y[i] = weight[ids[i]], weight (V, C).  An id outside the table cannot be reported
 * without waiting for the device: its row becomes NaN, which no loss survives unnoticed.
 * dweight[v] = the sum of dy over the positions that hold v, first to last: one block per row. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

/* T: anything of the elements' size; `missing` is what a row outside the table is made of. */
template <typename T>
GT_KERNEL k_embedding(const void *ids /* (N) */, gt_dtype id_type, const T *weight /* (V, C) */,
                      T *y /* (N, C) */, int64_t N, int64_t V, int64_t C, T missing) {
  for (int64_t i = blockIdx.x; i < N; i += gridDim.x) {
    int64_t id = load_as<int64_t>(ids, id_type, i);
    bool valid = id >= 0 && id < V;
    for (int64_t k = threadIdx.x; k < C; k += BLOCK)
      y[i * C + k] = valid ? weight[id * C + k] : missing;
  }
}

template <typename T>
GT_KERNEL k_embedding_backward(const void *ids /* (N) */, gt_dtype id_type,
                               const T *dy /* (N, C) */, T *dweight /* (V, C) */, int64_t N,
                               int64_t V, int64_t C, bool add) {
  for (int64_t v = blockIdx.x; v < V; v += gridDim.x) {
    for (int64_t k = threadIdx.x; k < C; k += BLOCK) {
      accumulator<T> sum = 0;
      bool found = false;
      for (int64_t i = 0; i < N; i++) {
        if (load_as<int64_t>(ids, id_type, i) != v) continue;
        sum += load(dy[i * C + k]);
        found = true;
      }
      T *to = &dweight[v * C + k];
      if (found || !add) store(to, add ? load(*to) + sum : sum);
    }
  }
}

unsigned rows_grid(int64_t rows) { return (unsigned)(rows < 65535 ? rows : 65535); }

template <typename T> gt_status forward(gt_call *c, int64_t N, int64_t V, int64_t C, T missing) {
  auto kernel = k_embedding<T>;
  GT_LAUNCH(kernel, rows_grid(N), BLOCK, 0, stream(c), gt_data(c->in[0]), c->in[0]->dtype,
            data<T>(c->in[1]), data<T>(c->out[0]), N, V, C, missing);
  return launched(c);
}

template <typename T> gt_status backward(gt_call *c, int64_t N, int64_t V, int64_t C) {
  auto kernel = k_embedding_backward<T>;
  GT_LAUNCH(kernel, rows_grid(V), BLOCK, 0, stream(c), gt_data(c->in[0]), c->in[0]->dtype,
            data<T>(c->gout[0]), data<T>(c->gin[1]), N, V, C, c->accumulate[1]);
  return launched(c);
}

} // namespace

extern "C" gt_status gt_cu_embedding_forward(gt_call *c) {
  const gt_spec *weight = &c->in_spec[1];
  int64_t N = gt_spec_count(&c->in_spec[0]), V = weight->shape[0], C = weight->shape[1];
  bool real = gt_dtype_is_float(weight->dtype); /* all bits but the sign: a NaN of any format */
  if (N == 0 || C == 0) return GT_OK;
  switch (gt_dtype_size(weight->dtype)) {
  case 1:
    return forward<uint8_t>(c, N, V, C, 0);
  case 2:
    return forward<uint16_t>(c, N, V, C, real ? INT16_MAX : 0);
  case 4:
    return forward<uint32_t>(c, N, V, C, real ? INT32_MAX : 0);
  default:
    return forward<uint64_t>(c, N, V, C, real ? INT64_MAX : 0);
  }
}

extern "C" gt_status gt_cu_embedding_backward(gt_call *c) {
  const gt_spec *weight = &c->in_spec[1];
  int64_t N = gt_spec_count(&c->in_spec[0]), V = weight->shape[0], C = weight->shape[1];
  if (V == 0 || C == 0) return GT_OK;
  GT_DISPATCH(c, weight->dtype, return backward<T>(c, N, V, C));
  return GT_OK;
}
