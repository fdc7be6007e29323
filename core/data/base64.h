/* base64.h: bytes as text in the standard alphabet with padding (RFC 4648, section 4). */
#ifndef GT_BASE64_H
#define GT_BASE64_H

#include "core/tensor/text.h"

void gt_base64_add(gt_ctx *cx, gt_text *out, const char *bytes, size_t n);
/* Decodes text[0..n) into out[0..room); false unless it is exactly what gt_base64_add writes and
 * fits. */
bool gt_base64_decode(const char *text, size_t n, char *out, size_t room, size_t *size);

#endif
