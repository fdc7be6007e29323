/* gemm.c: matrix products on the CPU, C = alpha * op(A) * op(B) + beta * C, row-major.
 *
 * The only file that sees a BLAS.  The BLAS runs single-threaded; the split over our own workers is
 * a grid of tiles of C that depends on (M, N) only, so the bits do not depend on the number of
 * threads.  K is never split over workers: each element of C is one sequential sum. */
#include "kernels/gemm.h"

#include "core/tensor/pool.h"

#include <cblas.h>

enum {
  TILE_MOST = 1024,       /* rows and columns of a tile of C */
  SERIAL_WORK = 64 << 10, /* multiply-adds below which waking the workers costs more */
  K_MOST = 1 << 30,       /* BLAS counts are ints */
};

typedef struct product {
  gt_dtype dtype;
  int64_t M, N, K;
  double alpha, beta;
  gt_matrix a, b;
  char *c;
  int64_t ldc;
  int64_t tile_rows, tile_columns;
} product;

/* The OpenMP build of OpenBLAS takes its thread count from the calling thread's OpenMP settings,
 * and the setter also resizes buffers that all threads share.  The call below, made while the
 * program still has one thread, does that resizing once; later calls only set the caller's count.
 */
__attribute__((constructor)) static void blas_single_threaded(void) { openblas_set_num_threads(1); }

static const char *element(gt_dtype dtype, gt_matrix m, int64_t row, int64_t column) {
  int64_t index = m.transposed ? column * m.ld + row : row * m.ld + column;
  return (const char *)m.data + index * (int64_t)gt_dtype_size(dtype);
}

/* One call of the BLAS.  A matrix that is a single vector may come with any ld; BLAS wants ld >=
 * columns. */
static void blas(gt_dtype dtype, int M, int N, int K, double alpha, gt_matrix a, gt_matrix b,
                 double beta, void *c, int64_t ldc) {
  int a_columns = a.transposed ? M : K;
  int b_columns = b.transposed ? K : N;
  int lda = a.ld > a_columns ? (int)a.ld : a_columns;
  int ldb = b.ld > b_columns ? (int)b.ld : b_columns;
  int ldc_ = ldc > N ? (int)ldc : N;
  CBLAS_TRANSPOSE a_op = a.transposed ? CblasTrans : CblasNoTrans;
  CBLAS_TRANSPOSE b_op = b.transposed ? CblasTrans : CblasNoTrans;
  if (dtype == GT_F64)
    cblas_dgemm(CblasRowMajor, a_op, b_op, M, N, K, alpha, a.data, lda, b.data, ldb, beta, c, ldc_);
  else
    cblas_sgemm(CblasRowMajor, a_op, b_op, M, N, K, (float)alpha, a.data, lda, b.data, ldb,
                (float)beta, c, ldc_);
}

/* y = alpha * op(matrix) x + beta * y with matrix (rows, cols) before the transpose. */
static void blas_vector(gt_dtype dtype, gt_matrix matrix, int rows, int columns, double alpha,
                        const void *x, int64_t x_step, double beta, void *y, int64_t y_step) {
  int ld = matrix.ld > columns ? (int)matrix.ld : columns;
  CBLAS_TRANSPOSE op = matrix.transposed ? CblasTrans : CblasNoTrans;
  if (dtype == GT_F64)
    cblas_dgemv(CblasRowMajor, op, rows, columns, alpha, matrix.data, ld, x, (int)x_step, beta, y,
                (int)y_step);
  else
    cblas_sgemv(CblasRowMajor, op, rows, columns, (float)alpha, matrix.data, ld, x, (int)x_step,
                (float)beta, y, (int)y_step);
}

