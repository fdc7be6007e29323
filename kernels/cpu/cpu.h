/* cpu.h: what CPU kernels share: the elementwise driver.  Reductions are in reduce.h. */
#ifndef GT_CPU_H
#define GT_CPU_H

#include "core/tensor/op.h"
#include "core/tensor/pool.h"
#include "kernels/cpu/functions.h"
#include "kernels/op/arithmetic.h"

#define GT_MAP_INPUTS 4
#define GT_MAP_GRAIN 8192 /* elements per parallel chunk of an elementwise op */

/* The loop of an elementwise op: out[i] = f(in[0][i], in[1][i], ...) for i < n.  Everything is
 * contiguous; `out` may be the same memory as in[0], so loops say GT_IVDEP: iterations are
 * independent. */
typedef void (*gt_loop)(int64_t n, const void *const *in, void *out, const gt_value *attr);

#define GT_IVDEP _Pragma("GCC ivdep")

/* Runs `loop` over output 0.  The inputs (at most GT_MAP_INPUTS) may have any strides and any shape
 * that broadcasts to the output's; those that are not laid out like the output are gathered, and
 * numeric ones of another dtype converted, block by block into a buffer in the first-level cache.
 */
gt_status gt_cpu_map(gt_call *c, gt_loop loop);

/* The same for a comparison of two inputs, which are first rounded to their common dtype. */
gt_status gt_cpu_compare(gt_call *c, gt_loop loop);

/* The same for the gradient of input 0 from that input (from output 0 where the op saves no input)
 * and output 0's gradient; loop_added takes as a third input what the gradient is added to. */
gt_status gt_cpu_map_gradient(gt_call *c, gt_loop loop, gt_loop loop_added);

/* True when an i64 tensor, contiguous, has a zero in it. */
bool gt_cpu_any_zero(const gt_tensor *t);

#endif
