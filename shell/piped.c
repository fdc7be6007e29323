/* piped.c: code that comes from stdin: one input, inputs as they are typed at the prompt, or a
 * script.
 *
 * `echo 'math.sqrt(4)' | gptsh` shows what the prompt shows, and so do several inputs, one after
 * the other.  Scripts print what they want to: a text with a top-level `local` is one, and so is
 * one whose lines are not inputs by themselves. */
#include "shell/piped.h"
#include "lua/bind/bind.h"
#include "shell/chunk.h"
#include "shell/lexer.h"

#include <stdlib.h>
#include <string.h>

/* Input i is text[inputs[i].at, inputs[i + 1].at). */
typedef struct plan {
  sh_start *inputs;
  int count;
  bool ambiguous; /* an input may as well continue the one before it */
  int refused;    /* the first input that Lua does not accept, or -1 */
} plan;

static size_t end_of(const sh_source *s, const plan *p, int i) {
  return i + 1 < p->count ? p->inputs[i + 1].at : s->size;
}

/* Joins the lines of the outline to inputs, each as short as Lua accepts it. */
static bool make_plan(lua_State *L, const sh_source *s, plan *out) {
  sh_outline outline;
  if (!sh_outline_make(s->text, s->size, &outline)) return false;
  *out = (plan){.inputs = outline.starts, .refused = -1};
  for (int i = 0, line = 0; i < outline.count; i++) {
    sh_start start = outline.starts[i];
    if (start.line == line) continue; /* after a semicolon */
    line = start.line;
    size_t from = out->count > 0 ? out->inputs[out->count - 1].at : 0;
    sh_result before = out->count > 0 ? sh_try(L, s->text + from, start.at - from) : SH_DONE;
    if (before == SH_INCOMPLETE) continue;
    if (before == SH_FAILED && out->refused < 0) out->refused = out->count - 1;
    out->ambiguous = out->ambiguous || start.ambiguous;
    out->inputs[out->count++] = start; /* count <= i */
  }
  size_t last = out->count > 0 ? out->inputs[out->count - 1].at : 0;
  if (out->count > 0 && out->refused < 0 && sh_try(L, s->text + last, s->size - last) != SH_DONE)
    out->refused = out->count - 1;
  return true;
}

static bool has_local(const sh_source *s) {
  int depth = 0;
  sh_lexer x = sh_lexer_new(s->text, s->size);
  for (sh_token t = sh_lex_code(&x); t.kind != SH_END; t = sh_lex_code(&x)) {
    depth += sh_block_change(&x, &t);
    if (depth == 0 && sh_token_is(&x, &t, "local")) return true;
  }
  return false;
}

static sh_result run_input(lua_State *L, const sh_source *s, const plan *p, int i) {
  size_t at = p->inputs[i].at;
  sh_source input = {.text = s->text + at,
                     .size = end_of(s, p, i) - at,
                     .name = s->name,
                     .first_line = p->inputs[i].line,
                     .mode = SH_CELL};
  return sh_run(L, &input);
}

static sh_result run_inputs(lua_State *L, const sh_source *s, const plan *p) {
  sh_result result = SH_DONE;
  for (int i = 0; i < p->count && result == SH_DONE; i++) result = run_input(L, s, p, i);
  return result;
}

/* `return x` at the end is there to be shown. */
static bool ends_in_return(const sh_source *s, const plan *p) {
  sh_lexer x = sh_lexer_new(s->text, s->size);
  x.at = p->inputs[p->count - 1].at;
  sh_token first = sh_lex_code(&x);
  return sh_token_is(&x, &first, "return");
}

/* "%name …", "help NAME": says where these are read; its message is left on the stack. */
static sh_result refuse_special(lua_State *L, const sh_source *s) {
  if (!strpbrk(s->text, "%!?") && !strstr(s->text, "help")) return SH_DONE;
  lua_pushcfunction(L, gtlua_require);
  lua_pushliteral(L, "shell.special");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) return SH_FAILED;
  lua_getfield(L, -1, "refuse");
  lua_replace(L, -2);
  lua_pushlstring(L, s->text, s->size);
  return lua_pcall(L, 1, 0, 0) == LUA_OK ? SH_DONE : SH_FAILED;
}

sh_result sh_run_piped(lua_State *L, const sh_source *text) {
  sh_source whole = *text;
  sh_show show;
  plan p;
  if (refuse_special(L, text) != SH_DONE) return SH_FAILED;
  if (!make_plan(L, text, &p)) {
    lua_pushliteral(L, "not enough memory");
    return SH_FAILED;
  }
  bool script = sh_compile(L, &whole, &show) == SH_DONE;
  lua_pop(L, 1);
  sh_result result;
  bool chunk = script && show != SH_SHOW_REST; /* without an expression at its end */
  if (p.count > 1 && p.refused < 0 && !(script && has_local(text)) && !(chunk && p.ambiguous)) {
    result = run_inputs(L, text, &p);
  } else if (!script && p.refused > 0) {
    result = run_input(L, text, &p, p.refused); /* for its message */
  } else {
    if (p.count == 1 || (p.count > 1 && ends_in_return(text, &p))) whole.mode = SH_INPUT;
    result = sh_run(L, &whole);
  }
  free(p.inputs);
  return result;
}
