/* gemm.c: matrix products on the CPU, C = or += op(A) op(B), row-major.
 *
 * Blocked for the caches after Goto and van de Geijn (Anatomy of High-Performance Matrix
 * Multiplication, 2008).  C is cut into tiles, each for one worker, which for every DEPTH of K
 *   - copies its columns of B into the panels of tile.h: 512 KiB, which stay in the second-level
 *     cache while all its rows of A pass by;
 *   - multiplies STRIP rows of A at a time, read where they lie, with every panel.  Where A is
 *     transposed the strip is copied first, for its numbers lie a whole row of A apart.
 * Each element is the sum of chains of fused multiply-adds over DEPTH, in the order of k: the cut
 * of C, and so the number of threads, does not change its bits.  A single row has no use for copies
 * and is multiplied as it lies; bf16 operands go to gemm_bf16.c tile by tile. */
#ifndef real
#include "kernels/cpu/gemm.h"

#include "core/tensor/pool.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cpu/tile.h"

#include <math.h>

enum {
  ROWS = 1024,         /* of a tile of C at most: how often a copy of B is used */
  COLUMN_BYTES = 1024, /* of a row of a tile at most */
  DEPTH = 512,
  UNIT = 32,              /* tiles of C have multiples of it */
  MIN_SIDE = 128,         /* rows and columns below which copying B costs too much */
  TILES = 8,              /* wanted for each thread, so that all have work to the end */
  BF16_TILES = 2,         /* the same where products are so fast that copies of A and B count */
  SERIAL_WORK = 64 << 10, /* multiply-adds below which waking the workers costs more */
};

typedef struct product {
  gt_dtype dtype;
  int64_t M, N, K;
  gt_matrix a, b;
  int parts; /* bf16 numbers that each f32 number of A and B is taken as; 0: none */
  bool add;
  void *c;
  int64_t ldc;
  int64_t tile_rows, tile_columns;
} product;

/* Steps in memory from row to row and from column to column of op(matrix). */
static int64_t row_step(gt_matrix m) { return m.transposed ? 1 : m.ld; }
static int64_t column_step(gt_matrix m) { return m.transposed ? m.ld : 1; }

#include "kernels/op/typed.h"

/* Where number (row, column) of op(m) lies. */
static const void *number_at(gt_matrix m, int64_t row, int64_t column) {
  int64_t at = row * row_step(m) + column * column_step(m);
  return (const char *)m.data + at * (m.bf16 ? 2 : 4);
}

static void multiply_bf16_tiles(void *argument, int64_t begin, int64_t end) {
  const product *p = argument;
  int64_t across = (p->N + p->tile_columns - 1) / p->tile_columns;
  for (int64_t tile = begin; tile < end; tile++) {
    int64_t row = tile / across * p->tile_rows, column = tile % across * p->tile_columns;
    gt_matrix a = p->a, b = p->b;
    a.data = number_at(a, row, 0);
    b.data = number_at(b, 0, column);
    char *c = (char *)p->c + (size_t)(row * p->ldc + column) * gt_dtype_size(p->dtype);
    int64_t rows = gt_min(p->tile_rows, p->M - row);
    int64_t columns = gt_min(p->tile_columns, p->N - column);
    if (p->M > 1) /* not `rows`: where C is cut must not change bits */
      gt_gemm_bf16(p->dtype, p->parts, rows, columns, p->K, a, b, p->add, c, p->ldc);
    else
      gt_gemm_bf16_row(p->dtype, columns, p->K, a, b, p->add, c);
  }
}

/* The largest equal parts of n that are at most `longest`, in multiples of UNIT. */
static int64_t part(int64_t n, int64_t longest) {
  int64_t parts = gt_parts(n, longest);
  return gt_round_up(gt_parts(n, parts), UNIT);
}

static int64_t tile_count(const product *p) {
  int64_t down = (p->M + p->tile_rows - 1) / p->tile_rows;
  return down * ((p->N + p->tile_columns - 1) / p->tile_columns);
}

/* Columns of a tile at most. */
static int64_t most_columns(const product *p) {
  if (p->a.bf16 || p->parts > 0) return gt_gemm_bf16_columns(p->K, p->parts);
  return COLUMN_BYTES / (p->dtype == GT_F64 ? 8 : 4);
}

