/* library.h: the functions of Lua's library that Ctrl-C could not stop: hooks run between
 * instructions of Lua, and these can stay in C for longer than the 200 ms within which the prompt
 * comes back.
 *
 * - find, match, gmatch, gsub: backtracking takes time without bound, ("a-"):rep(20) on 5000 bytes.
 *   No limit of steps tells it from honest work, and a jump out of Lua's own matcher would leave
 *   its buffers: so it is written again.
 * - string.find, plain: Lua's takes 7 s for 5e5 bytes in 1e6, memmem none.
 * - string.rep: Lua's copies 250 MB in a second when the unit is a byte.
 * - table.sort: 3e5 numbers in 200 ms.
 * - table.move: as long as its numbers say, whatever the table holds.
 * - table.insert, remove, concat: as long as __len or its numbers say.
 *
 * What is linear at some hundred MB in 200 ms stays Lua's: lower, upper, reverse, format. */
#ifndef SH_LIBRARY_H
#define SH_LIBRARY_H

#include <lua.h>

/* They take the place of Lua's. */
void sh_strings_open(lua_State *L);
void sh_tables_open(lua_State *L);

#endif
