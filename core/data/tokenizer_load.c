/* tokenizer_load.c: which kind of file it is; the two that are lines of text. */
#include "core/data/tokenizer_file.h"

#include "core/data/base64.h"
#include "core/data/file.h"
#include "core/data/paths.h"
#include "core/data/what.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MINBPE "minbpe v1"

/* ---- shared ---- */

gt_status gt_tokenizer_add_merge(gt_ctx *cx, gt_tokenizer *tok, const char *where, int64_t left,
                                 int64_t right, int64_t id) {
  gt_vocabulary *v = &tok->vocabulary;
  char bytes[GT_TOKEN_MAX];
  bool fresh = false;
  if (!gt_vocabulary_has(v, left) || !gt_vocabulary_has(v, right))
    return gt_fail(cx, GT_EFORMAT, "%s: expected ids of tokens above, got %lld %lld", where,
                   (long long)left, (long long)right);
  size_t a = v->tokens[left].length, b = v->tokens[right].length;
  if (a + b > GT_TOKEN_MAX)
    return gt_fail(cx, GT_EFORMAT, "%s: token of %zu bytes, expected at most %d", where, a + b,
                   GT_TOKEN_MAX);
  memcpy(bytes, gt_token_bytes(v, (int)left), a);
  memcpy(bytes + a, gt_token_bytes(v, (int)right), b);
  if (id < 0) id = v->size;
  if (!gt_vocabulary_has(v, id))
    GT_TRY(gt_tokenizer_add(cx, tok, where, id, bytes, a + b, GT_TOKEN_TEXT));
  else if (v->tokens[id].length != a + b || memcmp(gt_token_bytes(v, (int)id), bytes, a + b) != 0)
    return gt_fail(cx, GT_EFORMAT, "%s: token %lld is not what its merge makes", where,
                   (long long)id);
  gt_merge merge = {(int32_t)left, (int32_t)right, tok->merges.count, (int32_t)id};
  GT_TRY(gt_merges_add(cx, &tok->merges, merge, &fresh));
  if (!fresh)
    return gt_fail(cx, GT_EFORMAT, "%s: merge of %lld and %lld is given twice", where,
                   (long long)left, (long long)right);
  return GT_OK;
}

gt_status gt_tokenizer_rank(gt_ctx *cx, gt_tokenizer *tok) {
  gt_vocabulary *v = &tok->vocabulary;
  bool fresh;
  tok->ranked = true;
  for (int id = 0; id < v->size; id++) {
    if (v->tokens[id].type != GT_TOKEN_TEXT) continue;
    if ((id & 0xff) == 0) GT_TRY(gt_poll(cx));
    const char *bytes = gt_token_bytes(v, id);
    size_t n = v->tokens[id].length;
    for (size_t cut = 1; cut < n; cut++) {
      int left = gt_vocabulary_find(v, bytes, cut);
      int right = left < 0 ? -1 : gt_vocabulary_find(v, bytes + cut, n - cut);
      if (right < 0) continue;
      GT_TRY(gt_merges_add(cx, &tok->merges, (gt_merge){left, right, (uint32_t)id, id}, &fresh));
    }
  }
  return GT_OK;
}

bool gt_next_line(gt_lines *lines) {
  if (lines->at >= lines->end) return false;
  const char *end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
  if (!end) end = lines->end;
  lines->line = lines->at;
  lines->length = (size_t)(end - lines->at);
  if (lines->length && end[-1] == '\r') lines->length--;
  lines->at = end + 1;
  snprintf(lines->where, sizeof lines->where, "%.280s:%d", lines->path, ++lines->number);
  return true;
}

int64_t gt_decimal(const char *text, size_t n) {
  int64_t value = 0;
  if (n == 0 || n > 10) return -1;
  for (size_t i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = 10 * value + (text[i] - '0');
  }
  return value <= INT32_MAX ? value : -1;
}

static gt_status bad_line(gt_ctx *cx, const gt_lines *lines, const char *expected) {
  char quoted[GT_QUOTED];
  return gt_fail(cx, GT_EFORMAT, "%s: expected %s, got '%s'", lines->where, expected,
                 gt_quoted(lines->line, lines->length, quoted));
}

