/* chunk.c: persistent top-level locals and candidates for "the last expression", on tokens alone.
 */
#include "shell/chunk.h"
#include "shell/lexer.h"

#include <stdlib.h>
#include <string.h>

/* ---- locals ---- */

typedef struct output {
  char *data;
  size_t size, capacity;
  bool failed;
} output;

static void put(output *o, const char *bytes, size_t n) {
  if (o->size + n + 1 > o->capacity && !o->failed) {
    size_t capacity = (o->size + n + 1) * 2;
    char *data = realloc(o->data, capacity);
    o->failed = !data;
    if (data) o->data = data, o->capacity = capacity;
  }
  if (o->failed) return;
  if (n) memcpy(o->data + o->size, bytes, n);
  o->size += n;
  o->data[o->size] = 0;
}

/* A declaration `local name <attribute>, name …`, read ahead of the main scan. */
typedef struct declaration {
  bool keep;     /* <close> or _ENV: stays a local */
  bool function; /* local function name */
  bool assigned; /* an `=` follows */
  size_t end;    /* after its last name or attribute */
} declaration;

/* Reads from after the keyword; `visit` (may be NULL) gets each name, `blank` each attribute. */
static declaration read_declaration(sh_lexer x, sh_declare visit, void *data, char *blank) {
  declaration d = {.end = x.at};
  sh_token token = sh_lex_code(&x);
  if (sh_token_is(&x, &token, "function")) {
    d.function = true;
    token = sh_lex_code(&x);
  }
  for (;;) {
    if (token.kind != SH_NAME) break;
    if (sh_token_is(&x, &token, "_ENV")) d.keep = true;
    if (visit) visit(data, x.text + token.start, token.end - token.start);
    d.end = token.end;
    if (d.function) break;
    token = sh_lex_code(&x);
    if (sh_token_is(&x, &token, "<")) {
      size_t start = token.start;
      sh_token attribute = sh_lex_code(&x);
      if (sh_token_is(&x, &attribute, "close")) d.keep = true;
      token = sh_lex_code(&x); /* the closing > */
      if (blank) memset(blank + start, ' ', token.end - start);
      d.end = token.end;
      token = sh_lex_code(&x);
    }
    if (!sh_token_is(&x, &token, ",")) break;
    token = sh_lex_code(&x);
  }
  d.assigned = sh_token_is(&x, &token, "=");
  return d;
}

char *sh_blank_locals(const char *text, size_t size, sh_declare declare, void *data,
                      size_t *out_size) {
  char *blanked = malloc(size + 1); /* the text with keywords and attributes replaced by spaces */
  if (!blanked) return NULL;
  memcpy(blanked, text, size);
  output o = {0};
  put(&o, "", 0);
  size_t copied = 0;
  int depth = 0;
  sh_lexer x = sh_lexer_new(text, size);
  for (sh_token t = sh_lex_code(&x); t.kind != SH_END; t = sh_lex_code(&x)) {
    depth += sh_block_change(&x, &t);
    if (depth != 0 || !sh_token_is(&x, &t, "local")) continue;
    declaration d = read_declaration(x, NULL, NULL, NULL);
    if (d.keep) continue;
    memset(blanked + t.start, ' ', t.end - t.start);
    read_declaration(x, declare, data, blanked);
    if (d.function || d.assigned) continue;
    put(&o, blanked + copied, d.end - copied);
    put(&o, "=nil", 4);
    copied = d.end;
  }
  put(&o, blanked + copied, size - copied);
  free(blanked);
  if (o.failed) {
    free(o.data);
    return NULL;
  }
  *out_size = o.size;
  return o.data;
}

/* ---- the last expression ---- */

static bool may_continue(const char *text, const sh_token *token) {
  return token->kind == SH_STRING ||
         (token->kind == SH_SYMBOL && strchr("([{-~", text[token->start]) != NULL);
}

bool sh_outline_make(const char *text, size_t size, sh_outline *out) {
  *out = (sh_outline){0};
  int capacity = 0, depth = 0, line = 0;
  bool after_semicolon = false;
  sh_lexer x = sh_lexer_new(text, size);
  for (sh_token t = sh_lex_code(&x); t.kind != SH_END; t = sh_lex_code(&x)) {
    bool semicolon = sh_token_is(&x, &t, ";");
    if (depth == 0 && !semicolon && (t.line != line || after_semicolon)) {
      if (out->count == capacity) {
        capacity = capacity ? capacity * 2 : 64;
        sh_start *starts = realloc(out->starts, (size_t)capacity * sizeof *starts);
        if (!starts) {
          free(out->starts);
          return false;
        }
        out->starts = starts;
      }
      out->starts[out->count++] =
          (sh_start){t.start, t.line, !after_semicolon && may_continue(text, &t)};
    }
    depth += sh_block_change(&x, &t) + sh_bracket_change(&x, &t);
    line = x.line; /* where the token ends: a long string may span lines */
    after_semicolon = semicolon;
    out->quiet = semicolon && depth == 0;
  }
  return true;
}