static void cut(product *p, int threads) {
  p->tile_rows = part(p->M, ROWS);
  p->tile_columns = part(p->N, most_columns(p));
  int64_t wanted = (p->a.bf16 || p->parts > 0 ? BF16_TILES : TILES) * threads;
  for (int64_t tiles; threads > 1 && (tiles = tile_count(p)) < wanted;) {
    int64_t *longer = p->tile_rows >= p->tile_columns ? &p->tile_rows : &p->tile_columns;
    if (*longer < 2 * (tiles < threads ? UNIT : MIN_SIDE)) return; /* no thread without work */
    *longer = gt_round_up(*longer / 2, UNIT);
  }
}

bool gt_gemm_is_bf16(const gt_call *c) {
  return gt_gemm_bf16_is_here && c->in_spec[0].dtype == GT_BF16 && c->in_spec[1].dtype == GT_BF16;
}

/* Of f32 numbers, as the session's precision of matrix products has it. */
static int parts_of(const gt_ctx *cx, gt_dtype dtype, int64_t M, gt_matrix a) {
  const gt_ctx *session = cx->session != NULL ? cx->session : cx;
  if (!gt_gemm_bf16_splits || dtype != GT_F32 || a.bf16 || M == 1) return 0;
  switch (session->matmul_precision) {
  case GT_PRECISION_HIGH:
    return 2;
  case GT_PRECISION_MEDIUM:
    return 1;
  default:
    return 0;
  }
}

static gt_task task_of(const product *p) {
  if (p->a.bf16 || p->parts > 0) return multiply_bf16_tiles;
  return GT_PICK(p, multiply_tiles);
}

void gt_gemm(gt_ctx *cx, gt_dtype dtype, int64_t M, int64_t N, int64_t K, gt_matrix a, gt_matrix b,
             bool add, void *c, int64_t ldc) {
  if (M == 0 || N == 0) return;
  product p = {dtype, M, N, K, a, b, 0, add, c, ldc, 0, 0};
  if (N == 1 && ldc == 1) { /* a column, as the row c^T = b^T a^T */
    p.M = 1, p.N = M;
    p.a = (gt_matrix){b.data, b.ld, !b.transposed, b.bf16};
    p.b = (gt_matrix){a.data, a.ld, !a.transposed, a.bf16};
  }
  p.parts = parts_of(cx, dtype, p.M, p.a);
  cut(&p, gt_pool_idle(cx));
  int64_t tiles = tile_count(&p), grain = M * N * K <= SERIAL_WORK ? tiles : 1;
  gt_parallel(cx, tiles, grain, task_of(&p), &p);
}

/* ---- the gradient of a weight ---- */

typedef struct halves {
  product of[2]; /* the upper rows of A and B, and the lower */
  gt_task task;
  int64_t tiles; /* of each */
  gt_dtype dtype;
  bool add; /* to what C holds */
  void *c;
} halves;

/* Worth it where the rows of A and B are more to read than two sums of C are to add. */
static bool has_halves(int64_t M, int64_t N, int64_t K) {
  return K >= DEPTH && M * N > 0 && K * (M + N) >= 2 * M * N;
}

static void multiply_halves(void *argument, int64_t begin, int64_t end) {
  halves *h = argument;
  for (int64_t i = begin; i < end; i++) {
    int64_t tile = i % h->tiles;
    h->task(&h->of[i / h->tiles], tile, tile + 1);
  }
}

/* Elements [begin, end) of C from the sums of both halves. */
static void add_halves(void *argument, int64_t begin, int64_t end) {
  const halves *h = argument;
  const float *upper = h->of[0].c, *lower = h->of[1].c;
  if (h->dtype == GT_F64) {
    const double *a = h->of[0].c, *b = h->of[1].c;
    double *c = h->c;
    for (int64_t i = begin; i < end; i++) c[i] = (h->add ? c[i] : 0) + (a[i] + b[i]);
  } else if (h->dtype == GT_BF16) {
    uint16_t *c = h->c;
    for (int64_t i = begin; i < end; i++)
      c[i] = gt_to_bf16((h->add ? gt_from_bf16(c[i]) : 0) + (upper[i] + lower[i]));
  } else {
    float *c = h->c;
    for (int64_t i = begin; i < end; i++) c[i] = (h->add ? c[i] : 0) + (upper[i] + lower[i]);
  }
}

