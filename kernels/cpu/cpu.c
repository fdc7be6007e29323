/* cpu.c: the elementwise driver of cpu.h.
 *
 * Output elements are numbered in row-major order.  After dropping dimensions of size 1 and merging
 * neighbours that every input walks through evenly, an input is direct (same order as the output:
 * its memory is used in place), scalar (one element) or gathered. */
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/convert.h"

#include "kernels/cpu/strided.h"

#define BLOCK 512 /* elements gathered at a time: 4 inputs of 8 bytes fill 16 KiB */

typedef enum layout { DIRECT, SCALAR, GATHERED } layout;

typedef struct operand {
  const char *data;
  gt_dtype dtype;
  size_t size;    /* bytes of one element */
  bool converted; /* to the compute dtype, block by block */
  layout layout;
  int64_t stride[GT_MAX_DIM]; /* in bytes, 0 where broadcast */
} operand;

typedef struct map {
  gt_loop loop;
  const gt_value *attr;
  gt_dtype dtype; /* what the loop computes in */
  gt_dtype out_dtype;
  char *out;
  int ndim, nin;
  int64_t shape[GT_MAX_DIM];
  operand in[GT_MAP_INPUTS];
} map;

/* True when walking t in order jumps through memory at every step. */
static bool is_scattered(const gt_tensor *t) {
  int d = t->ndim - 1;
  while (d >= 0 && t->shape[d] == 1) d--;
  return d >= 0 && t->stride[d] != 0 && t->stride[d] != 1;
}

/* Address and strides of `t` seen in the output's shape.  A scattered t (a transpose) is copied
 * into order first: that is done in tiles, gathering rows of it would miss the cache. */
static gt_status operand_init(gt_call *c, operand *a, const gt_tensor *t, const gt_spec *out) {
  int64_t stride[GT_MAX_DIM];
  memcpy(stride, t->stride, sizeof stride);
  a->data = gt_data(t);
  a->dtype = t->dtype;
  a->size = gt_dtype_size(t->dtype);
  if (is_scattered(t)) {
    void *copy;
    int64_t step = 1;
    for (int d = t->ndim - 1; d >= 0; d--) {
      stride[d] = step;
      step *= t->shape[d];
    }
    GT_TRY(gt_scratch(c->cx, c->device, (size_t)step * a->size, &copy));
    gt_strided_copy(c->cx, a->size, t->ndim, t->shape, copy, stride, a->data, t->stride);
    a->data = copy;
  }
  int skipped = out->ndim - t->ndim;
  for (int d = 0; d < out->ndim; d++) {
    bool repeated = d < skipped || t->shape[d - skipped] == 1;
    a->stride[d] = repeated ? 0 : stride[d - skipped] * (int64_t)a->size;
  }
  return GT_OK;
}

/* True when dimension d of the map can be merged into d - 1 for every input. */
static bool mergeable(const map *m, int d) {
  for (int k = 0; k < m->nin; k++) {
    const int64_t *stride = m->in[k].stride;
    if (stride[d - 1] != stride[d] * m->shape[d]) return false;
  }
  return true;
}

static void dimension_remove(map *m, int d) {
  m->ndim--;
  for (int e = d; e < m->ndim; e++) {
    m->shape[e] = m->shape[e + 1];
    for (int k = 0; k < m->nin; k++) m->in[k].stride[e] = m->in[k].stride[e + 1];
  }
}

static void collapse(map *m) {
  for (int d = m->ndim - 1; d >= 0; d--) {
    if (m->shape[d] == 1) dimension_remove(m, d);
  }
  for (int d = m->ndim - 1; d > 0; d--) {
    if (!mergeable(m, d)) continue;
    m->shape[d] *= m->shape[d - 1];
    dimension_remove(m, d - 1);
  }
}

static layout layout_of(const map *m, const operand *a) {
  bool direct = true, scalar = true;
  int64_t expected = (int64_t)a->size;
  for (int d = m->ndim - 1; d >= 0; d--) {
    if (a->stride[d] != expected) direct = false;
    if (a->stride[d] != 0) scalar = false;
    expected *= m->shape[d];
  }
  return direct ? DIRECT : scalar ? SCALAR : GATHERED;
}

/* to[i] = from[i], or from[0] where step is 0, i < n. */
static void copy_run(char *to, const char *from, size_t size, int64_t step, int64_t n) {
  if (step != 0) {
    memcpy(to, from, (size_t)n * size);
  } else if (size == 8) {
    for (int64_t i = 0; i < n; i++) memcpy(to + 8 * i, from, 8);
  } else if (size == 4) {
    for (int64_t i = 0; i < n; i++) memcpy(to + 4 * i, from, 4);
  } else if (size == 2) {
    for (int64_t i = 0; i < n; i++) memcpy(to + 2 * i, from, 2);
  } else {
    memset(to, *from, (size_t)n);
  }
}

/* The elements of `a` that belong to outputs [begin, begin + n): where they lie, if they lie
 * together (a row that is repeated), else copied to `to`. */
static const void *gather(const map *m, const operand *a, int64_t begin, int64_t n, char *to) {
  int64_t index[GT_MAX_DIM] = {0};
  int last = m->ndim - 1;
  const char *from = a->data;
  const void *gathered = to;
  int64_t rest = begin;
  for (int d = last; d >= 0; d--) {
    index[d] = rest % m->shape[d];
    rest /= m->shape[d];
    from += index[d] * a->stride[d];
  }
  if (a->stride[last] == (int64_t)a->size && index[last] + n <= m->shape[last]) return from;
  while (n > 0) {
    int64_t run = m->shape[last] - index[last];
    if (run > n) run = n;
    copy_run(to, from, a->size, a->stride[last], run);
    to += run * (int64_t)a->size;
    n -= run;
    from += run * a->stride[last];
    index[last] += run;
    for (int d = last; d > 0 && index[d] == m->shape[d]; d--) {
      from += a->stride[d - 1] - m->shape[d] * a->stride[d];
      index[d] = 0;
      index[d - 1]++;
    }
  }
  return gathered;
}

