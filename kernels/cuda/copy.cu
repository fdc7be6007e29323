/* copy.cu: copies within a device: any strides, each dtype to each, one thread per element. */
#include "kernels/cuda/cuda.cuh"

namespace {

using namespace gt;

struct Layout {
  int ndim;
  int64_t shape[GT_COPY_MAX_DIM], to[GT_COPY_MAX_DIM], from[GT_COPY_MAX_DIM]; /* strides */
};

/* Elements of one dtype, by size. */
template <typename T> struct Move {
  T *to;
  const T *from;
  __device__ void operator()(int64_t at_to, int64_t at_from) const { to[at_to] = from[at_from]; }
};

/* By way of A, the widest type of the source's kind. */
template <typename A> struct Convert {
  void *to;
  gt_dtype to_dtype;
  const void *from;
  gt_dtype from_dtype;
  __device__ void operator()(int64_t at_to, int64_t at_from) const {
    store_as<A>(to, to_dtype, at_to, load_as<A>(from, from_dtype, at_from));
  }
};

template <typename F> GT_KERNEL k_copy(F element, Layout l, int64_t n) {
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n;
       i += (int64_t)gridDim.x * blockDim.x) {
    int64_t rest = i, to = 0, from = 0;
    for (int d = l.ndim - 1; d >= 0; d--) {
      int64_t at = rest % l.shape[d];
      rest /= l.shape[d];
      to += at * l.to[d];
      from += at * l.from[d];
    }
    element(to, from);
  }
}

template <typename F>
gt_status run(gt_ctx *cx, const gt_backend *backend, const gt_copying &c, F element) {
  Layout l = {};
  int64_t n = 1;
  l.ndim = c.ndim;
  for (int d = 0; d < c.ndim; d++) {
    n *= l.shape[d] = c.shape[d];
    l.to[d] = c.to_stride[d];
    l.from[d] = c.from_stride[d];
  }
  if (n == 0) return GT_OK;
  auto kernel = k_copy<F>;
  GT_LAUNCH(kernel, blocks_for(n), BLOCK, 0, stream(backend), element, l, n);
  return launched(cx, backend, "copy");
}

template <typename T> gt_status move(gt_ctx *cx, const gt_backend *backend, const gt_copying &c) {
  return run(cx, backend, c, Move<T>{static_cast<T *>(c.to), static_cast<const T *>(c.from)});
}

template <typename A>
gt_status convert(gt_ctx *cx, const gt_backend *backend, const gt_copying &c) {
  return run(cx, backend, c, Convert<A>{c.to, c.to_dtype, c.from, c.from_dtype});
}

} // namespace

gt_status gt::copy_strided(gt_ctx *cx, const gt_backend *backend, const gt_copying *given) {
  gt_copying c = *given;
  gt_copying_simplify(&c);
  if (c.to_dtype != c.from_dtype) {
    if (c.from_dtype == GT_F64) return convert<double>(cx, backend, c);
    return gt_dtype_is_float(c.from_dtype) ? convert<float>(cx, backend, c)
                                           : convert<int64_t>(cx, backend, c);
  }
  switch (gt_dtype_size(c.to_dtype)) {
  case 1:
    return move<uint8_t>(cx, backend, c);
  case 2:
    return move<uint16_t>(cx, backend, c);
  case 4:
    return move<uint32_t>(cx, backend, c);
  default:
    return move<uint64_t>(cx, backend, c);
  }
}
