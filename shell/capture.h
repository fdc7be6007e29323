/* capture.h: what the process writes to stdout, recorded while it still goes where it went before.
 *
 * Descriptor 1 becomes a pipe; a thread passes on what comes out of it and keeps a copy.  That also
 * records child programs.  Until it ends, stdout is not a terminal. */
#ifndef SH_CAPTURE_H
#define SH_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>

/* False, with errno, when it cannot begin. */
bool sh_capture_start(void);
/* Bytes recorded since the last call, all that was written up to now; free() them.  NULL when
 * memory was short.  At most 64 MiB are kept of one recording; *lost counts the rest. */
char *sh_capture_take(size_t *size, size_t *lost);
/* Puts stdout back.  Returns errno of the first failure to pass output on, or 0. */
int sh_capture_stop(void);

#endif