/* Position of the last space of the line, or -1: what is left and right of it must not be empty. */
static int64_t last_space(const gt_lines *lines) {
  int64_t at = (int64_t)lines->length - 1;
  while (at >= 0 && lines->line[at] != ' ') at--;
  return at > 0 && at + 1 < (int64_t)lines->length ? at : -1;
}

/* ---- tiktoken ---- */

gt_status gt_read_tiktoken(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *text,
                           size_t size) {
  gt_lines lines = {.path = path, .at = text, .end = text + size};
  char bytes[GT_TOKEN_MAX];
  while (gt_next_line(&lines)) {
    size_t n;
    if (lines.length == 0) continue;
    if ((lines.number & 0xfff) == 0) GT_TRY(gt_poll(cx));
    int64_t space = last_space(&lines);
    int64_t rank =
        space < 0 ? -1 : gt_decimal(lines.line + space + 1, lines.length - (size_t)space - 1);
    if (rank < 0 || !gt_base64_decode(lines.line, (size_t)space, bytes, sizeof bytes, &n))
      return bad_line(cx, &lines, "a token in base64 and its rank");
    GT_TRY(gt_tokenizer_add(cx, tok, lines.where, rank, bytes, n, GT_TOKEN_TEXT));
  }
  GT_TRY(gt_tokenizer_find_bytes(cx, tok, path));
  return gt_tokenizer_rank(cx, tok);
}

/* ---- minbpe: version, pattern, number of special tokens, those, merges ---- */

static gt_status read_specials(gt_ctx *cx, gt_lines *lines, const gt_lines *names, int64_t count,
                               gt_tokenizer *tok) {
  *lines = *names;
  for (int64_t i = 0; i < count; i++) {
    gt_next_line(lines);
    int64_t space = last_space(lines);
    int64_t id = gt_decimal(lines->line + space + 1, lines->length - (size_t)(space + 1));
    GT_TRY(gt_tokenizer_add_special(cx, tok, lines->where, lines->line, (size_t)space, id));
  }
  return GT_OK;
}

/* Walks over the special tokens, which come before the merges but whose ids come after theirs. */
static gt_status skip_specials(gt_ctx *cx, gt_lines *lines, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    if (!gt_next_line(lines))
      return gt_fail(cx, GT_EFORMAT, "%s: ends in its list of special tokens", lines->path);
    int64_t space = last_space(lines);
    if (space < 0 || gt_decimal(lines->line + space + 1, lines->length - (size_t)space - 1) < 0)
      return bad_line(cx, lines, "a special token and its id");
  }
  return GT_OK;
}

gt_status gt_read_minbpe(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *text,
                         size_t size) {
  gt_lines lines = {.path = path, .at = text, .end = text + size}, names;
  gt_next_line(&lines);
  if (!gt_next_line(&lines)) return gt_fail(cx, GT_EFORMAT, "%s: ends before its pattern", path);
  if (lines.length > GT_PATTERN_MAX) return bad_line(cx, &lines, "a pattern");
  GT_TRY(gt_tokenizer_set_pattern(cx, tok, lines.where, lines.line, lines.length));
  if (!gt_next_line(&lines))
    return gt_fail(cx, GT_EFORMAT, "%s: ends before the number of special tokens", path);
  int64_t count = gt_decimal(lines.line, lines.length);
  if (count < 0) return bad_line(cx, &lines, "the number of special tokens");
  names = lines;
  GT_TRY(skip_specials(cx, &lines, count));

  for (int i = 0; i < 256; i++) {
    char byte = (char)i;
    GT_TRY(gt_tokenizer_add(cx, tok, path, i, &byte, 1, GT_TOKEN_TEXT));
  }
  GT_TRY(gt_tokenizer_find_bytes(cx, tok, path));
  while (gt_next_line(&lines)) {
    if (lines.length == 0) continue;
    if ((lines.number & 0xfff) == 0) GT_TRY(gt_poll(cx));
    int64_t space = last_space(&lines);
    int64_t left = space < 0 ? -1 : gt_decimal(lines.line, (size_t)space);
    int64_t right =
        space < 0 ? -1 : gt_decimal(lines.line + space + 1, lines.length - (size_t)space - 1);
    if (left < 0 || right < 0) return bad_line(cx, &lines, "two ids");
    GT_TRY(gt_tokenizer_add_merge(cx, tok, lines.where, left, right, -1));
  }
  return read_specials(cx, &lines, &names, count, tok);
}

