/* terminal.h: what the two output streams are: a terminal or not, how wide, colours, UTF-8. */
#ifndef SH_TERMINAL_H
#define SH_TERMINAL_H

#include <lua.h>
#include <stdbool.h>

/* stream: 1 stdout, 2 stderr.  Colour: not with NO_COLOR, always with CLICOLOR_FORCE, else on
 * terminals that are not "dumb". */
bool sh_terminal_is(int stream);
bool sh_terminal_colour(int stream);
/* Columns and rows: of the terminal, else COLUMNS and LINES, else 80 and 24. */
void sh_terminal_size(int stream, int *columns, int *rows);

/* Makes require "native.terminal" answer the functions is(stream), colour(stream), utf8(),
 * width(text) in terminal cells and size(stream) -> columns, rows for the embedded library. */
void sh_terminal_open(lua_State *L);

#endif
