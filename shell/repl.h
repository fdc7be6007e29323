/* repl.h: the prompt. */
#ifndef SH_REPL_H
#define SH_REPL_H

#include <lua.h>
#include <stdbool.h>

/* Reads, runs and shows inputs until Ctrl-D or `quit`.  `resume`: asks first whether to run those
 * of the last session again. */
void sh_repl(lua_State *L, bool resume);

#endif
