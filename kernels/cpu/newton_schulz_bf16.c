/* newton_schulz_bf16.c: newton_schulz.c's iteration with X, A, B held in bf16 and multiplied by
 * bf16.h.  Rounds where newton_schulz.c rounds: after every product, sum and scaling.
 *
 * A and B are symmetric: blocks below the diagonal are computed and stored twice, once transposed.
 * X is (n, m), n <= m, padded with zeros to multiples of BLOCK, which every step keeps zero.
 *
 * Products are made in strips of up to HEIGHT rows, GT_BF16_PASS of k at a time, which stay in the
 * second-level cache while the right factor's panels pass by.  Rows of left factors have SPACE
 * numbers more, not to share sets of the cache. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/newton_schulz.h"

#include "core/tensor/pool.h"

#include <math.h>

#if GT_BF16_PRODUCTS

enum { BLOCK = GT_BF16_COLUMNS, VECTOR = GT_BF16_LANES, SPACE = 32 };
enum {
  HEIGHT = 128, /* rows of a strip at most: how often a panel is used that came from memory */
  SPAN = 512,   /* columns of it at a time: its sums stay in the second-level cache, too */
  STRIPS = 4,   /* wanted for each thread, so that all have work */
};

typedef struct job {
  int64_t rows, columns; /* of g */
  int64_t n, m;          /* of X, padded */
  bool transposed;
  gt_ns_factors f;
  const float *g;
  float *out;
  int64_t height;                 /* of a strip */
  int64_t X_row, A_row;           /* m + SPACE, n + SPACE */
  uint16_t *X;                    /* (n, X_row) */
  uint16_t *A, *cA, *B;           /* (n, A_row) */
  uint16_t *X_panels, *Xt_panels; /* of X and X^T as right factors */
  uint16_t *A_panels;             /* of A (= A^T) */
  float *norms;                   /* (n) squared norms of X's rows */
  float divisor;
} job;

/* ---- start and end ---- */

/* Rows [begin, end) of X: g or its transpose, rounded. */
static void load_rows(void *argument, int64_t begin, int64_t end) {
  enum { lanes = 16 }; /* of the sum, whatever a vector has */
  const job *j = argument;
  int64_t n = j->transposed ? j->columns : j->rows, m = j->transposed ? j->rows : j->columns;
  int64_t row_step = j->transposed ? 1 : m, column_step = j->transposed ? n : 1;
  for (int64_t i = begin; i < end; i++) {
    uint16_t *x = j->X + i * j->X_row;
    float sum[lanes] = {0};
    for (int64_t k = 0; k < j->m; k += lanes) {
      const float *from = j->g + i * row_step + k * column_step;
      float value[lanes] = {0};
      if (i < n && k + lanes <= m && column_step == 1) {
        memcpy(value, from, sizeof value);
      } else {
        for (int64_t l = 0; i < n && l < lanes && k + l < m; l++) value[l] = from[l * column_step];
      }
      for (int l = 0; l < lanes; l++) {
        x[k + l] = gt_to_bf16(value[l]);
        sum[l] += gt_from_bf16(x[k + l]) * gt_from_bf16(x[k + l]);
      }
    }
    for (int l = 1; l < lanes; l++) sum[0] += sum[l];
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
  for (int64_t i = begin; i < end; i++) {
    uint16_t *x = j->X + i * j->X_row;
    for (int64_t k = 0; k < j->m; k += VECTOR) gt_bf16_store(x + k, gt_bf16_widen(x + k) / divisor);
  }
}

/* Rows [begin, end) of out. */
static void store_rows(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  int64_t row_step = j->transposed ? 1 : j->X_row, column_step = j->transposed ? j->X_row : 1;
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
    int64_t p = i - j->n / BLOCK;
    if (p < 0)
      gt_bf16_pack_transposed(j->X + i * BLOCK * j->X_row, j->X_row, j->m, BLOCK,
                              (uint32_t *)(j->Xt_panels + i * BLOCK * j->m));
    else
      gt_bf16_pack(j->X + p * BLOCK, j->X_row, j->n, BLOCK,
                   (uint32_t *)(j->X_panels + p * BLOCK * j->n));
  }
}

