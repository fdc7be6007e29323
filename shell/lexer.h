/* lexer.h: the tokens of Lua source, comments included: as much as is needed to find cell markers,
 * top-level declarations and the last expression.  It accepts anything; the Lua compiler reports
 * what is wrong. */
#ifndef SH_LEXER_H
#define SH_LEXER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sh_token_kind {
  SH_END,
  SH_NAME, /* names and keywords */
  SH_NUMBER,
  SH_STRING,  /* short or long */
  SH_COMMENT, /* short or long */
  SH_SYMBOL   /* one character; three dots are three tokens */
} sh_token_kind;

typedef struct sh_token {
  sh_token_kind kind;
  size_t start, end; /* text[start, end) */
  int line;          /* of its first character, from 1 */
} sh_token;

typedef struct sh_lexer {
  const char *text;
  size_t size, at;
  int line;
} sh_lexer;

sh_lexer sh_lexer_new(const char *text, size_t size);
sh_token sh_lex(sh_lexer *x);      /* the next token, comments included */
sh_token sh_lex_code(sh_lexer *x); /* the next token that is not a comment */
bool sh_token_is(const sh_lexer *x, const sh_token *token, const char *word);
/* How a token changes the depth of blocks (+1 opens, -1 closes) and of brackets. */
int sh_block_change(const sh_lexer *x, const sh_token *token);
int sh_bracket_change(const sh_lexer *x, const sh_token *token);

#endif
