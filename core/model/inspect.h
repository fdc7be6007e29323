/* inspect.h: summary tables (torchinfo's layout, right counts by default) and dtype tables of any
 * module tree. */
#ifndef GT_INSPECT_H
#define GT_INSPECT_H

#include "core/model/module.h"

typedef struct gt_summary_options {
  bool compat; /* "torchinfo-1.8.0": its counting, byte for byte */
  int depth;   /* rows deeper than this are folded; default 3 */
} gt_summary_options;

typedef struct gt_summary {
  gt_text text;
  int64_t total_params, trainable_params, tied_params, mult_adds;
  int64_t input_bytes, output_bytes, param_bytes;
} gt_summary;

/* Runs one forward on `args` (meta tensors; parameters are shadowed on meta: no memory, no compute)
 * and writes the table, without a newline at its end.  The model is as before whatever happens. */
gt_status gt_summary_make(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                          const gt_summary_options *options, gt_summary *out);
void gt_summary_free(gt_summary *summary);

/* "Layer Name | Type | Dtype" with 70 dashes, one line per parameter and buffer; no newline at the
 * end. */
gt_status gt_dtype_table(gt_ctx *cx, gt_module *m, gt_text *out);

#endif
