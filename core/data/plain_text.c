/* plain_text.c: see plain_text.h. */
#include "core/data/plain_text.h"

#include "core/data/utf8.h"
#include "core/data/what.h"

#include <string.h>

#define SIZE_MOST ((uint64_t)1 << 34) /* bytes; more than that is for shards */
#define PIECE ((size_t)1 << 20)       /* bytes between two looks at the interrupt flag */

static gt_status bad(gt_ctx *cx, const char *name, size_t offset, const char *reason) {
  return gt_fail(cx, GT_EFORMAT, "%s: offset %zu: %s", name, offset, reason);
}

static gt_status bad_nul(gt_ctx *cx, const char *name, size_t offset) {
  return bad(cx, name, offset, "a NUL byte: this is not text");
}

gt_status gt_text_check(gt_ctx *cx, const char *name, const char *text, size_t size) {
  size_t next_poll = PIECE;
  if (size == 0) return gt_fail(cx, GT_EFORMAT, "%s: no text: it is empty", name);
  const char *nul = memchr(text, 0, size);
  if (nul) return bad_nul(cx, name, (size_t)(nul - text));
  for (size_t i = 0, n; i < size; i += n) {
    if (i >= next_poll) {
      GT_TRY(gt_poll(cx));
      next_poll = i + PIECE;
    }
    n = gt_utf8_length(text + i, size - i);
    if (!n) return bad(cx, name, i, "invalid UTF-8; {utf8 = false} takes the bytes as they are");
  }
  return GT_OK;
}

gt_status gt_text_check_head(gt_ctx *cx, const char *path, bool checked) {
  char head[4096];
  gt_file file;
  GT_TRY(gt_file_open(cx, path, &file));
  size_t n = file.size < sizeof head ? (size_t)file.size : sizeof head;
  gt_status status = gt_file_read(cx, &file, 0, head, n);
  gt_file_close(&file);
  if (status) return status;
  const char *what = gt_what(head, n), *nul = memchr(head, 0, n);
  bool text = gt_utf8_span(head, n) + 4 > n; /* the last character may be cut */
  if (what && (gt_is_lfs_pointer(head, n) || (checked && (nul || !text))))
    return gt_fail(cx, GT_EFORMAT, "%s: expected text, got %s", path, what);
  return checked && nul ? bad_nul(cx, path, (size_t)(nul - head)) : GT_OK;
}

gt_status gt_text_read(gt_ctx *cx, const char *path, bool checked, char **text, size_t *size) {
  char *bytes;
  size_t n;
  GT_TRY(gt_text_check_head(cx, path, checked));
  GT_TRY(gt_file_read_all(cx, path, SIZE_MOST, &bytes, &n));
  gt_status status = GT_OK;
  if (checked || n == 0) status = gt_text_check(cx, path, bytes, n);
  if (status) {
    gt_free(bytes);
    return status;
  }
  *text = bytes;
  *size = n;
  return GT_OK;
}

gt_status gt_text_begins(gt_ctx *cx, const char *path, bool *out) {
  char head[4096];
  gt_file file;
  GT_TRY(gt_file_open(cx, path, &file));
  size_t n = file.size < sizeof head ? (size_t)file.size : sizeof head, i = 0, length = 1;
  gt_status status = gt_file_read(cx, &file, 0, head, n);
  bool all = n == file.size;
  gt_file_close(&file);
  if (status) return status;
  for (; i < n && head[i] && length; i += length) length = gt_utf8_length(head + i, n - i);
  *out = i >= n || (!all && i + 4 > n && head[i]); /* the last character may be cut */
  return GT_OK;
}

gt_status gt_tokens_append_text(gt_ctx *cx, gt_tokens *t, const gt_tokenizer *tok, const char *text,
                                size_t size) {
  const int32_t mark = tok->bos < 0 ? tok->eos : tok->bos;
  gt_ids ids = {0};
  if (mark >= 0) GT_TRY(gt_tokens_append(cx, t, &mark, 1));
  if (tok->kind == GT_TOKENIZER_BYTES)
    return gt_tokens_append_bytes(cx, t, (const unsigned char *)text, (int64_t)size);
  gt_status status = gt_tokenizer_encode(cx, tok, text, size, false, &ids);
  if (status == GT_OK) status = gt_tokens_append(cx, t, ids.data, ids.count);
  gt_ids_free(&ids);
  return status;
}
