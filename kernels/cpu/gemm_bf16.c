/* gemm_bf16.c: a tile of gemm.c's C where A and B are bf16, which bf16.h multiplies in pairs, twice
 * as fast as f32.  Sums are f32, in the order of k, a pair at a time.
 *
 * A pair is k (low half) and k + 1; where K is odd the last one is filled up with zero.  As in
 * gemm.c, for every DEPTH of K the columns of B become panels that stay in the second-level cache,
 * and STRIP rows of A at a time are multiplied with all of them, where they lie if they can be.
 * When C is bf16 the sums of a group of its rows have a block of their own until they are whole. */
#include "kernels/cpu/bf16.h"
#include "kernels/cpu/gemm.h"

#if GT_BF16_PRODUCTS

#include "kernels/cpu/functions.h"

enum {
  DEPTH = 1024,
  PAIRS = DEPTH / 2,
  PANEL = GT_BF16_COLUMNS,
  COLUMNS = GT_GEMM_BF16_COLUMNS,
  STRIP = 32,
  GROUP = 256, /* rows of C whose sums wait for more than one DEPTH */
  LANES = 16,  /* of pairs in a vector */
};

/* Rows of A as gt_bf16_tile reads them. */
typedef struct strip {
  const uint16_t *at;
  int64_t row, k; /* strides in elements from row to row, from pair to pair */
} strip;

/* `rows` rows of A (or columns of the matrix it is the transpose of): where they lie, or a copy
 * filled up with zeros. */
static strip strip_of(const uint16_t *a, gt_matrix m, int64_t rows, int64_t depth,
                      uint32_t *copy /* (STRIP, PAIRS) */) {
  int64_t pairs = (depth + 1) / 2;
  if (m.transposed) {
    for (int64_t k = 0; k < depth; k += 2)
      gt_bf16_pair_rows(a + k * m.ld, k + 1 < depth ? a + (k + 1) * m.ld : NULL, rows, STRIP,
                        copy + k / 2 * STRIP);
    return (strip){(const uint16_t *)copy, 2, 2 * STRIP};
  }
  if (rows % GT_BF16_ROWS == 0 && depth % 2 == 0) return (strip){a, m.ld, 2};
  for (int64_t i = 0; i < rows; i++) gt_bf16_pair_along(a + i * m.ld, depth, copy + i * pairs);
  memset(copy + rows * pairs, 0, (size_t)((STRIP - rows) * pairs) * sizeof *copy);
  return (strip){(const uint16_t *)copy, 2 * pairs, 2};
}

/* A tile that reaches over the edge of C, by way of one that does not. */
static void edge_tile(strip a, const uint16_t *panel, int64_t pairs, float *c, int64_t ldc,
                      bool add, int64_t rows, int64_t columns) {
  float whole[GT_BF16_ROWS * PANEL] = {0};
  size_t bytes = (size_t)columns * sizeof *c;
  for (int64_t i = 0; add && i < rows; i++) memcpy(whole + i * PANEL, c + i * ldc, bytes);
  gt_bf16_tile(a.at, a.row, a.k, panel, 2 * pairs, whole, PANEL, add);
  for (int64_t i = 0; i < rows; i++) memcpy(c + i * ldc, whole + i * PANEL, bytes);
}

/* c (rows, columns) = or += the strip times the panels. */
static void multiply_strip(strip a, const uint32_t *panels, int64_t pairs, float *c, int64_t ldc,
                           bool add, int64_t rows, int64_t columns) {
  for (int64_t j = 0; j < columns; j += PANEL, panels += PANEL * pairs) {
    for (int64_t i = 0; i < rows; i += GT_BF16_ROWS) {
      strip part = {a.at + i * a.row, a.row, a.k};
      const uint16_t *panel = (const uint16_t *)panels;
      float *to = c + i * ldc + j;
      if (rows - i >= GT_BF16_ROWS && columns - j >= PANEL)
        gt_bf16_tile(part.at, part.row, part.k, panel, 2 * pairs, to, ldc, add);
      else
        edge_tile(part, panel, pairs, to, ldc, add, gt_min(rows - i, GT_BF16_ROWS),
                  gt_min(columns - j, PANEL));
    }
  }
}

/* C (rows, columns) = or += the sums (rows, COLUMNS), rounded. */
static void round_sums(const float *sums, int64_t rows, int64_t columns, bool add, uint16_t *c,
                       int64_t ldc) {
  for (int64_t i = 0; i < rows; i++, sums += COLUMNS, c += ldc) {
    int64_t j = 0;
    for (; j + LANES <= columns; j += LANES) {
      __m512 x = _mm512_loadu_ps(sums + j);
      gt_bf16_store(c + j, add ? _mm512_add_ps(gt_bf16_widen(c + j), x) : x);
    }
    for (; j < columns; j++) c[j] = gt_to_bf16(add ? gt_from_bf16(c[j]) + sums[j] : sums[j]);
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

/* c (rows, columns) = or += rows of op(A) from `row` on, k to k + depth, times the panels. */
static void multiply_rows(gt_matrix a, int64_t row, int64_t rows, int64_t k, int64_t depth,
                          const uint32_t *panels, bool add, float *c, int64_t ldc,
                          int64_t columns) {
  _Alignas(64) uint32_t copy[STRIP * PAIRS];
  for (int64_t i = 0; i < rows; i += STRIP) {
    const uint16_t *from = a.data;
    from += a.transposed ? k * a.ld + row + i : (row + i) * a.ld + k;
    int64_t now = gt_min(STRIP, rows - i);
    multiply_strip(strip_of(from, a, now, depth, copy), panels, (depth + 1) / 2, c + i * ldc, ldc,
                   add, now, columns);
  }
}

static void multiply_to_f32(int64_t M, int64_t N, int64_t K, gt_matrix a, gt_matrix b, bool add,
                            float *c, int64_t ldc) {
  _Alignas(64) uint32_t panels[PAIRS * COLUMNS];
  for (int64_t k = 0; k == 0 || k < K; k += DEPTH) {
    int64_t depth = gt_min(DEPTH, K - k);
    pack_columns(b, k, depth, N, panels);
    multiply_rows(a, 0, M, k, depth, panels, add || k > 0, c, ldc, N);
  }
}

static void multiply_to_bf16(int64_t M, int64_t N, int64_t K, gt_matrix a, gt_matrix b, bool add,
                             uint16_t *c, int64_t ldc) {
  _Alignas(64) uint32_t panels[PAIRS * COLUMNS];
  _Alignas(64) float sums[GROUP * COLUMNS];
  int64_t group = K <= DEPTH ? STRIP : GROUP; /* one DEPTH is packed once, then serves all rows */
  for (int64_t row = 0; row < M; row += group) {
    int64_t rows = gt_min(group, M - row);
    for (int64_t k = 0; k == 0 || k < K; k += DEPTH) {
      int64_t depth = gt_min(DEPTH, K - k);
      if (row == 0 || K > DEPTH) pack_columns(b, k, depth, N, panels);
      multiply_rows(a, row, rows, k, depth, panels, k > 0, sums, COLUMNS, N);
    }
    round_sums(sums, rows, N, add, c + row * ldc, ldc);
  }
}

void gt_gemm_bf16(gt_dtype dtype, int64_t M, int64_t N, int64_t K, gt_matrix a, gt_matrix b,
                  bool add, void *c, int64_t ldc) {
  if (dtype == GT_BF16)
    multiply_to_bf16(M, N, K, a, b, add, c, ldc);
  else
    multiply_to_f32(M, N, K, a, b, add, c, ldc);
}

#endif
