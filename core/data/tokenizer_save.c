/* tokenizer_save.c: writing tokenizers. */
#include "core/data/tokenizer_file.h"

#include "core/data/atomic.h"
#include "core/data/base64.h"
#include "core/data/json_text.h"
#include "core/data/utf8.h"

#include <stdlib.h>
#include <string.h>

static int by_rank(const void *left, const void *right) {
  const gt_merge *a = left, *b = right;
  return (a->rank > b->rank) - (a->rank < b->rank);
}

/* The merges in the order of their ranks; the caller frees them. */
static gt_status sorted_merges(gt_ctx *cx, const gt_tokenizer *tok, gt_merge **out) {
  const gt_merges *m = &tok->merges;
  gt_merge *list = gt_calloc(cx, m->count + 1, sizeof *list);
  if (!list) return GT_ENOMEM;
  uint32_t n = 0;
  for (uint32_t i = 0; i < m->slot_count; i++)
    if (m->slots[i].left >= 0) list[n++] = m->slots[i];
  qsort(list, n, sizeof *list, by_rank);
  *out = list;
  return GT_OK;
}

/* ---- gptsh ---- */

static void add_mark(gt_ctx *cx, gt_text *out, const char *key, int id) {
  gt_text_add(cx, out, id < 0 ? ",\n\"%s\": null" : ",\n\"%s\": %d", key, id);
}

static gt_status add_merges(gt_ctx *cx, const gt_tokenizer *tok, gt_text *out) {
  gt_merge *merges = NULL;
  if (tok->ranked) {
    gt_text_add(cx, out, ",\n\"merges\": \"ranks\"");
    return GT_OK;
  }
  GT_TRY(sorted_merges(cx, tok, &merges));
  gt_text_add(cx, out, ",\n\"merges\": [");
  for (uint32_t i = 0; i < tok->merges.count; i++)
    gt_text_add(cx, out, "%s\n[%d, %d, %d]", i ? "," : "", merges[i].left, merges[i].right,
                merges[i].id);
  gt_text_add(cx, out, "]");
  gt_free(merges);
  return GT_OK;
}

static gt_status write_own(gt_ctx *cx, const gt_tokenizer *tok, gt_text *out) {
  const gt_vocabulary *v = &tok->vocabulary;
  gt_text_add(cx, out, "{\"format\": \"gptsh tokenizer\",\n\"version\": 1,\n\"kind\": \"%s\"",
              gt_tokenizer_kind_name(tok->kind));
  if (tok->split) {
    const char *pattern = gt_split_pattern(tok->split), *name = gt_split_name(pattern);
    if (name) pattern = name;
    gt_text_add(cx, out, ",\n\"pattern\": ");
    gt_json_string(cx, out, pattern, strlen(pattern));
  }
  add_mark(cx, out, "bos", tok->bos);
  add_mark(cx, out, "eos", tok->eos);
  gt_text_add(cx, out, ",\n\"specials\": {");
  for (int i = 0; i < tok->special_count; i++) {
    int id = tok->specials[i];
    const char *name = gt_token_bytes(v, id);
    size_t n = v->tokens[id].length;
    if (gt_utf8_span(name, n) < n)
      return gt_fail(cx, GT_EARG, "save: special token %d is not UTF-8", id);
    if (i) gt_text_add(cx, out, ", ");
    gt_json_string(cx, out, name, n);
    gt_text_add(cx, out, ": %d", id);
  }
  gt_text_add(cx, out, "},\n\"tokens\": [");
  for (int id = 0; id < v->size; id++) {
    gt_text_add(cx, out, id ? ",\n" : "\n");
    if (v->tokens[id].type == GT_TOKEN_TEXT) {
      gt_text_add(cx, out, "\"");
      gt_base64_add(cx, out, gt_token_bytes(v, id), v->tokens[id].length);
      gt_text_add(cx, out, "\"");
    } else {
      gt_text_add(cx, out, "null");
    }
  }
  gt_text_add(cx, out, "]");
  if (tok->kind == GT_TOKENIZER_BPE) GT_TRY(add_merges(cx, tok, out));
  gt_text_add(cx, out, "}\n");
  return GT_OK;
}

/* ---- tiktoken ---- */

/* A rank file says the same as the merges when each token is made by one merge of its own and later
 * merges have larger ids. */
