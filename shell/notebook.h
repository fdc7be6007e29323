/* notebook.h: what the notebook runner, which is Lua (lua/lib/nb/), needs of the shell. */
#ifndef SH_NOTEBOOK_H
#define SH_NOTEBOOK_H

#include <lua.h>

/* Makes require "native.notebook" answer the functions listed at the end of notebook.c. */
void sh_notebook_open(lua_State *L);

#endif
