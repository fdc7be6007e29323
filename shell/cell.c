/* cell.c: the percent format.  A marker is a comment line of its own: "--", blanks, at least two
 * percent signs, then a blank or the end of the line: "-- %% title [markdown] key=value". */
#include "shell/cell.h"
#include "shell/lexer.h"
#include "shell/session.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Reads a marker from the comment text[at, end); what follows the percent signs begins at *rest. */
static bool read_marker(const char *text, size_t at, size_t end, size_t *rest) {
  at += 2;
  while (at < end && is_blank(text[at])) at++;
  size_t percent = at;
  while (at < end && text[at] == '%') at++;
  if (at - percent < 2 || (at < end && !is_blank(text[at]))) return false;
  *rest = at;
  return true;
}

static bool begins_line(const char *text, size_t at) {
  while (at > 0 && is_blank(text[at - 1])) at--;
  return at == 0 || text[at - 1] == '\n';
}

/* Splits "title [type] key=value" into the cell's title and kind. */
static void read_heading(const char *text, size_t at, size_t end, sh_cell *cell) {
  while (at < end && is_blank(text[at])) at++;
  const char *open = memchr(text + at, '[', end - at);
  const char *close = open ? memchr(open, ']', (size_t)(text + end - open)) : NULL;
  size_t title_end = open ? (size_t)(open - text) : end;
  while (title_end > at && is_blank(text[title_end - 1])) title_end--;
  cell->title = at;
  cell->title_size = title_end - at;
  if (!close) return;
  static const char *const types[] = {"[markdown]", "[md]", "[raw]"};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strncmp(open, types[i], strlen(types[i])) == 0) cell->kind = SH_TEXT;
}

static sh_cell *add_cell(sh_cells *cells, int *capacity) {
  if (cells->count == *capacity) {
    *capacity = *capacity ? *capacity * 2 : 32;
    sh_cell *at = realloc(cells->at, (size_t)*capacity * sizeof *at);
    if (!at) return NULL;
    cells->at = at;
  }
  sh_cell *cell = &cells->at[cells->count++];
  *cell = (sh_cell){.kind = SH_CODE};
  return cell;
}

bool sh_cells_find(const char *text, size_t size, sh_cells *out) {
  *out = (sh_cells){0};
  int capacity = 0, number = 0;
  sh_cell *cell = add_cell(out, &capacity);
  if (!cell) return false;
  cell->line = 1;
  sh_lexer x = sh_lexer_new(text, size);
  for (sh_token t = sh_lex(&x); t.kind != SH_END; t = sh_lex(&x)) {
    size_t rest;
    if (t.kind != SH_COMMENT || !begins_line(text, t.start) ||
        !read_marker(text, t.start, t.end, &rest))
      continue;
    cell->end = t.start;
    cell = add_cell(out, &capacity);
    if (!cell) {
      free(out->at);
      return false;
    }
    cell->number = ++number;
    cell->start = t.end;
    cell->line = t.line;
    read_heading(text, rest, t.end, cell);
  }
  cell->end = size;
  if (number == 0) out->count = 0;
  return true;
}

/* Text cells hold comments only: anything else would run under plain Lua and not here. */
static bool check_text(lua_State *L, const char *text, const sh_cell *cell, const char *name) {
  sh_lexer x = sh_lexer_new(text + cell->start, cell->end - cell->start);
  sh_token token = sh_lex_code(&x);
  if (token.kind == SH_END) return true;
  lua_pushfstring(L, "%s:%d: code in a text cell", name + 1, cell->line + token.line - 1);
  return false;
}

bool sh_cells_run(lua_State *L, const char *text, const sh_cells *cells, const char *name) {
  for (int i = 0; i < cells->count; i++) {
    const sh_cell *cell = &cells->at[i];
    bool ok;
    if (cell->kind == SH_TEXT) {
      ok = check_text(L, text, cell, name);
    } else {
      sh_source source = {.text = text + cell->start,
                          .size = cell->end - cell->start,
                          .name = name,
                          .first_line = cell->line,
                          .mode = SH_CELL};
      ok = sh_run(L, &source) == SH_DONE;
    }
    if (ok) continue;
    if (cell->number > 0) {
      lua_pushfstring(L, "\n  in cell %d ", cell->number);
      lua_pushlstring(L, text + cell->title, cell->title_size);
      lua_concat(L, 3);
    }
    return false;
  }
  return true;
}
