/* spectral.h: spectral learning rates (arXiv 2310.17813): multiplier = scale * fan_out / fan_in per
 * weight; of a mapping or a live model. */
#ifndef GT_SPECTRAL_H
#define GT_SPECTRAL_H

#include "core/model/module.h"

typedef struct gt_spectral_row {
  char *name;
  int64_t fan_in, fan_out;
  double multiplier, lr;
} gt_spectral_row;

typedef struct gt_spectral_table {
  gt_spectral_row *rows;
  int count;
} gt_spectral_table;

gt_status gt_spectral_row_make(gt_ctx *cx, const char *name, int64_t fan_in, int64_t fan_out,
                               double lr, double scale, gt_spectral_row *out);
/* Matrices of shape (out, in) have fans (in, out); embeddings fans (1, dim), because a lookup picks
 * one row; biases (fan_in of their weight, 1), as the notebook writes them; other vectors (n, 1).
 * Every name is listed, so a tied table appears in both its roles. */
gt_status gt_spectral_model(gt_ctx *cx, gt_module *m, double lr, double scale,
                            gt_spectral_table *out);
gt_status gt_spectral_text(gt_ctx *cx, const gt_spectral_table *table,
                           gt_text *out); /* aligned columns */
void gt_spectral_free(gt_spectral_table *table);

#endif