static void pack_A(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  for (int64_t i = begin; i < end; i++)
    gt_bf16_pack(j->A + i * BLOCK, j->A_row, j->n, BLOCK,
                 (uint32_t *)(j->A_panels + i * BLOCK * j->n));
}

/* A strip of a product: `rows` rows from `row` on, `columns` columns from `column` on, as blocks
 * (BLOCK, BLOCK) of sums, those of one panel after the other. */
typedef struct strip {
  int64_t row, rows, column, columns;
  bool lower; /* only blocks up to the diagonal */
  float *sums;
} strip;

static float *block_of(const strip *s, int64_t r, int64_t c) {
  return s->sums + (c * s->rows + r * BLOCK);
}

static bool is_wanted(const strip *s, int64_t r, int64_t c) {
  return !s->lower || s->column + c <= s->row + r;
}

/* The sums = rows of `left` (., K), `ld` apart, times the panels. */
static void multiply(const strip *s, const uint16_t *left, int64_t ld, const uint16_t *panels,
                     int64_t K) {
  left += s->row * ld;
  panels += s->column * K;
  for (int64_t k = 0; k < K; k += GT_BF16_PASS) {
    int64_t depth = gt_min(GT_BF16_PASS, K - k);
    for (int64_t c = 0; c < s->columns; c += BLOCK) {
      for (int64_t r = 0; r < s->rows; r += GT_BF16_ROWS)
        if (is_wanted(s, r / BLOCK * BLOCK, c))
          gt_bf16_tile(left + r * ld + k, ld, panels + c * K + k * BLOCK, depth, block_of(s, r, c),
                       BLOCK, k > 0);
    }
  }
}

/* A = the products, cA = c A. */
static void store_gram(const job *j, const float *block, int64_t row, int64_t column) {
  float c = (float)j->f.c;
  for (int r = 0; r < BLOCK; r++) {
    for (int k = 0; k < BLOCK; k += VECTOR) {
      int64_t at = (row + r) * j->A_row + column + k;
      gt_vector_f32 value = gt_bf16_round(gt_f32_load(block + r * BLOCK + k));
      gt_bf16_store(j->A + at, value);
      gt_bf16_store(j->cA + at, c * value);
    }
  }
}

/* B = b A + the products. */
static void store_polynomial(const job *j, const float *block, int64_t row, int64_t column) {
  float b = (float)j->f.b;
  for (int r = 0; r < BLOCK; r++) {
    for (int k = 0; k < BLOCK; k += VECTOR) {
      int64_t at = (row + r) * j->A_row + column + k;
      gt_vector_f32 value = gt_bf16_round(gt_f32_load(block + r * BLOCK + k));
      gt_bf16_store(j->B + at, gt_bf16_round(b * gt_bf16_widen(j->A + at)) + value);
    }
  }
}

/* X = a X + the products. */
static void store_X(const job *j, const float *block, int64_t row, int64_t column) {
  float a = (float)j->f.a;
  for (int r = 0; r < BLOCK; r++) {
    for (int k = 0; k < BLOCK; k += VECTOR) {
      uint16_t *x = j->X + (row + r) * j->X_row + column + k;
      gt_vector_f32 value = gt_bf16_round(gt_f32_load(block + r * BLOCK + k));
      gt_bf16_store(x, gt_bf16_round(a * gt_bf16_widen(x)) + value);
    }
  }
}

typedef void (*store_block)(const job *j, const float *block, int64_t row, int64_t column);

/* A block of a symmetric product and its mirror image.  Of one on the diagonal the upper half is
 * the mirror image of the lower one. */
static void store_both(const job *j, float *block, int64_t row, int64_t column, store_block store) {
  float mirror[BLOCK * BLOCK];
  gt_bf16_transpose_f32(block, BLOCK, BLOCK, mirror);
  for (int r = 0; row == column && r < BLOCK; r++)
    memcpy(block + r * BLOCK + r, mirror + r * BLOCK + r, (size_t)(BLOCK - r) * sizeof *block);
  store(j, block, row, column);
  if (row != column) store(j, mirror, column, row);
}

