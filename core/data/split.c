/* split.c: see split.h.
 *
 * PCRE2 with UCP takes \s for Unicode white space and, up to at least version 10.42, for U+180E,
 * which has not been white space since Unicode 6.3; the engines that the patterns were written for
 * know that.  So \s and \S are replaced by the White_Space set before compiling.  What a letter or
 * a number is, PCRE2's own Unicode tables say: characters younger than them count as neither. */
#include "core/data/split.h"

#include "core/data/file.h"
#include "core/data/utf8.h"
#include "core/tensor/text.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#define SPACES                                                                                     \
  "\\x09-\\x0d\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define STACK_START ((size_t)32 << 10) /* of compiled expressions, bytes */
#define STACK_MOST ((size_t)8 << 20)

/* The patterns of the tokenizers that people use, as published with them. */
static const struct named {
  const char *name, *pattern;
} named_patterns[] = {
    {"gpt2",
     "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s"},
    {"gpt4", "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+|"
             " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s"},
    {"nanochat", "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,2}|"
                 " ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"},
    {"o200k", "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*"
              "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
              "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
              "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
              "\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
};
enum { NAMED = sizeof named_patterns / sizeof *named_patterns };

struct gt_split {
  char *pattern;
  pcre2_code *code;
  pcre2_match_data *match;
  pcre2_match_context *context;
  pcre2_jit_stack *stack;
};

const char *gt_split_named(const char *pattern, size_t n) {
  for (int i = 0; i < NAMED; i++)
    if (strlen(named_patterns[i].name) == n && memcmp(named_patterns[i].name, pattern, n) == 0)
      return named_patterns[i].pattern;
  return NULL;
}

const char *gt_split_name(const char *pattern) {
  for (int i = 0; i < NAMED; i++)
    if (strcmp(named_patterns[i].pattern, pattern) == 0) return named_patterns[i].name;
  return NULL;
}

/* Bytes that belong together at `at`: an escape, [:class:], the opening of brackets with the ^ and
 * ] that may follow it, or one byte. */
static size_t unit(const char *at, bool brackets) {
  if (at[0] == '\\' && at[1]) return 2;
  if (at[0] != '[') return 1;
  const char *end = brackets && at[1] == ':' ? strstr(at, ":]") : NULL;
  if (brackets) return end ? (size_t)(end - at) + 2 : 1;
  size_t n = at[1] == '^' ? 2 : 1;
  return at[n] == ']' ? n + 1 : n;
}

/* The pattern with \s and \S spelled out (but \S inside brackets, which has no spelling there). */
static void spell_spaces(gt_ctx *cx, const char *pattern, gt_text *out) {
  bool brackets = false;
  for (size_t n; *pattern; pattern += n) {
    n = unit(pattern, brackets);
    if (n == 2 && memcmp(pattern, "\\s", 2) == 0)
      gt_text_add(cx, out, brackets ? "%s" : "[%s]", SPACES);
    else if (n == 2 && memcmp(pattern, "\\S", 2) == 0 && !brackets)
      gt_text_add(cx, out, "[^%s]", SPACES);
    else
      gt_text_append(cx, out, pattern, n);
    if (*pattern == '[') brackets = true;
    if (*pattern == ']') brackets = false;
  }
}

static gt_status compile(gt_ctx *cx, const char *where, gt_split *split) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  gt_text text = {0};
  spell_spaces(cx, split->pattern, &text);
  if (!text.failed)
    split->code =
        pcre2_compile((PCRE2_SPTR)(text.data ? text.data : ""), text.length,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                      &error, &offset, NULL);
  bool failed = text.failed;
  gt_text_free(&text);
  if (failed) return GT_ENOMEM;
  if (!split->code) {
    char reason[128] = "", shown[GT_SHOWN];
    pcre2_get_error_message(error, (PCRE2_UCHAR *)reason, sizeof reason);
    return gt_fail(cx, GT_EARG, "%s: expected a regular expression, got '%s': %s", where,
                   gt_shown(split->pattern, strlen(split->pattern), shown), reason);
  }
  pcre2_jit_compile(split->code, PCRE2_JIT_COMPLETE); /* where it cannot, matching is interpreted */
  split->match = pcre2_match_data_create(1, NULL);
  split->context = pcre2_match_context_create(NULL);
  split->stack = pcre2_jit_stack_create(STACK_START, STACK_MOST, NULL);
  if (!split->match || !split->context || !split->stack)
    return gt_fail(cx, GT_ENOMEM, "%s: not enough memory for the pattern", where);
  pcre2_jit_stack_assign(split->context, NULL, split->stack);
  return GT_OK;
}

