/* library.h: functions of Lua's library that may run for long without coming back to Lua, as ones
 * that Ctrl-C can stop: string.find, match, gmatch, gsub, rep, lower, upper and reverse, and
 * table.sort. */
#ifndef SH_LIBRARY_H
#define SH_LIBRARY_H

#include <lua.h>

/* They take the place of Lua's. */
void sh_strings_open(lua_State *L);
void sh_tables_open(lua_State *L);

#endif
