/* repl.h: the prompt. */
#ifndef SH_REPL_H
#define SH_REPL_H

#include <lua.h>

/* Reads, runs and shows inputs until Ctrl-D or `quit`. */
void sh_repl(lua_State *L);

#endif
