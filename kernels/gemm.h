/* gemm.h: matrix products on the CPU; gemm.c is the only file that sees a BLAS.
 * Row-major.  C (M, N) = alpha * op(A) (M, K) * op(B) (K, N) + beta * C, op = transpose where
 * asked; dtype f32 or f64. Work is cut by shape only: the same bits for any number of threads. */
#ifndef GT_GEMM_H
#define GT_GEMM_H

#include "core/tensor/op.h"

typedef struct gt_matrix {
  const void *data; /* (rows, cols) before the transpose, leading dimension `ld` */
  int64_t ld;
  bool transposed;
} gt_matrix;

/* Splits over the workers. */
void gt_gemm(gt_ctx *cx, gt_dtype dtype, int64_t M, int64_t N, int64_t K, double alpha, gt_matrix a,
             gt_matrix b, double beta, void *c, int64_t ldc);
/* On the calling thread only: for use inside gt_parallel chunks. */
void gt_gemm_local(gt_dtype dtype, int64_t M, int64_t N, int64_t K, double alpha, gt_matrix a,
                   gt_matrix b, double beta, void *c, int64_t ldc);

#endif
