/* lexer.c: a scanner for Lua 5.4 tokens that never fails. */
#include "shell/lexer.h"

#include <ctype.h>
#include <string.h>

sh_lexer sh_lexer_new(const char *text, size_t size) {
  return (sh_lexer){.text = text, .size = size, .at = 0, .line = 1};
}

static int peek(const sh_lexer *x, size_t ahead) {
  return x->at + ahead < x->size ? (unsigned char)x->text[x->at + ahead] : -1;
}

static void step(sh_lexer *x) {
  if (x->text[x->at++] == '\n') x->line++;
}

/* Level of a long bracket "[==[" that opens here, or -1. */
static int long_level(const sh_lexer *x) {
  if (peek(x, 0) != '[') return -1;
  int level = 0;
  while (peek(x, 1 + (size_t)level) == '=') level++;
  return peek(x, 1 + (size_t)level) == '[' ? level : -1;
}

static void skip_long(sh_lexer *x, int level) {
  for (x->at += (size_t)level + 2; x->at < x->size; step(x)) {
    if (peek(x, 0) != ']') continue;
    int n = 0;
    while (peek(x, 1 + (size_t)n) == '=') n++;
    if (n == level && peek(x, 1 + (size_t)n) == ']') {
      x->at += (size_t)level + 2;
      return;
    }
  }
}

static void skip_line(sh_lexer *x) {
  while (x->at < x->size && x->text[x->at] != '\n') x->at++;
}

/* A short string ends at its quote, or unfinished at the end of the line; \z swallows line breaks.
 */
static void skip_string(sh_lexer *x) {
  char quote = x->text[x->at++];
  while (x->at < x->size && x->text[x->at] != quote && x->text[x->at] != '\n') {
    if (x->text[x->at] != '\\') {
      x->at++;
    } else if (peek(x, 1) == 'z') {
      x->at += 2;
      while (x->at < x->size && isspace((unsigned char)x->text[x->at])) step(x);
    } else {
      x->at++;
      if (peek(x, 0) == '\r' && peek(x, 1) == '\n') x->at++;
      if (x->at < x->size) step(x);
    }
  }
  if (x->at < x->size && x->text[x->at] == quote) x->at++;
}

/* Digits, letters and points, and a sign after an exponent mark, as Lua reads numerals. */
static void skip_number(sh_lexer *x) {
  bool hex = peek(x, 0) == '0' && tolower(peek(x, 1)) == 'x';
  while (isalnum(peek(x, 0)) || peek(x, 0) == '.') {
    int c = tolower(peek(x, 0));
    x->at++;
    if (c == (hex ? 'p' : 'e') && (peek(x, 0) == '+' || peek(x, 0) == '-')) x->at++;
  }
}

sh_token sh_lex(sh_lexer *x) {
  while (x->at < x->size && (isspace((unsigned char)x->text[x->at]) || x->text[x->at] == 0))
    step(x);
  sh_token token = {.kind = SH_END, .start = x->at, .end = x->at, .line = x->line};
  int c = peek(x, 0);
  int level = long_level(x);
  if (c < 0) return token;
  if (isalpha(c) || c == '_') {
    token.kind = SH_NAME;
    while (isalnum(peek(x, 0)) || peek(x, 0) == '_') x->at++;
  } else if (isdigit(c) || (c == '.' && isdigit(peek(x, 1)))) {
    token.kind = SH_NUMBER;
    skip_number(x);
  } else if (c == '"' || c == '\'') {
    token.kind = SH_STRING;
    skip_string(x);
  } else if (level >= 0) {
    token.kind = SH_STRING;
    skip_long(x, level);
  } else if (c == '-' && peek(x, 1) == '-') {
    token.kind = SH_COMMENT;
    x->at += 2;
    level = long_level(x);
    if (level >= 0)
      skip_long(x, level);
    else
      skip_line(x);
  } else {
    token.kind = SH_SYMBOL;
    x->at++;
  }
  if (x->at > x->size) x->at = x->size;
  token.end = x->at;
  return token;
}

sh_token sh_lex_code(sh_lexer *x) {
  sh_token token = sh_lex(x);
  while (token.kind == SH_COMMENT) token = sh_lex(x);
  return token;
}

bool sh_token_is(const sh_lexer *x, const sh_token *token, const char *word) {
  size_t n = strlen(word);
  return (token->kind == SH_NAME || token->kind == SH_SYMBOL) && token->end - token->start == n &&
         memcmp(x->text + token->start, word, n) == 0;
}

int sh_block_change(const sh_lexer *x, const sh_token *token) {
  static const char *const opening[] = {"function", "do", "if", "repeat"};
  if (token->kind != SH_NAME) return 0;
  for (size_t i = 0; i < sizeof opening / sizeof *opening; i++)
    if (sh_token_is(x, token, opening[i])) return 1;
  return sh_token_is(x, token, "end") || sh_token_is(x, token, "until") ? -1 : 0;
}

int sh_bracket_change(const sh_lexer *x, const sh_token *token) {
  if (token->kind != SH_SYMBOL) return 0;
  char c = x->text[token->start];
  if (c == '(' || c == '{' || c == '[') return 1;
  return c == ')' || c == '}' || c == ']' ? -1 : 0;
}