/* ---- what it is ---- */

/* A first line "word number". */
static bool is_tiktoken(const char *text, size_t size) {
  gt_lines lines = {.path = "", .at = text, .end = text + size};
  while (gt_next_line(&lines)) {
    if (lines.length == 0) continue;
    int64_t space = last_space(&lines);
    return space > 0 && gt_decimal(lines.line + space + 1, lines.length - (size_t)space - 1) >= 0;
  }
  return false;
}

static gt_status no_tokenizer(gt_ctx *cx, const char *path, const char *what) {
  return gt_fail(cx, GT_EFORMAT,
                 "%s: expected a tokenizer of gptsh, tiktoken, GPT-2 (vocab.json), minbpe or "
                 "SentencePiece, got %s",
                 path, what);
}

static gt_status read_bytes(gt_ctx *cx, const char *path, const char *text, size_t size,
                            gt_tokenizer *tok, gt_tokenizer_format *format) {
  size_t minbpe = strlen(MINBPE);
  const char *what = gt_what(text, size);
  if (size == 0) return gt_fail(cx, GT_EFORMAT, "%s: file is empty", path);
  if (what) return no_tokenizer(cx, path, what);
  if (text[0] == '{') return gt_read_json(cx, tok, path, text, size, format);
  if (size > minbpe && memcmp(text, MINBPE, minbpe) == 0 && strchr("\r\n", text[minbpe])) {
    *format = GT_FORMAT_MINBPE;
    return gt_read_minbpe(cx, tok, path, text, size);
  }
  if (text[0] == '\n' && size > 1 && text[1] != '\n' && !is_tiktoken(text, size)) {
    *format = GT_FORMAT_SENTENCEPIECE; /* field 1, length-delimited */
    return gt_read_sentencepiece(cx, tok, path, text, size);
  }
  if (size >= 8 && memcmp(text, "#version", 8) == 0)
    return gt_fail(cx, GT_EFORMAT, "%s: only merges; load vocab.json or the folder of both", path);
  if (is_tiktoken(text, size)) {
    *format = GT_FORMAT_TIKTOKEN;
    return gt_read_tiktoken(cx, tok, path, text, size);
  }
  return no_tokenizer(cx, path, "something else");
}

/* Where a folder keeps its vocabulary. */
static gt_status in_folder(gt_ctx *cx, const char *folder, char *path, size_t room) {
  static const char *const names[] = {"vocab.json", "encoder.json"};
  struct stat info;
  for (int i = 0; i < 2; i++) {
    int n = snprintf(path, room, "%s/%s", folder, names[i]);
    if (n > 0 && (size_t)n < room && stat(path, &info) == 0) return GT_OK;
  }
  return gt_fail(cx, GT_EIO, "%s: expected vocab.json and merges.txt in this folder", folder);
}

gt_status gt_tokenizer_load(gt_ctx *cx, const char *path, gt_tokenizer **out,
                            gt_tokenizer_format *format) {
  char inside[4096], *text = NULL;
  size_t size = 0;
  gt_tokenizer *tok = NULL;
  if (gt_is_folder(path)) {
    GT_TRY(in_folder(cx, path, inside, sizeof inside));
    path = inside;
  }
  GT_TRY(gt_file_read_all(cx, path, GT_TOKENIZER_FILE_MAX, &text, &size));
  gt_status status = gt_tokenizer_new(cx, GT_TOKENIZER_BPE, &tok);
  if (status == GT_OK) status = read_bytes(cx, path, text, size, tok, format);
  gt_free(text);
  if (status == GT_OK)
    *out = tok;
  else
    gt_tokenizer_unref(tok);
  return status;
}
