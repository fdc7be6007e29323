/* tokenizer_json.c: the JSON file of gptsh, and vocab.json with merges.txt of GPT-2.
 *
 * GPT-2 writes token bytes as printable characters: 33-126, 161-172 and 174-255 stand for
 * themselves as code points, the other 68 bytes, in order, for U+0100 and what follows.  A token of
 * vocab.json that is neither a byte nor made by a merge is a special token. */
#include "core/data/tokenizer_file.h"

#include "core/data/base64.h"
#include "core/data/file.h"
#include "core/data/utf8.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CODES = 256 + 68 };

static gt_status parse(gt_ctx *cx, const char *path, const char *text, size_t size, json_t **root) {
  json_error_t error;
  *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  if (*root) return GT_OK;
  if (json_error_code(&error) == json_error_out_of_memory)
    return gt_fail(cx, GT_ENOMEM, "%s: not enough memory", path);
  const char *quote = strstr(error.text, " near '"); /* what the file has there is not shown */
  int n = quote ? (int)(quote - error.text) : (int)strlen(error.text);
  return gt_fail(cx, GT_EFORMAT, "%s:%d: %.*s", path, error.line, n, error.text);
}

/* ---- gptsh ---- */

typedef struct own {
  gt_ctx *cx;
  gt_tokenizer *tok;
  const char *path;
  const json_t *root;
} own;

static gt_status bad(const own *r, const char *key, const char *expected) {
  return gt_fail(r->cx, GT_EFORMAT, "%s: \"%s\": expected %s", r->path, key, expected);
}

static gt_status own_kind(own *r) {
  const char *kind = json_string_value(json_object_get(r->root, "kind"));
  if (json_integer_value(json_object_get(r->root, "version")) != 1)
    return bad(r, "version", "1, the only one this build reads");
  for (int k = GT_TOKENIZER_BYTES; k <= GT_TOKENIZER_BPE; k++)
    if (kind && strcmp(kind, gt_tokenizer_kind_name((gt_tokenizer_kind)k)) == 0) {
      r->tok->kind = (gt_tokenizer_kind)k;
      return GT_OK;
    }
  return bad(r, "kind", "bytes, chars or bpe");
}

static gt_status own_tokens(own *r) {
  const json_t *tokens = json_object_get(r->root, "tokens");
  size_t count = json_array_size(tokens), n;
  char bytes[GT_TOKEN_MAX];
  if (count == 0 || count > GT_VOCABULARY_MAX) return bad(r, "tokens", "a list of tokens");
  for (size_t id = 0; id < count; id++) {
    const json_t *item = json_array_get(tokens, id);
    if (json_is_null(item)) continue;
    if ((id & 0xfff) == 0) GT_TRY(gt_poll(r->cx));
    if (!json_is_string(item) ||
        !gt_base64_decode(json_string_value(item), json_string_length(item), bytes, sizeof bytes,
                          &n))
      return gt_fail(r->cx, GT_EFORMAT, "%s: token %zu: expected base64", r->path, id);
    GT_TRY(gt_tokenizer_add(r->cx, r->tok, r->path, (int64_t)id, bytes, n, GT_TOKEN_TEXT));
  }
  return GT_OK;
}

static gt_status own_merges(own *r) {
  const json_t *merges = json_object_get(r->root, "merges");
  const char *word = json_string_value(merges);
  if (r->tok->kind != GT_TOKENIZER_BPE) return GT_OK;
  GT_TRY(gt_tokenizer_find_bytes(r->cx, r->tok, r->path));
  if (word && strcmp(word, "ranks") == 0) return gt_tokenizer_rank(r->cx, r->tok);
  if (!json_is_array(merges)) return bad(r, "merges", "a list of pairs of ids, or \"ranks\"");
  const gt_vocabulary *v = &r->tok->vocabulary;
  for (size_t i = 0; i < json_array_size(merges); i++) {
    const json_t *item = json_array_get(merges, i);
    const json_t *left = json_array_get(item, 0), *right = json_array_get(item, 1);
    const json_t *id = json_array_get(item, 2);
    if (json_array_size(item) != 3 || !json_is_integer(left) || !json_is_integer(right) ||
        !json_is_integer(id) || !gt_vocabulary_has(v, json_integer_value(id)))
      return gt_fail(r->cx, GT_EFORMAT, "%s: merge %zu: expected three ids", r->path, i);
    if ((i & 0xfff) == 0) GT_TRY(gt_poll(r->cx));
    GT_TRY(gt_tokenizer_add_merge(r->cx, r->tok, r->path, json_integer_value(left),
                                  json_integer_value(right), json_integer_value(id)));
  }
  return GT_OK;
}

