/* loss.c: see loss.h. */
#include "kernels/op/loss.h"

#include "kernels/op/indices.h"

gt_status gt_ce_infer(gt_call *c, int targets, int64_t rows, gt_dtype dtype) {
  const gt_spec *t = &c->in_spec[targets];
  const char *name = c->op->name;
  char text[GT_SHAPE_TEXT];
  GT_TRY(gt_index_check(c, targets));
  if (t->ndim != 1 || t->shape[0] != rows)
    return gt_fail(c->cx, GT_ESHAPE, "%s: expected targets (%lld), one per row, got %s", name,
                   (long long)rows, gt_shape_text(t, text));
  double cap = c->attr[GT_CE_SOFTCAP].f;
  if (!(cap >= 0 && cap <= 1e30))
    return gt_fail(c->cx, GT_EARG, "%s: expected a positive softcap, or 0 for none, got %g", name,
                   cap);
  bool each = c->attr[GT_CE_REDUCTION].i == GT_CE_NONE;
  GT_TRY(gt_out_spec(c, 0, dtype, each ? 1 : 0, &rows));
  return gt_out_spec(c, 1, c->dtype, 2, (int64_t[]){2, rows});
}
