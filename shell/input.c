/* input.c: the text of a prompt input, before it runs. */
#include "shell/input.h"
#include "shell/lexer.h"
#include "shell/session.h"

#include <stdlib.h>
#include <string.h>

#define SH_INDENT 2

static const char *skip_blanks(const char *text) { return text + strspn(text, " \t\r\n"); }

bool sh_input_is_command(const char *text) {
  const char *start = skip_blanks(text);
  size_t size = strlen(start);
  if (*start && strchr("%!?", *start)) return true;
  while (size > 0 && strchr(" \t\r\n", start[size - 1])) size--;
  return size > 1 && start[size - 1] == '?' && !memchr(start, '\n', size);
}

/* ---- the next line ---- */

/* How many blocks and brackets are open at text[size]. */
static int depth_at(const char *text, size_t size) {
  int depth = 0;
  sh_lexer x = sh_lexer_new(text, size);
  for (sh_token t = sh_lex_code(&x); t.kind != SH_END; t = sh_lex_code(&x))
    depth += sh_block_change(&x, &t) + sh_bracket_change(&x, &t);
  return depth > 0 ? depth : 0;
}

/* Does the line begin with a word or bracket that belongs one level further out than the block? */
static bool closes(const char *line) {
  static const char *const words[] = {"end", "else", "elseif", "until", "}", ")", "]"};
  sh_lexer x = sh_lexer_new(line, strcspn(line, "\n"));
  sh_token t = sh_lex_code(&x);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (t.kind != SH_END && sh_token_is(&x, &t, words[i])) return true;
  return false;
}

/* Does the line break text[at] belong to a long string or comment, where blanks count? */
static bool in_long_token(const char *text, size_t at) {
  sh_lexer x = sh_lexer_new(text, at + 1);
  sh_token last = {0};
  for (sh_token t = sh_lex(&x); t.kind != SH_END; t = sh_lex(&x)) last = t;
  return last.end > at;
}

/* Where the last line of text[0, size) begins when it begins with what closes a block; else size.
 */
static size_t closing_line(const char *text, size_t size) {
  size_t start = size;
  while (start > 0 && text[start - 1] != '\n') start--;
  return start > 0 && closes(text + start) && !in_long_token(text, start - 1) ? start : size;
}

char *sh_input_enter(lua_State *L, const char *text, bool *more) {
  size_t size = strlen(text), start = closing_line(text, size);
  *more = !sh_input_is_command(text) && sh_try(L, text, size) == SH_INCOMPLETE;
  if (!*more && start == size) return NULL;
  int inner = depth_at(text, start), depth = depth_at(text, size);
  char *result = malloc(size + 2 + SH_INDENT * (size_t)(inner + depth)), *at = result;
  if (!result) {
    *more = false;
    return NULL;
  }
  at = mempcpy(at, text, start);
  if (start < size) {
    size_t indent = inner > 0 ? (size_t)(inner - 1) * SH_INDENT : 0;
    memset(at, ' ', indent);
    at = stpcpy(at + indent, text + start + strspn(text + start, " \t"));
  }
  if (*more) {
    *at++ = '\n';
    bool blanks_count = in_long_token(result, (size_t)(at - result) - 1);
    size_t indent = blanks_count ? 0 : (size_t)depth * SH_INDENT;
    memset(at, ' ', indent);
    at += indent;
  }
  *at = 0;
  return result;
}

/* ---- what was copied from a prompt ---- */

static const char first_prompt[] = "gpt> ", next_prompt[] = "...> ";

static bool begins_with(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *sh_input_after_prompt(const char *line) {
  return begins_with(line, next_prompt) ? line + strlen(next_prompt) : line;
}

void sh_input_strip_prompts(lua_State *L, char *text) {
  char *out = text;
  const char *input = text; /* where the current input of the transcript begins in the result */
  if (!begins_with(skip_blanks(text), first_prompt)) return;
  for (const char *line = skip_blanks(text), *next; *line; line = next) {
    size_t n = strcspn(line, "\n");
    next = line + n + (line[n] == '\n');
    bool first = begins_with(line, first_prompt), goes_on = begins_with(line, next_prompt);
    if (!first && !goes_on && sh_try(L, input, (size_t)(out - input)) != SH_INCOMPLETE) continue;
    if (first || goes_on) line += strlen(first_prompt), n -= strlen(first_prompt);
    if (out > text) *out++ = '\n';
    if (first) input = out;
    memmove(out, line, n);
    out += n;
  }
  *out = 0;
}