/* Strips [begin, end) of left right^T up to the diagonal, the longest first. */
static void symmetric_strips(const job *j, const uint16_t *left, int64_t ld, const uint16_t *panels,
                             int64_t K, store_block store, int64_t begin, int64_t end) {
  _Alignas(64) float sums[HEIGHT * SPAN];
  gt_bf16_begin();
  for (int64_t i = begin; i < end; i++) {
    int64_t row = (gt_parts(j->n, j->height) - 1 - i) * j->height;
    strip s = {.row = row, .rows = gt_min(j->height, j->n - row), .lower = true, .sums = sums};
    for (; s.column < row + s.rows; s.column += SPAN) {
      s.columns = gt_min(SPAN, row + s.rows - s.column);
      multiply(&s, left, ld, panels, K);
      for (int64_t c = 0; c < s.columns; c += BLOCK) {
        for (int64_t r = 0; r < s.rows; r += BLOCK)
          if (is_wanted(&s, r, c)) store_both(j, block_of(&s, r, c), row + r, s.column + c, store);
      }
    }
  }
  gt_bf16_end();
}

static void gram_strips(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  symmetric_strips(j, j->X, j->X_row, j->Xt_panels, j->m, store_gram, begin, end);
}

static void polynomial_strips(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  symmetric_strips(j, j->cA, j->A_row, j->A_panels, j->n, store_polynomial, begin, end);
}

static void update_strips(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  _Alignas(64) float sums[HEIGHT * SPAN];
  gt_bf16_begin();
  for (int64_t row = begin * j->height; row < gt_min(j->n, end * j->height); row += j->height) {
    strip s = {.row = row, .rows = gt_min(j->height, j->n - row), .sums = sums};
    for (; s.column < j->m; s.column += SPAN) {
      s.columns = gt_min(SPAN, j->m - s.column);
      multiply(&s, j->B, j->A_row, j->X_panels, j->n);
      for (int64_t c = 0; c < s.columns; c += BLOCK) {
        for (int64_t r = 0; r < s.rows; r += BLOCK)
          store_X(j, block_of(&s, r, c), row + r, s.column + c);
      }
    }
  }
  gt_bf16_end();
}

static void iterate(gt_ctx *cx, job *j) {
  int64_t strips = gt_parts(j->n, j->height);
  gt_parallel(cx, (j->n + j->m) / BLOCK, 2, pack_X, j);
  gt_parallel(cx, strips, 1, gram_strips, j);
  gt_parallel(cx, j->n / BLOCK, 2, pack_A, j);
  gt_parallel(cx, strips, 1, polynomial_strips, j);
  gt_parallel(cx, strips, 1, update_strips, j);
}

static job job_of(int64_t rows, int64_t columns) {
  int64_t n = gt_round_up(gt_min(rows, columns), BLOCK);
  int64_t m = gt_round_up(gt_max(rows, columns), BLOCK);
  return (job){.rows = rows,
               .columns = columns,
               .transposed = rows > columns,
               .n = n,
               .m = m,
               .X_row = m + SPACE,
               .A_row = n + SPACE};
}

size_t gt_ns_bf16_bytes(int64_t rows, int64_t columns) {
  job j = job_of(rows, columns);
  int64_t panels = 2 * j.n * j.m + j.n * j.n;
  return (size_t)(j.n * j.X_row + 3 * j.n * j.A_row + panels) * sizeof *j.X +
         (size_t)j.n * sizeof *j.norms;
}

void gt_ns_bf16(gt_ctx *cx, const float *g, float *out, int64_t rows, int64_t columns,
                int64_t steps, gt_ns_factors factors, void *memory) {
  job j = job_of(rows, columns);
  j.f = factors;
  j.height = gt_round_up(gt_parts(j.n, STRIPS * gt_pool_idle(cx)), BLOCK);
  j.height = gt_max(BLOCK, gt_min(HEIGHT, j.height));
  j.g = g;
  j.out = out;
  j.X_panels = memory;
  j.Xt_panels = j.X_panels + j.n * j.m;
  j.A_panels = j.Xt_panels + j.n * j.m;
  j.X = j.A_panels + j.n * j.n;
  j.A = j.X + j.n * j.X_row;
  j.cA = j.A + j.n * j.A_row;
  j.B = j.cA + j.n * j.A_row;
  j.norms = (float *)(j.B + j.n * j.A_row);
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
