/* backend.h: the parts of the CPU's backend other than its kernels. */
#ifndef GT_CPU_BACKEND_H
#define GT_CPU_BACKEND_H

#include "core/tensor/backend.h"

extern const gt_backend gt_backend_cpu;

gt_status gt_cpu_strided_copy(gt_ctx *cx, const gt_backend *backend, const gt_copying *copying);
gt_status gt_cpu_fill(gt_ctx *cx, const gt_backend *backend, void *to, gt_dtype dtype, int64_t n,
                      const gt_filling *filling);

#endif
