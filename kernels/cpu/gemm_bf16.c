/* gemm_bf16.c: a tile of gemm.c's C where A and B are bf16, by the products of bf16.h.  Sums are
 * f32, in the order of k.
 *
 * As in gemm.c, for every DEPTH of K the columns of B become panels that stay in the second-level
 * cache, and STRIP rows of A at a time, copied or as they lie, are multiplied with all of them,
 * GT_BF16_PASS of k at a time: then the strip stays in the first-level cache.  The sums of a group
 * of C's rows are kept in blocks (STRIP, PANEL) until they are whole, and rounded once. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/gemm.h"

#if GT_BF16_PRODUCTS

enum {
  DEPTH = 1024,
  PANEL = GT_BF16_COLUMNS,
  COLUMNS = 256, /* of a tile of C where K > DEPTH / 2; else twice as many */
  STRIP = 32,
  BLOCK = STRIP * PANEL, /* numbers of a block of sums */
  GROUP = 256,           /* rows of C whose sums wait for more than one DEPTH */
  ROOM = DEPTH + 32,     /* of a row of a copied strip: rows are not to share sets of the cache */
};

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
static void pack_columns(gt_matrix b, int64_t k, int64_t depth, int64_t columns, uint32_t *panels) {
  const uint16_t *from = b.data;
  if (b.transposed)
    gt_bf16_pack_transposed(from + k, b.ld, depth, columns, panels);
  else
    gt_bf16_pack(from + k * b.ld, b.ld, depth, columns, panels);
}

/* Blocks of sums = or += rows of op(A) from `row` on, k to k + depth, times the panels. */
static void multiply_rows(gt_matrix a, int64_t row, int64_t rows, int64_t k, int64_t depth,
                          const uint16_t *panels, bool add, float *sums, int64_t columns) {
  _Alignas(64) uint16_t copy[STRIP * ROOM];
  for (int64_t i = 0; i < rows; i += STRIP, sums += STRIP * COLUMNS) {
    const uint16_t *from = a.data;
    from += a.transposed ? k * a.ld + row + i : (row + i) * a.ld + k;
    int64_t now = gt_min(STRIP, rows - i);
    strip s = strip_of(from, a, now, depth, copy);
    multiply_strip(s, panels, gt_round_up(depth, GT_BF16_UNIT), sums, add, now, columns);
  }
}

/* C (1, N) = or += a op(B): B is read once, where it lies. */
static void multiply_row(gt_dtype dtype, int64_t N, int64_t K, gt_matrix a, gt_matrix b, bool add,
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

int64_t gt_gemm_bf16_columns(int64_t K) { return K <= DEPTH / 2 ? 2 * COLUMNS : COLUMNS; }

void gt_gemm_bf16(gt_dtype dtype, int64_t M, int64_t N, int64_t K, gt_matrix a, gt_matrix b,
                  bool add, void *c, int64_t ldc) {
  _Alignas(64) uint32_t panels[DEPTH / 2 * COLUMNS];
  _Alignas(64) float sums[GROUP * COLUMNS];
  if (M == 1) {
    multiply_row(dtype, N, K, a, b, add, c);
    return;
  }
  int64_t group = K <= DEPTH ? STRIP : GROUP; /* one DEPTH is packed once, then serves all rows */
  gt_bf16_begin();
  for (int64_t row = 0; row < M; row += group) {
    int64_t rows = gt_min(group, M - row);
    for (int64_t k = 0; k == 0 || k < K; k += DEPTH) {
      int64_t depth = gt_min(DEPTH, K - k);
      if (row == 0 || K > DEPTH) pack_columns(b, k, depth, N, panels);
      multiply_rows(a, row, rows, k, depth, (const uint16_t *)panels, k > 0, sums, N);
    }
    store(sums, rows, N, add, dtype, (char *)c + (size_t)(row * ldc) * gt_dtype_size(dtype), ldc);
  }
  gt_bf16_end();
}

#endif