/* The elements of `a` for outputs [at, at + n), in the dtype that the loop takes: a's own memory,
 * or `room`, which is filled by way of `raw` where they are gathered and converted. */
static const void *fetch(const map *m, const operand *a, int64_t at, int64_t n, void *room,
                         void *raw) {
  const void *found = a->data + at * (int64_t)a->size;
  if (a->layout == GATHERED) found = gather(m, a, at, n, a->converted ? raw : room);
  if (!a->converted) return found;
  gt_convert(room, m->dtype, found, a->dtype, n);
  return room;
}

/* n copies of the one element of `a` in the dtype that the loop takes. */
static void spread(const map *m, const operand *a, int64_t n, char *room) {
  _Alignas(8) char one[8];
  if (a->converted) gt_convert(one, m->dtype, a->data, a->dtype, 1);
  copy_run(room, a->converted ? one : a->data, a->converted ? gt_dtype_size(m->dtype) : a->size, 0,
           n);
}

static void map_chunk(void *argument, int64_t begin, int64_t end) {
  const map *m = argument;
  _Alignas(64) char buffer[GT_MAP_INPUTS + 2][BLOCK * 8]; /* the last two: raw input, result */
  const void *in[GT_MAP_INPUTS];
  void *raw = buffer[GT_MAP_INPUTS], *result = buffer[GT_MAP_INPUTS + 1];
  bool narrow = m->out_dtype != m->dtype;
  int64_t out_size = (int64_t)gt_dtype_size(m->out_dtype), step = end - begin;
  for (int k = 0; k < m->nin; k++) {
    bool direct = m->in[k].layout == DIRECT && !m->in[k].converted;
    if ((!direct || narrow) && step > BLOCK) step = BLOCK;
  }
  for (int k = 0; k < m->nin; k++) {
    in[k] = buffer[k];
    if (m->in[k].layout == SCALAR) spread(m, &m->in[k], step, buffer[k]);
  }
  for (int64_t at = begin; at < end; at += step) {
    int64_t n = gt_min(end - at, step);
    for (int k = 0; k < m->nin; k++) {
      if (m->in[k].layout != SCALAR) in[k] = fetch(m, &m->in[k], at, n, buffer[k], raw);
    }
    char *out = m->out + at * out_size;
    m->loop(n, in, narrow ? result : out, m->attr);
    if (narrow) gt_convert(out, m->out_dtype, result, m->dtype, n);
  }
}

/* Inputs not in the mask `numeric` keep their dtype. */
static gt_status map_tensors(gt_call *c, gt_loop loop, gt_tensor *const *in, int nin,
                             unsigned numeric, gt_tensor *out) {
  int64_t n = gt_count(out);
  if (n == 0) return GT_OK;
  gt_spec spec = gt_spec_of(out);
  map m = {.loop = loop,
           .attr = c->attr,
           .dtype = c->dtype,
           .out_dtype = out->dtype,
           .out = gt_data(out),
           .ndim = out->ndim,
           .nin = nin};
  memcpy(m.shape, out->shape, sizeof m.shape);
  for (int k = 0; k < nin; k++) {
    GT_TRY(operand_init(c, &m.in[k], in[k], &spec));
    m.in[k].converted = numeric >> k & 1u && m.in[k].dtype != c->dtype;
  }
  collapse(&m);
  for (int k = 0; k < nin; k++) m.in[k].layout = layout_of(&m, &m.in[k]);
  gt_parallel(c->cx, n, GT_MAP_GRAIN, map_chunk, &m);
  return GT_OK;
}

gt_status gt_cpu_map(gt_call *c, gt_loop loop) {
  return map_tensors(c, loop, c->in, c->nin, c->op->numeric, c->out[0]);
}

gt_status gt_cpu_compare(gt_call *c, gt_loop loop) {
  gt_dtype common = gt_result_type(c, 3);
  gt_tensor *in[2] = {c->in[0], c->in[1]};
  gt_status status = GT_OK;
  for (int k = 0; k < 2; k++) {
    if (gt_dtype_is_half(common) && in[k]->dtype != common)
      status = status != GT_OK ? status : gt_copy_new(c->cx, c->in[k], common, c->device, &in[k]);
  }
  if (status == GT_OK) status = map_tensors(c, loop, in, 2, c->op->numeric, c->out[0]);
  for (int k = 0; k < 2; k++) {
    if (in[k] != c->in[k]) gt_tensor_unref(c->cx, in[k]);
  }
  return status;
}

gt_status gt_cpu_map_gradient(gt_call *c, gt_loop loop, gt_loop loop_added) {
  gt_tensor *in[] = {c->op->save_in ? c->in[0] : c->out[0], c->gout[0], c->gin[0]};
  bool add = c->accumulate[0];
  return map_tensors(c, add ? loop_added : loop, in, add ? 3 : 2, 7, c->gin[0]);
}

bool gt_cpu_any_zero(const gt_tensor *t) {
  const int64_t *x = gt_data(t);
  int64_t n = gt_count(t);
  for (int64_t i = 0; i < n; i++) {
    if (x[i] == 0) return true;
  }
  return false;
}