gt_status gt_split_new(gt_ctx *cx, const char *where, const char *pattern, size_t n,
                       gt_split **out) {
  const char *named = gt_split_named(pattern, n);
  if (named) {
    pattern = named;
    n = strlen(named);
  }
  if (n == 0 || n > GT_PATTERN_MAX || memchr(pattern, 0, n))
    return gt_fail(cx, GT_EARG, "%s: expected a pattern of 1 to %d bytes without NUL, got %zu",
                   where, GT_PATTERN_MAX, n);
  gt_split *split = gt_calloc(cx, 1, sizeof *split);
  if (!split) return GT_ENOMEM;
  split->pattern = gt_calloc(cx, n + 1, 1);
  gt_status status = split->pattern ? GT_OK : GT_ENOMEM;
  if (status == GT_OK) {
    memcpy(split->pattern, pattern, n);
    status = compile(cx, where, split);
  }
  if (status == GT_OK)
    *out = split;
  else
    gt_split_free(split);
  return status;
}

void gt_split_free(gt_split *split) {
  if (!split) return;
  pcre2_jit_stack_free(split->stack);
  pcre2_match_context_free(split->context);
  pcre2_match_data_free(split->match);
  pcre2_code_free(split->code);
  gt_free(split->pattern);
  gt_free(split);
}

const char *gt_split_pattern(const gt_split *split) { return split->pattern; }

/* Finds the next match at or after p->at, before p->valid; none: an empty one at p->valid.  The
 * text has been checked; it ends for the expression where its UTF-8 ends. */
static gt_status match(gt_ctx *cx, gt_pieces *p) {
  const gt_split *s = p->split;
  int found = pcre2_match(s->code, (PCRE2_SPTR)p->text, p->valid, p->at,
                          PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, s->match, s->context);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(s->code, (PCRE2_SPTR)p->text, p->valid, p->at,
                        PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY | PCRE2_NO_JIT, s->match, s->context);
  p->match_start = p->match_end = p->valid;
  if (found == PCRE2_ERROR_NOMATCH) return GT_OK;
  if (found < 0) {
    char reason[128] = "";
    pcre2_get_error_message(found, (PCRE2_UCHAR *)reason, sizeof reason);
    return gt_fail(cx, GT_EARG, "pattern '%.80s' fails at byte %zu of the text: %s", s->pattern,
                   p->at, reason);
  }
  const PCRE2_SIZE *span = pcre2_get_ovector_pointer(s->match);
  if (span[0] < p->at || span[1] <= span[0]) /* \K in a look-around */
    return gt_fail(cx, GT_EARG, "pattern '%.80s' matches backwards at byte %zu of the text",
                   s->pattern, p->at);
  p->match_start = span[0];
  p->match_end = span[1];
  return GT_OK;
}

gt_status gt_split_next(gt_ctx *cx, gt_pieces *p, const char **piece, size_t *length) {
  size_t start = p->at;
  if (p->at >= p->valid) p->valid = p->at + gt_utf8_span(p->text + p->at, p->size - p->at);
  if (p->at == p->valid) { /* the end, or bytes that are not UTF-8 */
    while (p->at < p->size && gt_utf8_length(p->text + p->at, p->size - p->at) == 0) p->at++;
  } else if (!p->split) {
    p->at = p->valid;
  } else {
    if (p->at >= p->match_end) GT_TRY(match(cx, p));
    p->at = p->at < p->match_start ? p->match_start : p->match_end;
  }
  *piece = p->text + start;
  *length = p->at - start;
  return GT_OK;
}