void gt_gemm_local(gt_dtype dtype, int64_t M, int64_t N, int64_t K, double alpha, gt_matrix a,
                   gt_matrix b, double beta, void *c, int64_t ldc) {
  if (M == 0 || N == 0) return;
  openblas_set_num_threads(1);
  for (int64_t k = 0; k == 0 || k < K; k += K_MOST) {
    int64_t length = K - k < K_MOST ? K - k : K_MOST;
    gt_matrix a_part = {element(dtype, a, 0, k), a.ld, a.transposed};
    gt_matrix b_part = {element(dtype, b, k, 0), b.ld, b.transposed};
    double keep = k ? 1.0 : beta;
    if (M == 1 && length > 0) {
      gt_matrix bt = {b_part.data, b_part.ld, !b_part.transposed}; /* c^T = op(B)^T a^T */
      blas_vector(dtype, bt, (int)(b.transposed ? N : length), (int)(b.transposed ? length : N),
                  alpha, a_part.data, a.transposed ? a.ld : 1, keep, c, 1);
    } else if (N == 1 && length > 0) {
      blas_vector(dtype, a_part, (int)(a.transposed ? length : M), (int)(a.transposed ? M : length),
                  alpha, b_part.data, b.transposed ? 1 : b.ld, keep, c, ldc);
    } else {
      blas(dtype, (int)M, (int)N, (int)length, alpha, a_part, b_part, keep, c, ldc);
    }
  }
}

static void run_tile(void *argument, int64_t begin, int64_t end) {
  const product *p = argument;
  int64_t across = (p->N + p->tile_columns - 1) / p->tile_columns;
  for (int64_t tile = begin; tile < end; tile++) {
    int64_t row = tile / across * p->tile_rows;
    int64_t column = tile % across * p->tile_columns;
    int64_t rows = p->M - row < p->tile_rows ? p->M - row : p->tile_rows;
    int64_t columns = p->N - column < p->tile_columns ? p->N - column : p->tile_columns;
    gt_matrix a = {element(p->dtype, p->a, row, 0), p->a.ld, p->a.transposed};
    gt_matrix b = {element(p->dtype, p->b, 0, column), p->b.ld, p->b.transposed};
    char *c = p->c + (row * p->ldc + column) * (int64_t)gt_dtype_size(p->dtype);
    gt_gemm_local(p->dtype, rows, columns, p->K, p->alpha, a, b, p->beta, c, p->ldc);
  }
}

/* Halves the longer side of the tile until there are `wanted` tiles or it would fall below `least`.
 */
static void cut(product *p, int64_t wanted, int64_t least) {
  for (;;) {
    int64_t down = (p->M + p->tile_rows - 1) / p->tile_rows;
    int64_t across = (p->N + p->tile_columns - 1) / p->tile_columns;
    int64_t *longer = p->tile_rows >= p->tile_columns ? &p->tile_rows : &p->tile_columns;
    if (down * across >= wanted || *longer < 2 * least) return;
    *longer = (*longer / 2 + 15) / 16 * 16;
  }
}

/* The largest equal parts of n that are at most TILE_MOST, in multiples of the BLAS's inner tile.
 */
static int64_t part(int64_t n) {
  int64_t parts = (n + TILE_MOST - 1) / TILE_MOST;
  return ((n + parts - 1) / parts + 15) / 16 * 16;
}

void gt_gemm(gt_ctx *cx, gt_dtype dtype, int64_t M, int64_t N, int64_t K, double alpha, gt_matrix a,
             gt_matrix b, double beta, void *c, int64_t ldc) {
  if (M == 0 || N == 0) return;
  if (M * N * K <= SERIAL_WORK) {
    gt_gemm_local(dtype, M, N, K, alpha, a, b, beta, c, ldc);
    return;
  }
  product p = {dtype, M, N, K, alpha, beta, a, b, c, ldc, part(M), part(N)};
  cut(&p, 8, 256); /* several threads find work ... */
  cut(&p, 4, 128); /* ... down to where packing the operands inside the BLAS costs too much */
  int64_t tiles = (M + p.tile_rows - 1) / p.tile_rows * ((N + p.tile_columns - 1) / p.tile_columns);
  gt_parallel(cx, tiles, 1, run_tile, &p);
}
