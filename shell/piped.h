/* piped.h: code that comes from stdin. */
#ifndef SH_PIPED_H
#define SH_PIPED_H

#include "shell/session.h"

/* Runs the text; an error message is left on the stack. */
sh_result sh_run_piped(lua_State *L, const sh_source *text);

#endif
