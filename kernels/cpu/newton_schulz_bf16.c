/* newton_schulz_bf16.c: newton_schulz.c's iteration with X, A, B held in bf16 and multiplied by
 * bf16.h.  Rounds where newton_schulz.c rounds: after every product, sum and scaling.
 *
 * A and B are symmetric: blocks below the diagonal are computed and stored twice, once transposed.
 * X is (n, m), n <= m, padded with zeros to multiples of BLOCK, which every step keeps zero. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/newton_schulz.h"

#include "core/tensor/pool.h"

#include <math.h>

#if GT_BF16_PRODUCTS

enum { BLOCK = 64, VECTOR = GT_BF16_LANES, PANEL = GT_BF16_COLUMNS };
enum { DEPTH = GT_BF16_PASS < 512 ? GT_BF16_PASS : 512 }; /* of k, in the first-level cache */

typedef struct job {
  int64_t rows, columns; /* of g */
  int64_t n, m;          /* of X, padded */
  bool transposed;
  gt_ns_factors f;
  const float *g;
  float *out;
  uint16_t *X;                    /* (n, m) */
  uint16_t *A, *cA, *B;           /* (n, n) */
  uint16_t *X_panels, *Xt_panels; /* of X and X^T as right factors */
  uint16_t *A_panels;             /* of A (= A^T) */
  float *norms;                   /* (n) squared norms of X's rows */
  float divisor;
} job;

/* ---- start and end ---- */

/* Rows [begin, end) of X: g or its transpose, rounded. */
static void load_rows(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t n = j->transposed ? j->columns : j->rows, m = j->transposed ? j->rows : j->columns;
  int64_t row_step = j->transposed ? 1 : m, column_step = j->transposed ? n : 1;
  for (int64_t i = begin; i < end; i++) {
    uint16_t *x = j->X + i * j->m;
    float sum[16] = {0};
    for (int64_t k = 0; k < j->m; k++) {
      float value = i < n && k < m ? j->g[i * row_step + k * column_step] : 0;
      x[k] = gt_to_bf16(value);
      sum[k % 16] += gt_from_bf16(x[k]) * gt_from_bf16(x[k]);
    }
    for (int k = 1; k < 16; k++) sum[0] += sum[k];
    j->norms[i] = sum[0];
  }
}

static void find_divisor(job *j) {
  double sum = 0;
  for (int64_t i = 0; i < j->n; i++) sum += (double)j->norms[i];
  float norm = gt_from_bf16(gt_to_bf16((float)sqrt(sum)));
  j->divisor = gt_from_bf16(gt_to_bf16(norm + 1e-7f));
}

static void divide_rows(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  float divisor = j->divisor;
  for (uint16_t *x = j->X + begin * j->m; x < j->X + end * j->m; x += VECTOR)
    gt_bf16_store(x, gt_bf16_widen(x) / divisor);
}

/* Rows [begin, end) of out. */
static void store_rows(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t row_step = j->transposed ? 1 : j->m, column_step = j->transposed ? j->m : 1;
  for (int64_t i = begin; i < end; i++) {
    for (int64_t k = 0; k < j->columns; k++)
      j->out[i * j->columns + k] = gt_from_bf16(j->X[i * row_step + k * column_step]);
  }
}

/* ---- one iteration ---- */

/* Panels [begin, end): first those of X^T, then those of X. */
static void pack_X(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t i = begin; i < end; i++) {
    int64_t p = i - j->n / PANEL;
    if (p < 0)
      gt_bf16_pack_transposed(j->X + i * PANEL * j->m, j->m, j->m, PANEL,
                              (uint32_t *)(j->Xt_panels + i * PANEL * j->m));
    else
      gt_bf16_pack(j->X + p * PANEL, j->m, j->n, PANEL,
                   (uint32_t *)(j->X_panels + p * PANEL * j->n));
  }
}

static void pack_A(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t i = begin; i < end; i++)
    gt_bf16_pack_transposed(j->A + i * PANEL * j->n, j->n, j->n, PANEL,
                            (uint32_t *)(j->A_panels + i * PANEL * j->n));
}

/* block (BLOCK, BLOCK) = rows of `left` (., K) times the panels from column `column` on. */
static void multiply(const uint16_t *left, const uint16_t *panels, int64_t K, int64_t row,
                     int64_t column, float *block) {
  for (int64_t k = 0; k < K; k += DEPTH) {
    int64_t depth = gt_min(DEPTH, K - k);
    for (int64_t c = 0; c < BLOCK; c += PANEL) {
      for (int64_t r = 0; r < BLOCK; r += GT_BF16_ROWS)
        gt_bf16_tile(left + (row + r) * K + k, K, panels + (column + c) * K + k * PANEL, depth,
                     block + r * BLOCK + c, BLOCK, k > 0);
    }
  }
}

static void transpose_block(const float *block, float *to) {
  for (int r = 0; r < BLOCK; r += VECTOR) {
    for (int c = 0; c < BLOCK; c += VECTOR) {
      gt_vector_f32 v[VECTOR];
      for (int i = 0; i < VECTOR; i++) v[i] = gt_f32_load(block + (r + i) * BLOCK + c);
      gt_transpose_f32(v);
      for (int i = 0; i < VECTOR; i++) gt_f32_store(to + (c + i) * BLOCK + r, v[i]);
    }
  }
}

/* A = the products, cA = c A. */
static void store_gram(const job *j, const float *block, int64_t row, int64_t column) {
  float c = (float)j->f.c;
  for (int r = 0; r < BLOCK; r++) {
    for (int k = 0; k < BLOCK; k += VECTOR) {
      int64_t at = (row + r) * j->n + column + k;
      gt_vector_f32 value = gt_bf16_round(gt_f32_load(block + r * BLOCK + k));
      gt_bf16_store(j->A + at, value);
      gt_bf16_store(j->cA + at, (c * value));
    }
  }
}

