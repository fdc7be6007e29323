/* json_text.c: see json_text.h. */
#include "core/data/json_text.h"

void gt_json_string(gt_ctx *cx, gt_text *out, const char *text, size_t n) {
  static const char short_escapes[] = "\bb\tt\nn\ff\rr\"\"\\\\"; /* character, letter */
  gt_text_append(cx, out, "\"", 1);
  for (const char *s = text; s < text + n; s++) {
    int i = 0;
    while (short_escapes[i] && short_escapes[i] != *s) i += 2;
    if (short_escapes[i])
      gt_text_add(cx, out, "\\%c", short_escapes[i + 1]);
    else if ((unsigned char)*s < 0x20)
      gt_text_add(cx, out, "\\u%04x", (unsigned char)*s);
    else
      gt_text_append(cx, out, s, 1);
  }
  gt_text_append(cx, out, "\"", 1);
}
