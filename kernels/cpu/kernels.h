/* kernels.h: the CPU kernels that have a file of their own, kernels/cpu/NAME.c: those of more than
 * 120 lines.  kernels/op/NAME.c says what the op is: descriptor, attributes, shape and gradient
 * rules; shorter kernels stay there, too. */
#ifndef GT_KERNELS_H
#define GT_KERNELS_H

#include "core/tensor/op.h"

gt_status gt_cpu_attention_forward(gt_call *c);
gt_status gt_cpu_attention_backward(gt_call *c);
bool gt_cpu_attention_is_bf16(const gt_call *c); /* it multiplies the bf16 numbers as they are */
size_t gt_cpu_attention_scratch(const gt_call *c, bool backward);

gt_status gt_cpu_layer_norm_forward(gt_call *c);
gt_status gt_cpu_layer_norm_backward(gt_call *c);

gt_status gt_cpu_linear_cross_entropy_forward(gt_call *c);
gt_status gt_cpu_linear_cross_entropy_backward(gt_call *c);
size_t gt_cpu_linear_cross_entropy_scratch(const gt_call *c, bool backward);

gt_status gt_cpu_matmul_forward(gt_call *c);

gt_status gt_cpu_newton_schulz_forward(gt_call *c);
size_t gt_cpu_newton_schulz_scratch(const gt_call *c, bool backward);

gt_status gt_cpu_rope_forward(gt_call *c);
gt_status gt_cpu_rope_backward(gt_call *c);

#endif
