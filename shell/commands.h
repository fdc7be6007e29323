/* commands.h: what the commands of the prompt (lua/lib/shell) need of C: require "native.shell". */
#ifndef SH_COMMANDS_H
#define SH_COMMANDS_H

#include <lua.h>

void sh_commands_open(lua_State *L);

#endif
