/* tokenizer.c: making tokenizers, tokens by id and by name.  Encoding is encode.c, decoding
 * decode.c, files are tokenizer_load.c and tokenizer_save.c. */
#include "core/data/tokenizer.h"

#include "core/data/file.h"
#include "core/data/utf8.h"

#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"bytes", "chars", "bpe", "sentencepiece"};

const char *gt_tokenizer_kind_name(gt_tokenizer_kind kind) { return kind_names[kind]; }

gt_status gt_ids_reserve(gt_ctx *cx, gt_ids *ids, int64_t more) {
  if (ids->capacity - ids->count >= more) return GT_OK;
  int64_t capacity = ids->capacity > 32 ? 2 * ids->capacity : 64;
  if (capacity < ids->count + more) capacity = ids->count + more;
  int32_t *data = gt_realloc(cx, ids->data, (size_t)capacity * sizeof *data);
  if (!data) return GT_ENOMEM;
  ids->data = data;
  ids->capacity = capacity;
  return GT_OK;
}

void gt_ids_free(gt_ids *ids) {
  gt_free(ids->data);
  *ids = (gt_ids){0};
}

gt_status gt_tokenizer_new(gt_ctx *cx, gt_tokenizer_kind kind, gt_tokenizer **out) {
  gt_tokenizer *tok = gt_calloc(cx, 1, sizeof *tok);
  if (!tok) return GT_ENOMEM;
  tok->refs = 1;
  tok->kind = kind;
  tok->bos = tok->eos = -1;
  tok->vocabulary.seed = tok->merges.seed = gt_hash_seed();
  *out = tok;
  return GT_OK;
}

gt_tokenizer *gt_tokenizer_ref(gt_tokenizer *tok) {
  if (tok) tok->refs++;
  return tok;
}

void gt_tokenizer_unref(gt_tokenizer *tok) {
  if (!tok || --tok->refs > 0) return;
  gt_vocabulary_free(&tok->vocabulary);
  gt_merges_free(&tok->merges);
  gt_split_free(tok->split);
  gt_free(tok->specials);
  gt_free(tok);
}

/* ---- tokens ---- */

gt_status gt_tokenizer_add(gt_ctx *cx, gt_tokenizer *tok, const char *where, int64_t id,
                           const char *bytes, size_t n, gt_token_type type) {
  char text[GT_SHOWN];
  if (id < 0 || id >= GT_VOCABULARY_MAX)
    return gt_fail(cx, GT_EFORMAT, "%s: token '%s': expected an id of 0 … %d, got %lld", where,
                   gt_shown(bytes, n, text), GT_VOCABULARY_MAX - 1, (long long)id);
  if (n == 0 || n > GT_TOKEN_MAX)
    return gt_fail(cx, GT_EFORMAT, "%s: token %lld: expected 1 to %d bytes, got %zu", where,
                   (long long)id, GT_TOKEN_MAX, n);
  if (gt_vocabulary_has(&tok->vocabulary, id))
    return gt_fail(cx, GT_EFORMAT, "%s: id %lld is given twice", where, (long long)id);
  if (type == GT_TOKEN_TEXT && gt_vocabulary_find(&tok->vocabulary, bytes, n) >= 0)
    return gt_fail(cx, GT_EFORMAT, "%s: token '%s' is given twice", where,
                   gt_shown(bytes, n, text));
  return gt_vocabulary_put(cx, &tok->vocabulary, (int)id, bytes, n, type);
}

static bool is_one_of(const char *name, size_t n, const char *const *names) {
  for (; *names; names++)
    if (strlen(*names) == n && memcmp(*names, name, n) == 0) return true;
  return false;
}

static const char *const bos_names[] = {"<|bos|>",         "<s>", "<bos>", "<|begin_of_text|>",
                                        "<|startoftext|>", NULL};
static const char *const eos_names[] = {"<|endoftext|>", "<|eos|>",         "</s>",
                                        "<eos>",         "<|end_of_text|>", NULL};

static int find_special(const gt_tokenizer *tok, const char *name, size_t n) {
  const gt_vocabulary *v = &tok->vocabulary;
  for (int i = 0; i < tok->special_count; i++) {
    int id = tok->specials[i];
    if (v->tokens[id].length == n && memcmp(gt_token_bytes(v, id), name, n) == 0) return id;
  }
  return -1;
}

gt_status gt_tokenizer_add_special(gt_ctx *cx, gt_tokenizer *tok, const char *where,
                                   const char *name, size_t n, int64_t id) {
  char text[GT_SHOWN];
  if (memchr(name, 0, n) || find_special(tok, name, n) >= 0)
    return gt_fail(cx, GT_EFORMAT, "%s: special token '%s' %s", where, gt_shown(name, n, text),
                   memchr(name, 0, n) ? "holds a NUL" : "is given twice");
  if (tok->special_count == GT_SPECIALS_MAX)
    return gt_fail(cx, GT_EFORMAT, "%s: more than %d special tokens", where, GT_SPECIALS_MAX);
  if ((tok->special_count & (tok->special_count - 1)) == 0) { /* grows at powers of two */
    size_t capacity = tok->special_count ? 2 * (size_t)tok->special_count : 1;
    int32_t *specials = gt_realloc(cx, tok->specials, capacity * sizeof *specials);
    if (!specials) return GT_ENOMEM;
    tok->specials = specials;
  }
  if (id < 0) id = tok->vocabulary.size;
  GT_TRY(gt_tokenizer_add(cx, tok, where, id, name, n, GT_TOKEN_SPECIAL));
  tok->specials[tok->special_count++] = (int32_t)id;
  if (tok->bos < 0 && is_one_of(name, n, bos_names)) tok->bos = (int32_t)id;
  if (tok->eos < 0 && is_one_of(name, n, eos_names)) tok->eos = (int32_t)id;
  return GT_OK;
}