size_t gt_gemm_gradient_scratch(gt_dtype dtype, int64_t M, int64_t N, int64_t K) {
  size_t size = dtype == GT_F64 ? sizeof(double) : sizeof(float);
  return has_halves(M, N, K) ? 2 * (size_t)(M * N) * size : 0;
}

gt_status gt_gemm_gradient(gt_call *call, gt_dtype dtype, int64_t M, int64_t N, int64_t K,
                           gt_matrix a, gt_matrix b, bool add, void *c) {
  gt_ctx *cx = call->cx;
  a.transposed = true;
  if (!has_halves(M, N, K)) {
    gt_gemm(cx, dtype, M, N, K, a, b, add, c, N);
    return GT_OK;
  }
  int before = cx->scratch_count;
  size_t bytes = gt_gemm_gradient_scratch(dtype, M, N, K);
  void *sums;
  GT_TRY(gt_scratch(cx, call->device, bytes, &sums));
  gt_dtype wide = dtype == GT_F64 ? GT_F64 : GT_F32;
  size_t size = a.bf16 ? sizeof(uint16_t) : gt_dtype_size(wide);
  int64_t upper = K / 2;
  product p = {wide, M, N, K - upper, a, b, parts_of(cx, wide, M, a), false, sums, N, 0, 0};
  cut(&p, gt_pool_idle(cx)); /* for the longer half: how wide a tile may be depends on K */
  halves h = {{p, p}, task_of(&p), tile_count(&p), dtype, add, c};
  h.of[0].K = upper;
  h.of[1].a.data = (const char *)a.data + (size_t)(upper * a.ld) * size;
  h.of[1].b.data = (const char *)b.data + (size_t)(upper * b.ld) * size;
  h.of[1].c = (char *)sums + bytes / 2;
  gt_parallel(cx, 2 * h.tiles, 1, multiply_halves, &h);
  gt_parallel(cx, M * N, GT_MAP_GRAIN, add_halves, &h);
  gt_scratch_release(cx, before);
  return GT_OK;
}

#else
#include "kernels/cpu/lanes.h"

enum { T(COLUMNS) = COLUMN_BYTES / sizeof(real), T(STRIP) = T(gt_tile_n) };

static const real *T(a_at)(const product *p, int64_t row, int64_t k) {
  return (const real *)p->a.data + row * row_step(p->a) + k * column_step(p->a);
}

static const real *T(b_at)(const product *p, int64_t k, int64_t column) {
  return (const real *)p->b.data + k * row_step(p->b) + column * column_step(p->b);
}

/* ---- tiles of C ---- */

/* Rows of op(A) as gt_tile reads them. */
typedef struct T(strip) {
  const real *at;
  int64_t row, k; /* strides */
} T(strip);

/* `rows` rows of op(A) from (row, k) on: where they lie, or a copy filled up with zeros. */
static T(strip) T(strip_of)(const product *p, int64_t row, int64_t k, int64_t rows, int64_t depth,
                            real *copy /* (STRIP, DEPTH) */) {
  const real *from = T(a_at)(p, row, k);
  if (p->a.transposed) {
    T(gt_pack)(from, p->a.ld, 1, depth, rows, copy); /* as (depth, STRIP) */
    return (T(strip)){copy, 1, T(STRIP)};
  }
  if (rows % GT_TILE_M == 0) return (T(strip)){from, p->a.ld, 1};
  for (int64_t i = 0; i < rows; i++)
    memcpy(copy + i * depth, from + i * p->a.ld, (size_t)depth * sizeof(real));
  memset(copy + rows * depth, 0, (size_t)((GT_TILE_M - rows % GT_TILE_M) * depth) * sizeof(real));
  return (T(strip)){copy, depth, 1};
}

