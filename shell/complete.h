/* complete.h: completion at the prompt: lua/lib/shell/complete.lua, as the editor wants it. */
#ifndef SH_COMPLETE_H
#define SH_COMPLETE_H

/* An sh_line_helper's `complete` whose data is a lua_State. */
char *sh_complete(void *data, const char *before, const char *word, int n);

#endif
