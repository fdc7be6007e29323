/* commands.h: what the commands of the prompt (lua/lib/shell) need of C: require "native.shell". */
#ifndef SH_COMMANDS_H
#define SH_COMMANDS_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

void sh_commands_open(lua_State *L);

/* Makes the folders above a file, for the user alone; false, with errno, when one cannot be made.
 */
bool sh_make_folders(char *path);

/* Writes $VARIABLE/gptsh/NAME, or $HOME/BELOW_HOME/gptsh/NAME when the variable holds no absolute
 * path; false when there is no home or no room. */
bool sh_user_path(char *path, size_t size, const char *variable, const char *below_home,
                  const char *name);

#endif
