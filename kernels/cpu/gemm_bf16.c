/* gemm_bf16.c: a tile of gemm.c's C where A and B are bf16, by the products of bf16.h.  Sums are
 * f32, in the order of k.
 *
 * A and B may also be f32 and be split into parts (`parts` > 0): x = high + low, both bf16, with an
 * error of at most 2^-17 x, and C = A_low B_high + A_high B_low + A_high B_high; with one part only
 * the last product.  (Henry, Tang and Heinecke, Leveraging the bfloat16 Artificial Intelligence
 * Datatype, 2019.)
 *
 * As in gemm.c, for every DEPTH of K the columns of B become panels that stay in the second-level
 * cache, and STRIP rows of A at a time, copied or as they lie, are multiplied with all of them,
 * GT_BF16_PASS of k at a time: then the strip stays in the first-level cache.  The sums of a group
 * of C's rows are kept in blocks (STRIP, PANEL) until they are whole, and rounded once. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/gemm.h"

#include <math.h>

#if GT_BF16_PRODUCTS

enum {
  DEPTH = 1024,
  PANEL = GT_BF16_COLUMNS,
  COLUMNS = 256, /* of a tile of C where K > DEPTH / 2; else twice as many */
  STRIP = 32,
  BLOCK = STRIP * PANEL, /* numbers of a block of sums */
  GROUP = 256,           /* rows of C whose sums wait for more than one DEPTH */
  ROOM = DEPTH + 32,     /* of a row of a copied strip: rows are not to share sets of the cache */
  /* the same where there are two parts of everything */
  SPLIT = DEPTH / 2,
  SPLIT_ROOM = SPLIT + 32,
  COPY = STRIP * 2 * SPLIT_ROOM, /* numbers of a copied strip, or of its parts */
  PART = SPLIT * COLUMNS,        /* numbers of the panels of a part */
};

const bool gt_gemm_bf16_is_here = true, gt_gemm_bf16_splits = GT_BF16_SPLITS != 0;

/* Rows of A as gt_bf16_tile reads them. */
typedef struct strip {
  const uint16_t *at;
  int64_t row; /* stride */
} strip;

/* `rows` rows of A (or columns of the matrix it is the transpose of): where they lie, or a copy
 * filled up with zeros. */
static strip strip_of(const uint16_t *a, gt_matrix m, int64_t rows, int64_t depth,
                      uint16_t *copy /* (STRIP, ROOM) */) {
  int64_t end = gt_round_up(depth, GT_BF16_UNIT);
  if (m.transposed) {
    gt_bf16_transpose(a, m.ld, depth, rows, copy, ROOM);
  } else {
    if (GT_BF16_READS_ROWS && rows % GT_BF16_ROWS == 0 && end == depth) return (strip){a, m.ld};
    for (int64_t i = 0; i < rows; i++) {
      memcpy(copy + i * ROOM, a + i * m.ld, (size_t)depth * sizeof *copy);
      memset(copy + i * ROOM + depth, 0, (size_t)(end - depth) * sizeof *copy);
    }
  }
  memset(copy + rows * ROOM, 0, (size_t)((STRIP - rows) * ROOM) * sizeof *copy);
  return (strip){copy, ROOM};
}

/* ---- parts of f32 numbers ---- */

/* x (n) rounded, and what is left of it (low NULL: not wanted): nothing of what is not finite. */
static void split(const float *x, int64_t n, uint16_t *high, uint16_t *low) {
  int64_t whole = n - n % GT_BF16_LANES;
  for (int64_t i = 0; i < whole; i += GT_BF16_LANES) {
    gt_vector_f32 value = gt_f32_load(x + i);
    gt_bf16_store(high + i, value);
    if (low == NULL) continue;
    gt_vector_f32 rounded = gt_bf16_widen(high + i);
    gt_positions_f32 finite = (rounded < INFINITY) & (-rounded < INFINITY);
    gt_bf16_store(low + i, (gt_vector_f32)((gt_positions_f32)(value - rounded) & finite));
  }
  for (int64_t i = whole; i < n; i++) {
    high[i] = gt_bf16_of(x[i]);
    float rounded = gt_from_bf16(high[i]);
    if (low != NULL) low[i] = isfinite(rounded) ? gt_bf16_of(x[i] - rounded) : 0;
  }
}

/* The same of rows (rows, n), row_step apart, as rows of each part, `room` apart. */
static void split_rows(const float *x, int64_t row_step, int64_t rows, int64_t n, uint16_t *high,
                       uint16_t *low, int64_t room) {
  for (int64_t i = 0; i < rows; i++)
    split(x + i * row_step, n, high + i * room, low != NULL ? low + i * room : NULL);
}

/* Rows of op(A) as strip_of gives them, each part as (STRIP, SPLIT_ROOM).  Not inlined, as
 * split_columns: its buffer is on the stack only while it is at work. */
