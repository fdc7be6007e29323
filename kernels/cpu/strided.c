/* strided.c: the copy engine of the CPU.
 *
 * A copy is first simplified (gt_copying_simplify); what is left is copied line
 * by line along the innermost dimension, or, when the source is contiguous along another dimension
 * than the target (a transpose), in square tiles, so that both sides touch whole cache lines. */
#include "kernels/cpu/strided.h"

#include "core/tensor/allocator.h"
#include "core/tensor/pool.h"
#include "kernels/cpu/backend.h"
#include "kernels/cpu/convert.h"

enum {
  TILE = 32,               /* a tile of 8-byte elements is 8 KiB: it stays in L1 */
  CHUNK_BYTES = 1 << 17,   /* work of one chunk: large against a hand-over, small against L2 */
  CONVERT_GRAIN = 1 << 13, /* elements per chunk of a conversion */
};

typedef struct copy_plan {
  gt_copying c;
  size_t size;
  char *to;
  const char *from;
  int across; /* tiles: the dimension along which the source is (most nearly) contiguous */
} copy_plan;

static int64_t magnitude(int64_t stride) { return stride < 0 ? -stride : stride; }

#define COPY_LINE(type)                                                                            \
  do {                                                                                             \
    type *y = to;                                                                                  \
    const type *x = from;                                                                          \
    if (to_stride == 1 && from_stride == 0) {                                                      \
      type value = *x;                                                                             \
      for (int64_t i = 0; i < n; i++) y[i] = value;                                                \
    } else if (to_stride == 1 && from_stride == -1) {                                              \
      for (int64_t i = 0; i < n; i++) y[i] = x[-i];                                                \
    } else if (to_stride == 1) {                                                                   \
      for (int64_t i = 0; i < n; i++) y[i] = x[i * from_stride];                                   \
    } else {                                                                                       \
      for (int64_t i = 0; i < n; i++) y[i * to_stride] = x[i * from_stride];                       \
    }                                                                                              \
  } while (0)

static void copy_line(size_t size, void *to, int64_t to_stride, const void *from,
                      int64_t from_stride, int64_t n) {
  if (to_stride == 1 && from_stride == 1) {
    memcpy(to, from, (size_t)n * size);
    return;
  }
  switch (size) {
  case 1:
    COPY_LINE(gt_element1);
    break;
  case 2:
    COPY_LINE(gt_element2);
    break;
  case 4:
    COPY_LINE(gt_element4);
    break;
  default:
    COPY_LINE(gt_element8);
    break;
  }
}

/* Elements [begin, end) of the simplified shape in row-major order: a piece of a line, or as many
 * whole lines as follow each other along the next dimension. */
static void copy_lines(void *argument, int64_t begin, int64_t end) {
  const copy_plan *p = argument;
  int inner = p->c.ndim - 1;
  int64_t size = (int64_t)p->size, length = p->c.shape[inner];
  int64_t to_step = inner > 0 ? p->c.to_stride[inner - 1] * size : 0;
  int64_t from_step = inner > 0 ? p->c.from_stride[inner - 1] * size : 0;
  while (begin < end) {
    int64_t at[GT_COPY_MAX_DIM], to = 0, from = 0, rest = begin;
    for (int d = inner; d >= 0; d--) {
      at[d] = rest % p->c.shape[d];
      rest /= p->c.shape[d];
      to += at[d] * p->c.to_stride[d];
      from += at[d] * p->c.from_stride[d];
    }
    int64_t n = length - at[inner], lines = 1;
    if (n > end - begin) n = end - begin;
    if (n == length && inner > 0) {
      lines = p->c.shape[inner - 1] - at[inner - 1];
      if (lines > (end - begin) / length) lines = (end - begin) / length;
    }
    for (int64_t i = 0; i < lines; i++)
      copy_line(p->size, p->to + to * size + i * to_step, p->c.to_stride[inner],
                p->from + from * size + i * from_step, p->c.from_stride[inner], n);
    begin += lines * n;
  }
}

typedef gt_element4 lane8 __attribute__((vector_size(32), aligned(4), may_alias));

