/* gemm.h: matrix products on the CPU.
 * Row-major.  C (M, N) = or += op(A) (M, K) op(B) (K, N), op = transpose where asked; dtype f32 or
 * f64.  Where the CPU multiplies bf16 (bf16.h) A and B may both be bf16, and C f32 or bf16: sums
 * are f32, rounded once.  Each element of C is one sum in the order of k: its bits depend neither
 * on the number of threads nor on the other rows and columns.  Only where C is a single row or
 * column may the sums be made in another order. */
#ifndef GT_GEMM_H
#define GT_GEMM_H

#include "core/tensor/op.h"

typedef struct gt_matrix {
  const void *data; /* (rows, cols) before the transpose, leading dimension `ld` */
  int64_t ld;
  bool transposed;
  bool bf16; /* its numbers; otherwise they have the product's dtype */
} gt_matrix;

/* Splits over the workers; inside a chunk of gt_parallel it runs on the calling thread only. */
void gt_gemm(gt_ctx *cx, gt_dtype dtype, int64_t M, int64_t N, int64_t K, gt_matrix a, gt_matrix b,
             bool add, void *c, int64_t ldc);

/* Inputs 0 and 1 are bf16, and the CPU multiplies that. */
bool gt_gemm_is_bf16(const gt_call *c);

/* C (M, N) = or += A^T B, contiguous, of A (K, M) and B (K, N), which have many rows: the gradient
 * of a weight.  Where that pays each half of the rows is multiplied by itself, by the threads that
 * made those rows, and the two sums are added: still the same bits for any number of threads. */
gt_status gt_gemm_gradient(gt_call *call, gt_dtype dtype, int64_t M, int64_t N, int64_t K,
                           gt_matrix a, gt_matrix b, bool add, void *c);
size_t gt_gemm_gradient_scratch(gt_dtype dtype, int64_t M, int64_t N, int64_t K); /* bytes */

/* Whether this level multiplies bf16 numbers, and whether f32 numbers are multiplied faster as two
 * of them each. */
extern const bool gt_gemm_bf16_is_here, gt_gemm_bf16_splits;

/* A tile of it on the calling thread, C f32 or bf16 (`dtype`), N <= gt_gemm_bf16_columns(K, parts);
 * only where gt_gemm_bf16_is_here.  parts 0: A and B are bf16; 1 or 2: they are f32 and taken as
 * that many bf16 numbers each. */
int64_t gt_gemm_bf16_columns(int64_t K, int parts);
void gt_gemm_bf16(gt_dtype dtype, int parts, int64_t M, int64_t N, int64_t K, gt_matrix a,
                  gt_matrix b, bool add, void *c, int64_t ldc);

/* The same of a product of one row, of bf16 numbers: its sums have an order of their own. */
void gt_gemm_bf16_row(gt_dtype dtype, int64_t N, int64_t K, gt_matrix a, gt_matrix b, bool add,
                      void *c);

#endif