/* A tile that reaches over the edge of C, by way of one that does not. */
static void T(edge_tile)(T(strip) a, const real *panel, int64_t depth, real *c, int64_t ldc,
                         bool add, int64_t rows, int64_t columns) {
  enum { n = T(gt_tile_n) };
  rows = gt_min(rows, GT_TILE_M);
  columns = gt_min(columns, n);
  real whole[GT_TILE_M * n] = {0};
  size_t bytes = (size_t)columns * sizeof(real);
  for (int64_t i = 0; add && i < rows; i++) memcpy(whole + i * n, c + i * ldc, bytes);
  T(gt_tile)(a.at, a.row, a.k, panel, depth, whole, n, add);
  for (int64_t i = 0; i < rows; i++) memcpy(c + i * ldc, whole + i * n, bytes);
}

/* c (rows, columns) = or += the strip times the panels. */
static void T(multiply_strip)(T(strip) a, const real *panels, int64_t depth, real *c, int64_t ldc,
                              bool add, int64_t rows, int64_t columns) {
  enum { n = T(gt_tile_n) };
  for (int64_t j = 0; j < columns; j += n, panels += n * depth) {
    for (int64_t i = 0; i < rows; i += GT_TILE_M) {
      T(strip) part = {a.at + i * a.row, a.row, a.k};
      real *to = c + i * ldc + j;
      if (rows - i >= GT_TILE_M && columns - j >= n)
        T(gt_tile)(part.at, part.row, part.k, panels, depth, to, ldc, add);
      else
        T(edge_tile)(part, panels, depth, to, ldc, add, rows - i, columns - j);
    }
  }
}

static void T(multiply_tile)(const product *p, int64_t row, int64_t column) {
  _Alignas(64) real panels[T(COLUMNS) * DEPTH];
  _Alignas(64) real copy[T(STRIP) * DEPTH];
  int64_t last = gt_min(row + p->tile_rows, p->M);
  int64_t columns = gt_min(p->tile_columns, p->N - column);
  for (int64_t k = 0; k == 0 || k < p->K; k += DEPTH) {
    int64_t depth = gt_min(DEPTH, p->K - k);
    if (p->b.transposed)
      T(gt_pack_transposed)(T(b_at)(p, k, column), p->b.ld, 1, columns, depth, panels);
    else
      T(gt_pack)(T(b_at)(p, k, column), p->b.ld, 1, depth, columns, panels);
    for (int64_t i = row; i < last; i += T(STRIP)) {
      int64_t rows = gt_min(T(STRIP), last - i);
      T(strip) a = T(strip_of)(p, i, k, rows, depth, copy);
      real *c = (real *)p->c + i * p->ldc + column;
      T(multiply_strip)(a, panels, depth, c, p->ldc, p->add || k > 0, rows, columns);
    }
  }
}

/* ---- a single row ---- */

/* c (columns) = or += a B, where B's columns lie in memory one after the other. */
static void T(dot_columns)(const product *p, int64_t column, int64_t columns, real *c) {
  const real *a = T(a_at)(p, 0, 0);
  for (int64_t j = 0; j < columns; j++)
    c[j] = (p->add ? c[j] : 0) + T(row_dot)(a, T(b_at)(p, 0, column + j), p->K);
}

/* The same where B's rows do. */
static void T(add_rows)(const product *p, int64_t column, int64_t columns, real *c) {
  real sum[T(COLUMNS)] = {0};
  for (int64_t k = 0; k < p->K; k++) {
    const real *b = T(b_at)(p, k, column);
    real factor = *T(a_at)(p, 0, k);
    for (int64_t j = 0; j < columns; j++) sum[j] += factor * b[j];
  }
  for (int64_t j = 0; j < columns; j++) c[j] = (p->add ? c[j] : 0) + sum[j];
}

static void T(multiply_tiles)(void *argument, int64_t begin, int64_t end) {
  const product *p = argument;
  int64_t across = (p->N + p->tile_columns - 1) / p->tile_columns;
  for (int64_t tile = begin; tile < end; tile++) {
    int64_t row = tile / across * p->tile_rows, column = tile % across * p->tile_columns;
    int64_t columns = gt_min(p->tile_columns, p->N - column);
    if (p->M > 1 || (p->b.transposed && column_step(p->a) != 1))
      T(multiply_tile)(p, row, column);
    else if (p->b.transposed)
      T(dot_columns)(p, column, columns, (real *)p->c + column);
    else
      T(add_rows)(p, column, columns, (real *)p->c + column);
  }
}

#endif