gt_status gt_tokenizer_find_bytes(gt_ctx *cx, gt_tokenizer *tok, const char *where) {
  for (int i = 0; i < 256; i++) {
    char byte = (char)i;
    tok->byte_ids[i] = gt_vocabulary_find(&tok->vocabulary, &byte, 1);
    if (tok->byte_ids[i] < 0)
      return gt_fail(cx, GT_EFORMAT, "%s: expected a token for every byte, byte 0x%02x has none",
                     where, (unsigned)i);
  }
  return GT_OK;
}

gt_status gt_tokenizer_set_pattern(gt_ctx *cx, gt_tokenizer *tok, const char *where,
                                   const char *pattern, size_t n) {
  gt_split *split = NULL;
  if (n) GT_TRY(gt_split_new(cx, where, pattern, n, &split));
  gt_split_free(tok->split);
  tok->split = split;
  return GT_OK;
}

/* Looks a text up as SentencePiece spells it. */
static int find_spaced(const gt_vocabulary *v, const char *bytes, size_t n) {
  char spelled[GT_TOKEN_MAX];
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    const char *unit = bytes[i] == ' ' ? GT_SPACE : bytes + i;
    size_t size = bytes[i] == ' ' ? strlen(GT_SPACE) : 1;
    if (count + size > sizeof spelled) return -1;
    memcpy(spelled + count, unit, size);
    count += size;
  }
  return gt_vocabulary_find(v, spelled, count);
}

int gt_tokenizer_find(const gt_tokenizer *tok, const char *bytes, size_t n) {
  bool spaced = tok->kind == GT_TOKENIZER_SENTENCEPIECE;
  int id = spaced ? find_spaced(&tok->vocabulary, bytes, n)
                  : gt_vocabulary_find(&tok->vocabulary, bytes, n);
  return id >= 0 ? id : find_special(tok, bytes, n);
}

int gt_tokenizer_byte_length(const gt_tokenizer *tok, int id, bool *space, bool *boundary) {
  const gt_token *t = &tok->vocabulary.tokens[id];
  *boundary = t->type != GT_TOKEN_TEXT && t->type != GT_TOKEN_BYTE;
  *space = tok->kind == GT_TOKENIZER_SENTENCEPIECE && t->type == GT_TOKEN_TEXT &&
           gt_has_space(gt_token_bytes(&tok->vocabulary, id), t->length);
  return *boundary ? 0 : t->length - (*space ? (int)strlen(GT_SPACE) : 0);
}

/* ---- the plain kinds ---- */

gt_status gt_tokenizer_bytes(gt_ctx *cx, gt_tokenizer **out) {
  gt_tokenizer *tok = NULL;
  gt_status status = gt_tokenizer_new(cx, GT_TOKENIZER_BYTES, &tok);
  for (int i = 0; i < 256 && status == GT_OK; i++) {
    char byte = (char)i;
    status = gt_vocabulary_put(cx, &tok->vocabulary, i, &byte, 1, GT_TOKEN_TEXT);
  }
  if (status == GT_OK)
    *out = tok;
  else
    gt_tokenizer_unref(tok);
  return status;
}

/* Bytes of the character at the start of the text: a code point, or a byte that is not UTF-8. */
size_t gt_character(const char *text, size_t size) {
  size_t n = gt_utf8_length(text, size);
  return n ? n : 1;
}

/* The order of code points is that of their UTF-8 bytes. */
static int by_bytes(const void *left, const void *right, void *context) {
  const gt_vocabulary *v = context;
  const gt_token *a = left, *b = right;
  int order = memcmp(v->bytes + a->start, v->bytes + b->start,
                     a->length < b->length ? a->length : b->length);
  return order ? order : a->length - b->length;
}

/* Tokens in the order of their first use into `found`. */
static gt_status find_characters(gt_ctx *cx, const char *text, size_t size, gt_vocabulary *found) {
  for (size_t at = 0, n; at < size; at += n) {
    n = gt_character(text + at, size - at);
    if (gt_vocabulary_find(found, text + at, n) >= 0) continue;
    GT_TRY(gt_poll(cx));
    if (found->size == GT_VOCABULARY_MAX)
      return gt_fail(cx, GT_EARG, "chars: more than %d different characters", GT_VOCABULARY_MAX);
    GT_TRY(gt_vocabulary_put(cx, found, found->size, text + at, n, GT_TOKEN_TEXT));
  }
  return GT_OK;
}

gt_status gt_tokenizer_chars(gt_ctx *cx, const char *text, size_t size, gt_tokenizer **out) {
  gt_vocabulary found = {.seed = gt_hash_seed()};
  gt_tokenizer *tok = NULL;
  if (size == 0) return gt_fail(cx, GT_EARG, "chars: expected text, got an empty string");
  gt_status status = find_characters(cx, text, size, &found);
  if (status == GT_OK) status = gt_tokenizer_new(cx, GT_TOKENIZER_CHARS, &tok);
  if (status == GT_OK)
    qsort_r(found.tokens, (size_t)found.size, sizeof *found.tokens, by_bytes, &found);
  for (int i = 0; i < found.size && status == GT_OK; i++)
    status = gt_vocabulary_put(cx, &tok->vocabulary, i, found.bytes + found.tokens[i].start,
                               found.tokens[i].length, GT_TOKEN_TEXT);
  gt_vocabulary_free(&found);
  if (status == GT_OK)
    *out = tok;
  else
    gt_tokenizer_unref(tok);
  return status;
}
