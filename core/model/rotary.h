/* rotary.h: the tables of rotary position embeddings. */
#ifndef GT_ROTARY_H
#define GT_ROTARY_H

#include "core/tensor/frame.h"

/* out: cos and sin (1, sequence, 1, head_dim/2), computed in f32 and rounded to bf16. */
void gt_rotary_tables(gt_frame *f, int64_t sequence, int64_t head_dim, double base,
                      const gt_backend *device, gt_tensor *out[2]);

#endif
