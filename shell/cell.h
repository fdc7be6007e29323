/* cell.h: notebooks: Lua files whose cells begin with lines like "-- %% title". */
#ifndef SH_CELL_H
#define SH_CELL_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum sh_cell_kind {
  SH_CODE,
  SH_TEXT /* markdown or raw: comments only, not run */
} sh_cell_kind;

typedef struct sh_cell {
  sh_cell_kind kind;
  int number;        /* of its marker, from 1; 0 before the first marker */
  size_t start, end; /* body: text[start, end) */
  int line;          /* of the body's first character */
  size_t title, title_size;
} sh_cell;

typedef struct sh_cells {
  sh_cell *at; /* free() it */
  int count;   /* 0: no markers, a plain script */
} sh_cells;

/* Finds the cells; a marker inside a long string or comment is none.  False when memory is short.
 */
bool sh_cells_find(const char *text, size_t size, sh_cells *out);

/* Runs the cells in order, shows their values, stops at the first error; `name` is the chunk name.
 * False after an error, which is left on the stack as text. */
bool sh_cells_run(lua_State *L, const char *text, const sh_cells *cells, const char *name);

#endif