static bool ids_are_ranks(const gt_tokenizer *tok, const gt_merge *merges) {
  int32_t before = 0; /* ids of merges must be above this */
  for (int byte = 0; byte < 256; byte++)
    if (tok->byte_ids[byte] > before) before = tok->byte_ids[byte];
  for (uint32_t i = 0; i < tok->merges.count; before = merges[i++].id)
    if (merges[i].id <= before) return false;
  return true;
}

static gt_status write_tiktoken(gt_ctx *cx, const gt_tokenizer *tok, gt_text *out) {
  const gt_vocabulary *v = &tok->vocabulary;
  gt_merge *merges = NULL;
  if (tok->kind != GT_TOKENIZER_BPE)
    return gt_fail(cx, GT_EARG, "save: a rank file holds bpe, got %s",
                   gt_tokenizer_kind_name(tok->kind));
  GT_TRY(sorted_merges(cx, tok, &merges));
  bool fits = tok->ranked || ids_are_ranks(tok, merges);
  gt_free(merges);
  if (!fits)
    return gt_fail(cx, GT_EARG,
                   "save: the merges of this tokenizer are not in the order of its "
                   "ids, as a rank file needs");
  for (int id = 0; id < v->size; id++) {
    if (v->tokens[id].type != GT_TOKEN_TEXT) continue;
    gt_base64_add(cx, out, gt_token_bytes(v, id), v->tokens[id].length);
    gt_text_add(cx, out, " %d\n", id);
  }
  return GT_OK;
}

/* ---- minbpe ---- */

static gt_status write_minbpe(gt_ctx *cx, const gt_tokenizer *tok, gt_text *out) {
  const gt_vocabulary *v = &tok->vocabulary;
  const char *pattern = tok->split ? gt_split_pattern(tok->split) : "";
  bool fits = tok->kind == GT_TOKENIZER_BPE && !tok->ranked && !strchr(pattern, '\n');
  for (int i = 0; fits && i < 256; i++) fits = tok->byte_ids[i] == i;
  gt_merge *merges = NULL;
  if (fits) GT_TRY(sorted_merges(cx, tok, &merges));
  for (uint32_t i = 0; fits && i < tok->merges.count; i++) fits = merges[i].id == 256 + (int64_t)i;
  for (int i = 0; fits && i < tok->special_count; i++)
    fits = !memchr(gt_token_bytes(v, tok->specials[i]), '\n', v->tokens[tok->specials[i]].length);
  if (!fits) {
    gt_free(merges);
    return gt_fail(cx, GT_EARG,
                   "save: minbpe holds bpe with bytes as ids 0 … 255 and merges from "
                   "256 on, without line breaks in names and pattern");
  }
  gt_text_add(cx, out, "minbpe v1\n%s\n%d\n", pattern, tok->special_count);
  for (int i = 0; i < tok->special_count; i++) {
    gt_text_append(cx, out, gt_token_bytes(v, tok->specials[i]),
                   v->tokens[tok->specials[i]].length);
    gt_text_add(cx, out, " %d\n", tok->specials[i]);
  }
  for (uint32_t i = 0; i < tok->merges.count; i++)
    gt_text_add(cx, out, "%d %d\n", merges[i].left, merges[i].right);
  gt_free(merges);
  return GT_OK;
}

/* ---- all ---- */

static gt_status write_text(gt_ctx *cx, const gt_tokenizer *tok, gt_tokenizer_format format,
                            gt_text *out) {
  switch (format) {
  case GT_FORMAT_TIKTOKEN:
    return write_tiktoken(cx, tok, out);
  case GT_FORMAT_MINBPE:
    return write_minbpe(cx, tok, out);
  default:
    if (tok->kind == GT_TOKENIZER_SENTENCEPIECE)
      return gt_fail(cx, GT_EARG, "save: a SentencePiece model is not written: copy its file");
    return write_own(cx, tok, out);
  }
}

gt_status gt_tokenizer_save(gt_ctx *cx, const gt_tokenizer *tok, const char *path,
                            gt_tokenizer_format format) {
  gt_text text = {0};
  gt_status status = write_text(cx, tok, format, &text);
  if (status == GT_OK && text.failed) status = GT_ENOMEM;
  if (status == GT_OK) status = gt_atomic_put(cx, path, text.data, text.length);
  gt_text_free(&text);
  return status;
}