static gt_status own_specials(own *r) {
  json_t *specials = json_object_get(r->root, "specials"), *id;
  const char *name;
  if (specials && !json_is_object(specials)) return bad(r, "specials", "an object, name: id");
  json_object_foreach(specials, name, id) {
    if (!json_is_integer(id) || json_integer_value(id) < 0) return bad(r, name, "an id");
    GT_TRY(gt_tokenizer_add_special(r->cx, r->tok, r->path, name, strlen(name),
                                    json_integer_value(id)));
  }
  static const char *const keys[] = {"bos", "eos"};
  for (int i = 0; i < 2; i++) {
    const json_t *mark = json_object_get(r->root, keys[i]);
    int64_t value = json_is_integer(mark) ? json_integer_value(mark) : -1;
    if (mark && !json_is_null(mark) && !gt_vocabulary_has(&r->tok->vocabulary, value))
      return bad(r, keys[i], "an id or null");
    *(i == 0 ? &r->tok->bos : &r->tok->eos) = (int32_t)value;
  }
  return GT_OK;
}

static gt_status read_own(gt_ctx *cx, gt_tokenizer *tok, const char *path, const json_t *root) {
  own r = {cx, tok, path, root};
  const json_t *pattern = json_object_get(root, "pattern");
  GT_TRY(own_kind(&r));
  GT_TRY(own_tokens(&r));
  GT_TRY(own_merges(&r));
  if (json_is_string(pattern))
    GT_TRY(gt_tokenizer_set_pattern(cx, tok, path, json_string_value(pattern),
                                    json_string_length(pattern)));
  else if (pattern && !json_is_null(pattern))
    return bad(&r, "pattern", "a string or null");
  return own_specials(&r);
}

/* ---- GPT-2 ---- */

/* byte_of[code point], -1 for code points that are no byte's. */
static void make_codes(int16_t byte_of[CODES]) {
  int next = 256;
  for (int i = 0; i < CODES; i++) byte_of[i] = -1;
  for (int i = 0; i < 256; i++) {
    bool plain = (i >= 33 && i <= 126) || (i >= 161 && i <= 172) || i >= 174;
    byte_of[plain ? i : next++] = (int16_t)i;
  }
}

/* Characters of a file to token bytes; 0 when some stand for no byte, or there are too many. */
static size_t to_bytes(const int16_t byte_of[CODES], const char *text, size_t n, char *out) {
  size_t count = 0;
  for (size_t at = 0, step; at < n; at += step) {
    unsigned code = (unsigned char)text[at];
    step = gt_utf8_length(text + at, n - at);
    if (step == 2) code = (code & 0x1f) << 6 | ((unsigned char)text[at + 1] & 0x3f);
    if (step == 0 || step > 2 || code >= CODES || byte_of[code] < 0 || count == GT_TOKEN_MAX)
      return 0;
    out[count++] = (char)byte_of[code];
  }
  return count;
}

/* The id of a token as the files spell it, -1 for none. */
static int64_t named_id(const json_t *vocab, const char *text, size_t n) {
  const json_t *id = json_object_getn(vocab, text, n);
  return json_is_integer(id) ? json_integer_value(id) : -1;
}

static gt_status read_merges(gt_ctx *cx, gt_tokenizer *tok, const json_t *vocab,
                             const int16_t byte_of[CODES], gt_lines *lines) {
  char joined[2 * GT_TOKEN_MAX + 1], bytes[GT_TOKEN_MAX];
  while (gt_next_line(lines)) {
    if (lines->length == 0 || (lines->number == 1 && lines->line[0] == '#')) continue;
    if ((lines->number & 0xfff) == 0) GT_TRY(gt_poll(cx));
    const char *space = memchr(lines->line, ' ', lines->length);
    size_t a = space ? (size_t)(space - lines->line) : 0, b = space ? lines->length - a - 1 : 0;
    char quoted[GT_QUOTED];
    gt_quoted(lines->line, lines->length, quoted);
    if (a == 0 || b == 0 || a + b > sizeof joined || memchr(space + 1, ' ', b))
      return gt_fail(cx, GT_EFORMAT, "%s: expected two tokens, got '%s'", lines->where, quoted);
    memcpy(joined, lines->line, a);
    memcpy(joined + a, space + 1, b);
    int64_t left = named_id(vocab, lines->line, a), right = named_id(vocab, space + 1, b);
    int64_t id = named_id(vocab, joined, a + b);
    size_t n = to_bytes(byte_of, joined, a + b, bytes);
    if (left < 0 || right < 0 || id < 0 || n == 0)
      return gt_fail(cx, GT_EFORMAT, "%s: the vocabulary lacks a token of '%s'", lines->where,
                     quoted);
    GT_TRY(gt_tokenizer_add_merge(cx, tok, lines->where, left, right, id));
  }
  return GT_OK;
}

