/* cell.c: the percent format.  A marker is a comment line of its own: "--", blanks, at least two
 * percent signs, then a blank or the end of the line. */
#include "shell/cell.h"
#include "shell/lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static size_t skip_blanks(const char *text, size_t at, size_t end) {
  while (at < end && is_blank(text[at])) at++;
  return at;
}

/* Reads a marker from the comment text[at, end); what follows the percent signs begins at *rest. */
static bool read_marker(const char *text, size_t at, size_t end, size_t *rest) {
  at = skip_blanks(text, at + 2, end);
  size_t percent = at;
  while (at < end && text[at] == '%') at++;
  if (at - percent < 2 || (at < end && !is_blank(text[at]))) return false;
  *rest = at;
  return true;
}

bool sh_cell_looks_like_marker(const char *text, size_t at, size_t end) {
  size_t rest;
  at = skip_blanks(text, at, end);
  return at + 1 < end && text[at] == '-' && text[at + 1] == '-' &&
         read_marker(text, at, end, &rest);
}

static bool begins_line(const char *text, size_t at, size_t from) {
  while (at > from && is_blank(text[at - 1])) at--;
  return at == from || text[at - 1] == '\n';
}

/* ---- keys ---- */

static bool in_name(char c) { return isalnum((unsigned char)c) || strchr("_.-", c) != NULL; }

/* End of the JSON string that opens at text[at], or 0. */
static size_t string_end(const char *text, size_t at, size_t end) {
  for (at++; at < end && text[at] != '"'; at++)
    if (text[at] == '\\') at++;
  return at < end ? at + 1 : 0;
}

static size_t array_end(const char *text, size_t at, size_t end) {
  int depth = 0;
  while (at < end) {
    if (text[at] == '"') {
      at = string_end(text, at, end);
      if (at == 0) return 0;
      continue;
    }
    depth += text[at] == '[' ? 1 : text[at] == ']' ? -1 : 0;
    at++;
    if (depth == 0) return at;
  }
  return 0;
}

static size_t word_end(const char *text, size_t at, size_t end) {
  static const char *const words[] = {"true", "false", "null"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    size_t n = strlen(words[i]);
    if (end - at >= n && memcmp(text + at, words[i], n) == 0) return at + n;
  }
  size_t start = at;
  while (at < end && (isdigit((unsigned char)text[at]) || strchr("+-.eE", text[at]))) at++;
  return at > start && isdigit((unsigned char)text[at - 1]) ? at : 0;
}

bool sh_cell_next_key(const char *text, size_t *at, size_t end, sh_cell_key *out) {
  size_t i = skip_blanks(text, *at, end);
  *out = (sh_cell_key){.name = i};
  if (i >= end || !(isalpha((unsigned char)text[i]) || text[i] == '_')) return false;
  while (i < end && in_name(text[i])) i++;
  out->name_size = i - out->name;
  if (i < end && text[i] == '=') {
    out->value = ++i;
    if (i < end)
      i = text[i] == '"'   ? string_end(text, i, end)
          : text[i] == '[' ? array_end(text, i, end)
                           : word_end(text, i, end);
    if (i <= out->value) return false;
    out->value_size = i - out->value;
  }
  if (i < end && !is_blank(text[i])) return false;
  *at = i;
  return true;
}

/* Is all of text[at, end) keys, the first of them with a value unless `bare`? */
static bool are_keys(const char *text, size_t at, size_t end, bool bare) {
  sh_cell_key key;
  for (bool first = true; skip_blanks(text, at, end) < end; first = false) {
    if (!sh_cell_next_key(text, &at, end, &key)) return false;
    if (first && !bare && key.value_size == 0) return false;
  }
  return true;
}

/* ---- headings ---- */

/* Length of the type at text[at, end), 0 for none; *kind says which. */
static size_t read_type(const char *text, size_t at, size_t end, sh_cell_kind *kind) {
  static const struct {
    const char *word;
    sh_cell_kind kind;
  } types[] = {
      {"[markdown]", SH_MARKDOWN}, {"[md]", SH_MARKDOWN}, {"[raw]", SH_RAW}, {"[code]", SH_CODE}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    size_t n = strlen(types[i].word);
    if (end - at < n || memcmp(text + at, types[i].word, n) != 0) continue;
    if (at + n < end && !is_blank(text[at + n])) continue;
    *kind = types[i].kind;
    return n;
  }
  return 0;
}

static size_t next_word(const char *text, size_t at, size_t end) {
  while (at < end && !is_blank(text[at])) at++;
  return skip_blanks(text, at, end);
}

/* Splits "title [type] key=value" of text[at, end). */
static void read_heading(const char *text, size_t at, size_t end, sh_cell *cell) {
  while (end > at && is_blank(text[end - 1])) end--;
  at = skip_blanks(text, at, end);
  size_t title = at, title_end = at, type = 0;
  for (; at < end; at = next_word(text, at, end)) {
    bool titled = title_end > title;
    if (type == 0 && (type = read_type(text, at, end, &cell->kind)) > 0) {
      size_t after = skip_blanks(text, at + type, end);
      if (titled && are_keys(text, after, end, true)) {
        at = after;
        break;
      }
      if (!titled) title = title_end = after;
      if (after == end || are_keys(text, after, end, false)) {
        at = after;
        break;
      }
      if (!titled) at = after;
    } else if (are_keys(text, at, end, false)) {
      break;
    }
    title_end = at;
    while (title_end < end && !is_blank(text[title_end])) title_end++;
  }
  cell->title = title;
  cell->title_size = title_end - title;
  cell->keys = at;
  cell->keys_end = end;
}

/* ---- cells ---- */

size_t sh_cells_preamble(const char *text, size_t size) {
  size_t at = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
  if (at < size && text[at] == '#')
    while (at < size && text[at] != '\n') at++;
  return at;
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

bool sh_cells_find(const char *text, size_t from, size_t size, sh_cells *out) {
  *out = (sh_cells){0};
  int capacity = 0, number = 0;
  sh_cell *cell = add_cell(out, &capacity);
  if (!cell) return false;
  *cell = (sh_cell){.marker = from, .start = from, .line = 1};
  sh_lexer x = sh_lexer_new(text, size);
  x.at = from;
  for (sh_token t = sh_lex(&x); t.kind != SH_END; t = sh_lex(&x)) {
    size_t rest;
    if (t.kind != SH_COMMENT || !begins_line(text, t.start, from) ||
        !read_marker(text, t.start, t.end, &rest))
      continue;
    cell->end = t.start;
    cell = add_cell(out, &capacity);
    if (!cell) {
      free(out->at);
      return false;
    }
    cell->number = ++number;
    cell->marker = t.start;
    cell->start = t.end;
    cell->line = t.line;
    read_heading(text, rest, t.end, cell);
  }
  cell->end = size;
  if (number == 0) out->count = 0;
  return true;
}
