/* json_text.h: text as JSON strings, the way Python's json module writes them without escaping what
 * is not ASCII. */
#ifndef GT_JSON_TEXT_H
#define GT_JSON_TEXT_H

#include "core/tensor/text.h"

void gt_json_string(gt_ctx *cx, gt_text *out, const char *text, size_t n);

#endif