/* First the bytes, then what merges make of them, then the rest, which must be special tokens. */
static gt_status fill_gpt2(gt_ctx *cx, gt_tokenizer *tok, const char *path, json_t *vocab,
                           gt_lines *merges) {
  int16_t byte_of[CODES];
  const char *name;
  json_t *value;
  char bytes[GT_TOKEN_MAX];
  make_codes(byte_of);
  json_object_foreach(vocab, name, value) {
    if (!json_is_integer(value))
      return gt_fail(cx, GT_EFORMAT, "%s: expected an object token: id", path);
    if (to_bytes(byte_of, name, strlen(name), bytes) != 1) continue;
    GT_TRY(gt_tokenizer_add(cx, tok, path, json_integer_value(value), bytes, 1, GT_TOKEN_TEXT));
  }
  GT_TRY(gt_tokenizer_find_bytes(cx, tok, path));
  GT_TRY(read_merges(cx, tok, vocab, byte_of, merges));
  json_object_foreach(vocab, name, value) {
    size_t n = to_bytes(byte_of, name, strlen(name), bytes);
    int64_t id = json_integer_value(value);
    int known = n ? gt_vocabulary_find(&tok->vocabulary, bytes, n) : -1;
    if (known >= 0 && known == id) continue;
    if (id < 0)
      return gt_fail(cx, GT_EFORMAT, "%s: expected ids >= 0, got %lld", path, (long long)id);
    GT_TRY(gt_tokenizer_add_special(cx, tok, path, name, strlen(name), id));
  }
  return GT_OK;
}

/* merges.txt or vocab.bpe next to the vocabulary. */
static gt_status find_merges(gt_ctx *cx, const char *path, char *out, size_t room) {
  static const char *const names[] = {"merges.txt", "vocab.bpe"};
  const char *slash = strrchr(path, '/');
  int folder = slash ? (int)(slash - path) + 1 : 0;
  struct stat info;
  for (int i = 0; i < 2; i++) {
    int n = snprintf(out, room, "%.*s%s", folder, path, names[i]);
    if (n > 0 && (size_t)n < room && stat(out, &info) == 0) return GT_OK;
  }
  return gt_fail(cx, GT_EIO, "%s: expected merges.txt next to it", path);
}

static gt_status read_gpt2(gt_ctx *cx, gt_tokenizer *tok, const char *path, json_t *vocab) {
  char merges_path[4096], *text = NULL;
  size_t size = 0;
  if (json_object_size(vocab) > GT_VOCABULARY_MAX)
    return gt_fail(cx, GT_EFORMAT, "%s: more than %d tokens", path, GT_VOCABULARY_MAX);
  GT_TRY(find_merges(cx, path, merges_path, sizeof merges_path));
  GT_TRY(gt_file_read_all(cx, merges_path, GT_TOKENIZER_FILE_MAX, &text, &size));
  gt_lines lines = {.path = merges_path, .at = text, .end = text + size};
  gt_status status = fill_gpt2(cx, tok, path, vocab, &lines);
  gt_free(text);
  return status;
}

gt_status gt_read_json(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *text,
                       size_t size, gt_tokenizer_format *format) {
  json_t *root = NULL;
  GT_TRY(parse(cx, path, text, size, &root));
  const char *name = json_string_value(json_object_get(root, "format"));
  bool is_own = name && strcmp(name, "gptsh tokenizer") == 0;
  *format = is_own ? GT_FORMAT_GPTSH : GT_FORMAT_GPT2;
  gt_status status;
  if (!is_own && json_is_object(json_object_get(root, "model")))
    status = gt_fail(cx, GT_EFORMAT,
                     "%s: tokenizer.json of Hugging Face; load vocab.json with "
                     "merges.txt instead",
                     path);
  else
    status = is_own ? read_own(cx, tok, path, root) : read_gpt2(cx, tok, path, root);
  json_decref(root);
  return status;
}
