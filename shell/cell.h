/* cell.h: notebooks: Lua files whose cells begin with lines like "-- %% title [markdown]
 * key=value".
 *
 *   rest  = [title] ["[" type "]"] {key ["=" value]}      what follows the percent signs
 *   key   = letter or "_", then letters, digits, "_", ".", "-"
 *   value = JSON string | number | true | false | null | array
 *
 * A key without a value is recognised after a type or after a key that has one; otherwise it is a
 * word of the title.  A type may come before the title. */
#ifndef SH_CELL_H
#define SH_CELL_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sh_cell_kind {
  SH_CODE,
  SH_MARKDOWN, /* comments only, not run */
  SH_RAW       /* the same */
} sh_cell_kind;

typedef struct sh_cell {
  sh_cell_kind kind;
  int number;        /* of its marker, from 1; 0 before the first marker */
  size_t marker;     /* where its marker begins */
  size_t start, end; /* body: text[start, end) */
  int line;          /* of the body's first character: the marker's own line */
  size_t title, title_size;
  size_t keys, keys_end; /* text[keys, keys_end) */
} sh_cell;

typedef struct sh_cells {
  sh_cell *at; /* free() it */
  int count;   /* 0: no markers, a plain script */
} sh_cells;

/* One key of a marker, as spans of the text; a bare key has no value (value_size 0). */
typedef struct sh_cell_key {
  size_t name, name_size, value, value_size;
} sh_cell_key;

/* Size of a byte order mark and a first line that begins with "#!"; its line break not counted. */
size_t sh_cells_preamble(const char *text, size_t size);

/* Finds the cells of text[from, size); a marker inside a long string or comment is none.  False
 * when memory is short. */
bool sh_cells_find(const char *text, size_t from, size_t size, sh_cells *out);

/* Reads the key at text[*at, end) and moves *at past it; false when there is none. */
bool sh_cell_next_key(const char *text, size_t *at, size_t end, sh_cell_key *out);

/* Would other programs, which look at lines and not at Lua, take text[at, end), a line, for a
 * marker? */
bool sh_cell_looks_like_marker(const char *text, size_t at, size_t end);

#endif