/* y = transpose of the 8x8 block x, in registers: three rounds of interleaving halves. */
static void transpose8(const gt_element4 *x, int64_t x_stride, gt_element4 *y, int64_t y_stride) {
  lane8 row[8], next[8];
  for (int i = 0; i < 8; i++) row[i] = *(const lane8 *)(x + i * x_stride);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 4; i++) {
      lane8 a = row[i], b = row[i + 4];
      next[2 * i] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
      next[2 * i + 1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
    }
    memcpy(row, next, sizeof row);
  }
  for (int i = 0; i < 8; i++) *(lane8 *)(y + i * y_stride) = row[i];
}

/* One tile: reads `along` lines of the source into a square that is written out along the target.
 * The detour through the square keeps power-of-two strides from evicting half-used lines. */
#define COPY_TILE(type)                                                                            \
  do {                                                                                             \
    type square[TILE * TILE];                                                                      \
    const type *x = from;                                                                          \
    type *y = to;                                                                                  \
    for (int64_t i = 0; i < along; i++)                                                            \
      for (int64_t j = 0; j < across; j++)                                                         \
        square[j * TILE + i] = x[i * from_along + j * from_across];                                \
    for (int64_t j = 0; j < across; j++)                                                           \
      for (int64_t i = 0; i < along; i++) y[j * to_across + i * to_along] = square[j * TILE + i];  \
  } while (0)

/* The common case of 4-byte elements, both sides contiguous, a full tile. */
static void copy_full_tile4(gt_element4 *to, int64_t to_across, const gt_element4 *from,
                            int64_t from_along) {
  gt_element4 square[TILE * TILE];
  for (int64_t i = 0; i < TILE; i += 8)
    for (int64_t j = 0; j < TILE; j += 8)
      transpose8(from + i * from_along + j, from_along, square + j * TILE + i, TILE);
  for (int64_t j = 0; j < TILE; j++)
    memcpy(to + j * to_across, square + j * TILE, TILE * sizeof(gt_element4));
}

static void copy_tile(const copy_plan *p, void *to, const void *from, int64_t across,
                      int64_t along) {
  int64_t to_across = p->c.to_stride[p->across], to_along = p->c.to_stride[p->c.ndim - 1];
  int64_t from_across = p->c.from_stride[p->across], from_along = p->c.from_stride[p->c.ndim - 1];
  if (p->size == 4 && to_along == 1 && from_across == 1 && across == TILE && along == TILE) {
    copy_full_tile4(to, to_across, from, from_along);
    return;
  }
  switch (p->size) {
  case 1:
    COPY_TILE(gt_element1);
    break;
  case 2:
    COPY_TILE(gt_element2);
    break;
  case 4:
    COPY_TILE(gt_element4);
    break;
  default:
    COPY_TILE(gt_element8);
    break;
  }
}

static int64_t tiles(int64_t n) { return (n + TILE - 1) / TILE; }

/* Tiles [begin, end): the two tiled dimensions count in tiles, the others in elements. */
static void copy_tiles(void *argument, int64_t begin, int64_t end) {
  const copy_plan *p = argument;
  int inner = p->c.ndim - 1;
  for (int64_t t = begin; t < end; t++) {
    int64_t rest = t, to = 0, from = 0, extent[2] = {0, 0};
    for (int d = inner; d >= 0; d--) {
      bool tiled = d == inner || d == p->across;
      int64_t n = tiled ? tiles(p->c.shape[d]) : p->c.shape[d];
      int64_t at = rest % n * (tiled ? TILE : 1);
      rest /= n;
      if (tiled) {
        int64_t left = p->c.shape[d] - at;
        extent[d == inner] = left < TILE ? left : TILE;
      }
      to += at * p->c.to_stride[d];
      from += at * p->c.from_stride[d];
    }
    copy_tile(p, p->to + to * (int64_t)p->size, p->from + from * (int64_t)p->size, extent[0],
              extent[1]);
  }
}

/* The dimension to pair with the innermost one, or -1 when lines are as good. */
static int across_of(const copy_plan *p) {
  int inner = p->c.ndim - 1, best = -1;
  if (inner < 1 || p->c.shape[inner] < 4 || p->c.from_stride[inner] == 0) return -1;
  int64_t least = magnitude(p->c.from_stride[inner]);
  for (int d = 0; d < inner; d++) {
    int64_t stride = magnitude(p->c.from_stride[d]);
    if (stride == 0 || stride >= least || p->c.shape[d] < 4) continue;
    least = stride;
    best = d;
  }
  return best;
}

