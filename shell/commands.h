/* commands.h: what the commands of the prompt (lua/lib/shell) need of C: require "native.shell". */
#ifndef SH_COMMANDS_H
#define SH_COMMANDS_H

#include <lua.h>
#include <stdbool.h>

void sh_commands_open(lua_State *L);

/* Makes the folders above a file, for the user alone; false, with errno, when one cannot be made.
 */
bool sh_make_folders(char *path);

#endif
