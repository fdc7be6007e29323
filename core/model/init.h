/* init.h: the initializers of one tensor.  fan_in = shape[1], fan_out = shape[0] of a matrix. */
#ifndef GT_INIT_H
#define GT_INIT_H

#include "core/tensor/tensor.h"

typedef enum gt_initializer {
  GT_INIT_ZEROS,
  GT_INIT_ONES,
  GT_INIT_NORMAL,
  GT_INIT_UNIFORM,
  GT_INIT_TRUNC_NORMAL,
  GT_INIT_XAVIER_UNIFORM,
  GT_INIT_XAVIER_NORMAL,
  GT_INIT_KAIMING_UNIFORM,
  GT_INIT_KAIMING_NORMAL,
  GT_INIT_ORTHOGONAL,
  GT_INIT_SPECTRAL
} gt_initializer;

/* a, b: mean, std | low, high | gain | slope, by kind; see its row in init.c.  In place,
 * not recorded. */
gt_status gt_init(gt_ctx *cx, gt_tensor *t, gt_initializer kind, double a, double b);

/* The values of a and b that PyTorch's function of that name takes when none are given. */
void gt_init_defaults(gt_initializer kind, double *a, double *b);

/* Name ("normal_") to kind, -1 if unknown; list for "did you mean". */
int gt_init_find(const char *name);
const char *gt_init_name(int kind); /* NULL past the end */

#endif