__attribute__((noinline)) static void split_strip(const float *a, gt_matrix m, int parts,
                                                  int64_t rows, int64_t depth, uint16_t *copy) {
  uint16_t transposed_rows[2][SPLIT * STRIP]; /* (depth, STRIP) */
  uint16_t *low = parts > 1 ? copy + STRIP * SPLIT_ROOM : NULL;
  memset(copy, 0, (size_t)(parts * STRIP * SPLIT_ROOM) * sizeof *copy);
  if (!m.transposed) {
    split_rows(a, m.ld, rows, depth, copy, low, SPLIT_ROOM);
    return;
  }
  split_rows(a, m.ld, depth, rows, transposed_rows[0], parts > 1 ? transposed_rows[1] : NULL,
             STRIP);
  for (int p = 0; p < parts; p++)
    gt_bf16_transpose(transposed_rows[p], STRIP, depth, rows, copy + p * STRIP * SPLIT_ROOM,
                      SPLIT_ROOM);
}

/* Columns of op(B) from k on, as the panels of each part. */
__attribute__((noinline)) static void
split_columns(gt_matrix b, int parts, int64_t k, int64_t depth, int64_t columns, uint16_t *panels) {
  uint16_t part[2][PANEL * SPLIT_ROOM];
  uint16_t *low = parts > 1 ? part[1] : NULL;
  int64_t end = gt_round_up(depth, GT_BF16_UNIT);
  for (int64_t j = 0; j < columns; j += PANEL, panels += PANEL * end) {
    const float *from = (const float *)b.data + (b.transposed ? j * b.ld + k : k * b.ld + j);
    int64_t width = gt_min(PANEL, columns - j);
    if (b.transposed)
      split_rows(from, b.ld, width, depth, part[0], low, SPLIT_ROOM);
    else
      split_rows(from, b.ld, depth, width, part[0], low, PANEL);
    for (int p = 0; p < parts; p++) {
      uint32_t *to = (uint32_t *)(panels + p * PART);
      if (b.transposed)
        gt_bf16_pack_transposed(part[p], SPLIT_ROOM, depth, width, to);
      else
        gt_bf16_pack(part[p], PANEL, depth, width, to);
    }
  }
}

/* ---- products ---- */

/* Blocks of sums (rows, columns) = or += the strip times the panels. */
static void multiply_strip(strip a, const uint16_t *panels, int64_t depth, float *sums, bool add,
                           int64_t rows, int64_t columns) {
  for (int64_t k = 0; k == 0 || k < depth; k += GT_BF16_PASS) {
    int64_t now = gt_min(depth - k, GT_BF16_PASS);
    float *block = sums;
    for (int64_t j = 0; j < columns; j += PANEL, block += BLOCK) {
      const uint16_t *panel = panels + (j / PANEL * depth + k) * PANEL;
      for (int64_t i = 0; i < rows; i += GT_BF16_ROWS)
        gt_bf16_tile(a.at + i * a.row + k, a.row, panel, now, block + i * PANEL, PANEL,
                     add || k > 0);
    }
  }
}

/* c (n <= PANEL) = or += a row of a block. */
static inline void store_row(const float *sums, int64_t n, bool add, gt_dtype dtype, void *to) {
  float *wide = to;
  if (dtype == GT_BF16) {
    gt_bf16_store_row(to, sums, n, 1, add);
  } else {
    for (int64_t j = 0; j < n; j++) wide[j] = add ? wide[j] + sums[j] : sums[j];
  }
}

/* C (rows, columns) = or += the blocks of sums, rounded. */
static void store(const float *sums, int64_t rows, int64_t columns, bool add, gt_dtype dtype,
                  void *c, int64_t ldc) {
  size_t size = gt_dtype_size(dtype);
  for (int64_t i = 0; i < rows; i++) {
    const float *row = sums + i / STRIP * STRIP * COLUMNS + i % STRIP * PANEL;
    char *to = (char *)c + (size_t)(i * ldc) * size;
    for (int64_t j = 0; j < columns; j += PANEL, row += BLOCK) {
      int64_t n = gt_min(PANEL, columns - j);
      if (n == PANEL) /* loops of a length that the compiler knows */
        store_row(row, PANEL, add, dtype, to + (size_t)j * size);
      else
        store_row(row, n, add, dtype, to + (size_t)j * size);
    }
  }
}

/* Columns of op(B) from k on, as panels. */
static void pack_columns(gt_matrix b, int parts, int64_t k, int64_t depth, int64_t columns,
                         uint16_t *panels) {
  const uint16_t *from = b.data;
  if (parts > 0)
    split_columns(b, parts, k, depth, columns, panels);
  else if (b.transposed)
    gt_bf16_pack_transposed(from + k, b.ld, depth, columns, (uint32_t *)panels);
  else
    gt_bf16_pack(from + k * b.ld, b.ld, depth, columns, (uint32_t *)panels);
}

/* Blocks of sums = or += a strip of `rows` rows of op(A), whose first number is number `at` of A,
 * times the panels. */
