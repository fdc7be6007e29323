/* dtypes.c: the notebook's table of the dtype of every parameter and buffer. */
#include "core/model/inspect.h"

#include <stdio.h>

enum { NAME_WIDTH = 40, TYPE_WIDTH = 15, RULE_WIDTH = 70 };

static void add_line(gt_ctx *cx, gt_text *out, const char *name, const char *type,
                     const char *dtype) {
  int name_pad = NAME_WIDTH - gt_text_columns(name);
  int type_pad = TYPE_WIDTH - gt_text_columns(type);
  gt_text_add(cx, out, "%s%*s | %s%*s | %s", name, name_pad > 0 ? name_pad : 0, "", type, type_pad,
              "", dtype);
}

static gt_status add_tensor(gt_ctx *cx, const gt_entry *entry, void *data) {
  char dtype[32];
  bool parameter = entry->slot->kind == GT_SLOT_PARAMETER;
  snprintf(dtype, sizeof dtype, "torch.%s", gt_dtype_name(entry->slot->tensor->dtype));
  gt_text_append(cx, data, "\n", 1);
  add_line(cx, data, entry->name, parameter ? "Parameter" : "Buffer", dtype);
  return GT_OK;
}

gt_status gt_dtype_table(gt_ctx *cx, gt_module *m, gt_text *out) {
  add_line(cx, out, "Layer Name", "Type", "Dtype");
  gt_text_append(cx, out, "\n", 1);
  for (int i = 0; i < RULE_WIDTH; i++) gt_text_append(cx, out, "-", 1);
  GT_TRY(gt_each_parameter(cx, m, true, add_tensor, out));
  GT_TRY(gt_each_buffer(cx, m, add_tensor, out));
  return out->failed ? GT_ENOMEM : GT_OK;
}
