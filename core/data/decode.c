/* decode.c: ids -> text. */
#include "core/data/tokenizer.h"

#include <string.h>

#define UNKNOWN " \xe2\x81\x87 " /* what SentencePiece writes for text that had no token */

/* A SentencePiece token with U+2581 as spaces, without those in front where `bare`. */
static void add_spaced(gt_ctx *cx, const char *piece, size_t n, bool bare, gt_text *out) {
  const size_t mark = strlen(GT_SPACE);
  if (bare && gt_has_space(piece, n)) {
    piece += mark;
    n -= mark;
  }
  while (n) {
    bool space = gt_has_space(piece, n);
    size_t step = space ? mark : 1;
    gt_text_append(cx, out, space ? " " : piece, 1);
    piece += step;
    n -= step;
  }
}

void gt_token_text(gt_ctx *cx, const gt_tokenizer *tok, int id, gt_text *out) {
  const gt_token *t = &tok->vocabulary.tokens[id];
  const char *bytes = gt_token_bytes(&tok->vocabulary, id);
  if (tok->kind == GT_TOKENIZER_SENTENCEPIECE && t->type == GT_TOKEN_TEXT)
    add_spaced(cx, bytes, t->length, false, out);
  else
    gt_text_append(cx, out, bytes, t->length);
}

/* SentencePiece takes the space of the dummy prefix off the first piece that shows, and, where it
 * removes extra white space, off all until something shows. */
static void add_piece(gt_ctx *cx, const gt_tokenizer *tok, int id, bool *bare, gt_text *out) {
  const gt_token *t = &tok->vocabulary.tokens[id];
  const char *bytes = gt_token_bytes(&tok->vocabulary, id);
  size_t before = out->length;
  if (t->type == GT_TOKEN_SPECIAL) return;
  if (t->type == GT_TOKEN_UNKNOWN) gt_text_append(cx, out, UNKNOWN, strlen(UNKNOWN));
  if (t->type == GT_TOKEN_BYTE) gt_text_append(cx, out, bytes, 1);
  if (t->type == GT_TOKEN_TEXT) add_spaced(cx, bytes, t->length, *bare, out);
  if (out->length > before || !tok->strip_all) *bare = false;
}

gt_status gt_tokenizer_decode(gt_ctx *cx, const gt_tokenizer *tok, const int64_t *ids,
                              int64_t count, gt_text *out) {
  bool bare = tok->strip_one || tok->strip_all;
  for (int64_t i = 0; i < count; i++) {
    if (!gt_vocabulary_has(&tok->vocabulary, ids[i]))
      return gt_fail(cx, GT_EINDEX, "decode: id %lld is not in the vocabulary (0 … %d)",
                     (long long)ids[i], tok->vocabulary.size - 1);
    if (tok->kind == GT_TOKENIZER_SENTENCEPIECE)
      add_piece(cx, tok, (int)ids[i], &bare, out);
    else
      gt_token_text(cx, tok, (int)ids[i], out);
    if ((i & 0xffff) == 0) GT_TRY(gt_poll(cx));
  }
  return out->failed ? GT_ENOMEM : GT_OK;
}
