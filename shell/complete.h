/* complete.h: names for the Tab key, found by raw access only: completing runs no user code. */
#ifndef SH_COMPLETE_H
#define SH_COMPLETE_H

/* An sh_completer whose data is the lua_State. */
char *sh_complete(void *L, const char *word, int n);

#endif
