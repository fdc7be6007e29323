/* terminal.h: what the two output streams are: a terminal or not, how wide, colours, UTF-8. */
#ifndef SH_TERMINAL_H
#define SH_TERMINAL_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum sh_colour { SH_COLOUR_AUTO, SH_COLOUR_ALWAYS, SH_COLOUR_NEVER } sh_colour;

/* Colours from now on, in place of what sh_terminal_colour() finds out by itself. */
void sh_terminal_set_colour(sh_colour when);

/* stream: 1 stdout, 2 stderr.  Colour: not with NO_COLOR, always with CLICOLOR_FORCE, else on
 * terminals that are not "dumb". */
bool sh_terminal_is(int stream);
bool sh_terminal_colour(int stream);
/* Columns and rows: of the terminal, else COLUMNS and LINES, else 80 and 24. */
void sh_terminal_size(int stream, int *columns, int *rows);

/* Writes the question, which must end with that for the attributes (ESC [ c), to the terminal and
 * reads the answers, unseen, for 0.3 s at most.  False without a terminal. */
bool sh_terminal_ask(const char *question, char *answer, size_t room, size_t *size);

/* Makes require "native.terminal" answer the functions is(stream), redraws(stream) (can it go back
 * in its line), colour(stream), utf8(), width(text) in terminal cells, size(stream) -> columns,
 * rows, pixels across (0: not known) and ask(question) -> answer for the embedded library. */
void sh_terminal_open(lua_State *L);

#endif
