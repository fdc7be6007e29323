/* history.h: the file of what was typed at earlier prompts. */
#ifndef SH_HISTORY_H
#define SH_HISTORY_H

#include <stdbool.h>

/* May the file be read and written?  Makes one that is not there. */
bool sh_history_usable(const char *path);

/* Gets the entries of the file in order, each with its line "#seconds", or NULL. */
typedef void sh_history_add(const char *text, const char *stamp);

/* Reads the end of the file, so that a long one costs nothing. */
void sh_history_read(const char *path, sh_history_add *add);

#endif