/* B = b A + the products. */
static void store_polynomial(const job *j, const float *block, int64_t row, int64_t column) {
  float b = (float)j->f.b;
  for (int r = 0; r < BLOCK; r++) {
    for (int k = 0; k < BLOCK; k += VECTOR) {
      int64_t at = (row + r) * j->n + column + k;
      gt_vector_f32 value = gt_bf16_round(gt_f32_load(block + r * BLOCK + k));
      gt_vector_f32 scaled = gt_bf16_round((b * gt_bf16_widen(j->A + at)));
      gt_bf16_store(j->B + at, scaled + value);
    }
  }
}

/* X = a X + the products. */
static void store_X(const job *j, const float *block, int64_t row, int64_t column) {
  float a = (float)j->f.a;
  for (int r = 0; r < BLOCK; r++) {
    for (int k = 0; k < BLOCK; k += VECTOR) {
      uint16_t *x = j->X + (row + r) * j->m + column + k;
      gt_vector_f32 value = gt_bf16_round(gt_f32_load(block + r * BLOCK + k));
      gt_vector_f32 scaled = gt_bf16_round((a * gt_bf16_widen(x)));
      gt_bf16_store(x, scaled + value);
    }
  }
}

typedef void (*store_block)(const job *j, const float *block, int64_t row, int64_t column);

/* Blocks [begin, end) of the lower triangle of left right^T, and their mirror images.  Of a block
 * on the diagonal the upper half is the mirror image of the lower one. */
static void symmetric_blocks(const job *j, const uint16_t *left, const uint16_t *panels, int64_t K,
                             store_block store, int64_t begin, int64_t end) {
  float block[BLOCK * BLOCK], mirror[BLOCK * BLOCK];
  gt_bf16_begin();
  for (int64_t index = begin; index < end; index++) {
    int64_t row, column;
    gt_ns_block(index, &row, &column);
    row *= BLOCK, column *= BLOCK;
    multiply(left, panels, K, row, column, block);
    transpose_block(block, mirror);
    for (int r = 0; row == column && r < BLOCK; r++)
      memcpy(block + r * BLOCK + r, mirror + r * BLOCK + r, (size_t)(BLOCK - r) * sizeof *block);
    store(j, block, row, column);
    if (row != column) store(j, mirror, column, row);
  }
  gt_bf16_end();
}

static void gram_blocks(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  symmetric_blocks(j, j->X, j->Xt_panels, j->m, store_gram, begin, end);
}

static void polynomial_blocks(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  symmetric_blocks(j, j->cA, j->A_panels, j->n, store_polynomial, begin, end);
}

static void update_blocks(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  float block[BLOCK * BLOCK];
  gt_bf16_begin();
  for (int64_t index = begin; index < end; index++) {
    int64_t row = index % (j->n / BLOCK) * BLOCK, column = index / (j->n / BLOCK) * BLOCK;
    multiply(j->B, j->X_panels, j->n, row, column, block);
    store_X(j, block, row, column);
  }
  gt_bf16_end();
}

static void iterate(gt_ctx *cx, job *j) {
  int64_t across = j->n / BLOCK, triangle = across * (across + 1) / 2;
  gt_parallel(cx, (j->n + j->m) / PANEL, 2, pack_X, j);
  gt_parallel(cx, triangle, 1, gram_blocks, j);
  gt_parallel(cx, j->n / PANEL, 2, pack_A, j);
  gt_parallel(cx, triangle, 1, polynomial_blocks, j);
  gt_parallel(cx, across * (j->m / BLOCK), 1, update_blocks, j);
}

static job job_of(int64_t rows, int64_t columns) {
  return (job){.rows = rows,
               .columns = columns,
               .transposed = rows > columns,
               .n = gt_round_up(gt_min(rows, columns), BLOCK),
               .m = gt_round_up(gt_max(rows, columns), BLOCK)};
}

size_t gt_ns_bf16_bytes(int64_t rows, int64_t columns) {
  job j = job_of(rows, columns);
  return (size_t)(3 * j.n * j.m + 4 * j.n * j.n) * sizeof *j.X + (size_t)j.n * sizeof *j.norms;
}

void gt_ns_bf16(gt_ctx *cx, const float *g, float *out, int64_t rows, int64_t columns,
                int64_t steps, gt_ns_factors factors, void *memory) {
  job j = job_of(rows, columns);
  int64_t wide = j.n * j.m, square = j.n * j.n;
  j.f = factors;
  j.g = g;
  j.out = out;
  j.X = memory;
  j.X_panels = j.X + wide;
  j.Xt_panels = j.X_panels + wide;
  j.A = j.Xt_panels + wide;
  j.cA = j.A + square;
  j.B = j.cA + square;
  j.A_panels = j.B + square;
  j.norms = (float *)(j.A_panels + square);
  gt_parallel(cx, j.n, 16, load_rows, &j);
  find_divisor(&j);
  gt_parallel(cx, j.n, 16, divide_rows, &j);
  for (int64_t step = 0; step < steps; step++) iterate(cx, &j);
  gt_parallel(cx, rows, 16, store_rows, &j);
}

#else

size_t gt_ns_bf16_bytes(int64_t rows, int64_t columns) {
  (void)rows, (void)columns;
  return 0;
}

void gt_ns_bf16(gt_ctx *cx, const float *g, float *out, int64_t rows, int64_t columns,
                int64_t steps, gt_ns_factors factors, void *memory) {
  (void)cx, (void)g, (void)out, (void)rows, (void)columns, (void)steps, (void)factors, (void)memory;
}

#endif