static void multiply_rows(gt_matrix a, int parts, int64_t at, int64_t rows, int64_t depth,
                          const uint16_t *panels, bool add, float *sums, int64_t columns) {
  _Alignas(64) uint16_t copy[COPY];
  int64_t end = gt_round_up(depth, GT_BF16_UNIT);
  if (parts == 0) {
    strip s = strip_of((const uint16_t *)a.data + at, a, rows, depth, copy);
    multiply_strip(s, panels, end, sums, add, rows, columns);
    return;
  }
  split_strip((const float *)a.data + at, a, parts, rows, depth, copy);
  strip high = {copy, SPLIT_ROOM}, low = {copy + STRIP * SPLIT_ROOM, SPLIT_ROOM};
  if (parts > 1) { /* the smaller products first */
    multiply_strip(low, panels, end, sums, add, rows, columns);
    multiply_strip(high, panels + PART, end, sums, true, rows, columns);
  }
  multiply_strip(high, panels, end, sums, add || parts > 1, rows, columns);
}

/* C (1, N) = or += a op(B): B is read once, where it lies. */
void gt_gemm_bf16_row(gt_dtype dtype, int64_t N, int64_t K, gt_matrix a, gt_matrix b, bool add,
                      void *c) {
  enum { lanes = 32 };
  const uint16_t *x = a.data, *w = b.data;
  int64_t step = a.transposed ? a.ld : 1;
  float sums[2 * COLUMNS] = {0};
  for (int64_t j = 0; b.transposed && j < N;
       j++, w += b.ld) { /* the numbers of a column in a row */
    float lane[lanes] = {0};
    int64_t k = 0;
    for (; step == 1 && k + lanes <= K; k += lanes)
      for (int i = 0; i < lanes; i++) lane[i] += gt_from_bf16(x[k + i]) * gt_from_bf16(w[k + i]);
    for (; k < K; k++) lane[k % lanes] += gt_from_bf16(x[k * step]) * gt_from_bf16(w[k]);
    for (int i = 0; i < lanes; i++) sums[j] += lane[i];
  }
  for (int64_t k = 0; !b.transposed && k < K; k++, w += b.ld) {
    float factor = gt_from_bf16(x[k * step]);
    for (int64_t j = 0; j < N; j++) sums[j] += factor * gt_from_bf16(w[j]);
  }
  for (int64_t j = 0; j < N; j += PANEL)
    store_row(sums + j, gt_min(PANEL, N - j), add, dtype,
              (char *)c + (size_t)j * gt_dtype_size(dtype));
}

int64_t gt_gemm_bf16_columns(int64_t K, int parts) {
  return parts == 0 && K <= DEPTH / 2 ? 2 * COLUMNS : COLUMNS;
}

void gt_gemm_bf16(gt_dtype dtype, int parts, int64_t M, int64_t N, int64_t K, gt_matrix a,
                  gt_matrix b, bool add, void *c, int64_t ldc) {
  _Alignas(64) uint16_t panels[DEPTH * COLUMNS];
  _Alignas(64) float sums[GROUP * COLUMNS];
  int64_t deepest = parts > 0 ? SPLIT : DEPTH;
  int64_t group = K <= deepest ? STRIP : GROUP; /* then B is packed once, and serves all rows */
  gt_bf16_begin();
  for (int64_t row = 0; row < M; row += group) {
    int64_t rows = gt_min(group, M - row);
    for (int64_t k = 0; k == 0 || k < K; k += deepest) {
      int64_t depth = gt_min(deepest, K - k);
      if (row == 0 || K > deepest) pack_columns(b, parts, k, depth, N, panels);
      for (int64_t i = 0; i < rows; i += STRIP) {
        int64_t at = a.transposed ? k * a.ld + row + i : (row + i) * a.ld + k;
        multiply_rows(a, parts, at, gt_min(STRIP, rows - i), depth, panels, k > 0,
                      sums + i * COLUMNS, N);
      }
    }
    store(sums, rows, N, add, dtype, (char *)c + (size_t)(row * ldc) * gt_dtype_size(dtype), ldc);
  }
  gt_bf16_end();
}

#else

const bool gt_gemm_bf16_is_here = false, gt_gemm_bf16_splits = false;

int64_t gt_gemm_bf16_columns(int64_t K, int parts) {
  (void)K, (void)parts;
  return 0;
}

void gt_gemm_bf16(gt_dtype dtype, int parts, int64_t M, int64_t N, int64_t K, gt_matrix a,
                  gt_matrix b, bool add, void *c, int64_t ldc) {
  (void)dtype, (void)parts, (void)M, (void)N, (void)K, (void)a, (void)b, (void)add, (void)c;
  (void)ldc;
}

void gt_gemm_bf16_row(gt_dtype dtype, int64_t N, int64_t K, gt_matrix a, gt_matrix b, bool add,
                      void *c) {
  (void)dtype, (void)N, (void)K, (void)a, (void)b, (void)add, (void)c;
}

#endif