/* Moves the elements of a simplified copy by size. */
static void copy_elements(gt_ctx *cx, const gt_copying *c, size_t size) {
  copy_plan p = {.c = *c, .size = size, .to = c->to, .from = c->from};
  int64_t count = 1;
  for (int d = 0; d < c->ndim; d++) count *= c->shape[d];
  if (count == 0) return;
  if (c->ndim == 0) {
    memcpy(c->to, c->from, size);
    return;
  }
  p.across = across_of(&p);
  if (p.across < 0) {
    gt_parallel(cx, count, CHUNK_BYTES / (int64_t)size, copy_lines, &p);
    return;
  }
  int64_t inner = c->shape[c->ndim - 1], across = c->shape[p.across];
  int64_t squares = count / inner / across * tiles(inner) * tiles(across);
  gt_parallel(cx, squares, CHUNK_BYTES / (TILE * TILE * (int64_t)size), copy_tiles, &p);
}

void gt_strided_copy(gt_ctx *cx, size_t size, int ndim, const int64_t *shape, void *to,
                     const int64_t *to_stride, const void *from, const int64_t *from_stride) {
  gt_copying c = {.ndim = ndim, .to = to, .from = from};
  size_t bytes = (size_t)ndim * sizeof *shape;
  if (ndim > 0) {
    memcpy(c.shape, shape, bytes);
    memcpy(c.to_stride, to_stride, bytes);
    memcpy(c.from_stride, from_stride, bytes);
  }
  gt_copying_simplify(&c);
  copy_elements(cx, &c, size);
}

void gt_parallel_copy(gt_ctx *cx, void *to, const void *from, int64_t bytes) {
  int64_t one = 1;
  gt_strided_copy(cx, 1, 1, &bytes, to, &one, from, &one);
}

void gt_parallel_zero(gt_ctx *cx, void *to, int64_t bytes) {
  const gt_element1 zero = 0;
  int64_t one = 1, none = 0;
  gt_strided_copy(cx, 1, 1, &bytes, to, &one, &zero, &none);
}

/* ---- with conversion ---- */

static void convert_chunk(void *argument, int64_t begin, int64_t end) {
  const gt_copying *c = argument;
  gt_convert((char *)c->to + (size_t)begin * gt_dtype_size(c->to_dtype), c->to_dtype,
             (const char *)c->from + (size_t)begin * gt_dtype_size(c->from_dtype), c->from_dtype,
             end - begin);
}

static void row_major(const gt_copying *c, int64_t *stride) {
  int64_t step = 1;
  for (int d = c->ndim - 1; d >= 0; d--) {
    stride[d] = step;
    step *= c->shape[d];
  }
}

static bool is_row_major(const gt_copying *c, const int64_t *stride) {
  int64_t expected[GT_COPY_MAX_DIM];
  row_major(c, expected);
  for (int d = 0; d < c->ndim; d++) {
    if (stride[d] != expected[d]) return false;
  }
  return true;
}

gt_status gt_cpu_strided_copy(gt_ctx *cx, const gt_backend *backend, const gt_copying *given) {
  gt_copying c = *given, first, second;
  int64_t n = 1;
  gt_copying_simplify(&c);
  if (c.to_dtype == c.from_dtype) {
    copy_elements(cx, &c, gt_dtype_size(c.to_dtype));
    return GT_OK;
  }
  for (int d = 0; d < c.ndim; d++) n *= c.shape[d];
  if (n == 0) return GT_OK;
  bool from_flat = is_row_major(&c, c.from_stride);
  if (from_flat && is_row_major(&c, c.to_stride)) {
    gt_parallel_shielded(cx, n, CONVERT_GRAIN, convert_chunk, &c);
    return GT_OK;
  }
  /* By way of a contiguous array, of whichever dtype saves a third pass. */
  void *middle = NULL;
  gt_dtype dtype = from_flat ? c.to_dtype : c.from_dtype;
  size_t bytes = (size_t)n * gt_dtype_size(dtype);
  GT_TRY(gt_allocate(cx, backend, bytes, &middle));
  first = second = c;
  first.to = middle;
  second.from = middle;
  first.to_dtype = second.from_dtype = dtype;
  row_major(&c, first.to_stride);
  row_major(&c, second.from_stride);
  gt_status status = gt_cpu_strided_copy(cx, backend, &first);
  if (status == GT_OK) status = gt_cpu_strided_copy(cx, backend, &second);
  gt_deallocate(cx, backend, middle, bytes);
  return status;
}
