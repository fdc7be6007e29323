/* chunk.h: what happens to the text of a cell or prompt input before Lua compiles it. */
#ifndef SH_CHUNK_H
#define SH_CHUNK_H

#include <stdbool.h>
#include <stddef.h>

/* Calls `declare` with each name that a top-level `local` of the text declares. */
typedef void (*sh_declare)(void *data, const char *name, size_t size);

/* Turns top-level `local` declarations into assignments by blanking the keyword, so that lines and
 * columns stay.  A declaration with <close>, or of _ENV, stays a real local.  Returns new text
 * (free it) or NULL when memory is short. */
char *sh_blank_locals(const char *text, size_t size, sh_declare declare, void *data,
                      size_t *out_size);

/* Where the last expression of a chunk may begin. */
typedef struct sh_start {
  size_t at;
  int line;       /* from 1 */
  bool ambiguous; /* begins with ( [ { - ~ or a quote: may continue the statement before it */
} sh_start;

typedef struct sh_outline {
  sh_start *starts; /* in order; free() it */
  int count;
  bool quiet; /* the chunk ends in a semicolon: its value is not shown */
} sh_outline;

/* Fills `out`; false when memory is short. */
bool sh_outline_make(const char *text, size_t size, sh_outline *out);

#endif
