/* atomic.h: replacing a file so that its path always holds the whole old or the whole new content,
 * whatever fails: temporary file in the same folder, every write checked, fsync, rename, fsync of
 * the folder. */
#ifndef GT_ATOMIC_H
#define GT_ATOMIC_H

#include "core/tensor/context.h"

/* Zero-initialise is not enough: gt_atomic_open fills it, commit or abort empties it. */
typedef struct gt_atomic {
  char *path;         /* as the caller wrote it, for messages */
  char *target;       /* where it goes: `path` with symbolic links followed */
  const char *base;   /* last component of target */
  int folder, fd;     /* descriptors; -1: none */
  char temporary[48]; /* name in the folder; "" before it exists and after commit */
} gt_atomic;

/* Begins a save.  A path that is a symbolic link names what it points to, as in an editor: the link
 * stays and its target is replaced, so that a user's "latest.safetensors" on another disk keeps
 * pointing there; one that points nowhere is refused.  (In a folder of the program's own, which may
 * come from somebody else, links are removed before: lua/lib/nb/sidecar.lua.)  The temporary file
 * gets a name that nothing has (O_EXCL, which follows no link).  Refuses a path that is something
 * else than a regular file (a rename would replace a device or a pipe) or a file that may not be
 * written.  Removes what killed saves left in the folder.  GT_EIO names path and reason; nothing is
 * left over on failure. */
gt_status gt_atomic_open(gt_ctx *cx, const char *path, gt_atomic *out);
/* Appends n bytes; polls the interrupt flag.  After a failure call gt_atomic_abort. */
gt_status gt_atomic_write(gt_ctx *cx, gt_atomic *file, const void *data, size_t n);
/* Makes the new content the file's content.  On failure the old content stays and the temporary
 * file is gone (only a failing fsync of the folder, the last step, leaves the new content); either
 * way `file` is closed. */
gt_status gt_atomic_commit(gt_ctx *cx, gt_atomic *file);
/* The three in one: the whole content of a file. */
gt_status gt_atomic_put(gt_ctx *cx, const char *path, const void *data, size_t n);
/* Gives up: removes the temporary file, closes.  Harmless after commit. */
void gt_atomic_abort(gt_atomic *file);

#endif
