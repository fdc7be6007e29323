/* file.h: reading a file as one snapshot: one descriptor, one size, pread only.  Everything that is
 * read goes through here (programs excepted: lua/bind/load.c): only regular files are, so that no
 * pipe or device is waited for, and what is read whole has a limit of bytes.  Files are never
 * mapped: a mapping of a file that somebody truncates is a SIGBUS, a read is an error. */
#ifndef GT_FILE_H
#define GT_FILE_H

#include "core/tensor/context.h"

typedef struct gt_file {
  char *path;    /* as the caller wrote it, for messages */
  int fd;        /* -1: not open */
  uint64_t size; /* bytes, when it was opened */
  /* what tells whether it is still the same */
  uint64_t device, inode;
  int64_t modified; /* nanoseconds */
} gt_file;

/* Opens a regular file; anything else is refused (and a pipe without a writer does not block).  On
 * failure nothing is open. */
gt_status gt_file_open(gt_ctx *cx, const char *path, gt_file *out);
/* Reads n bytes; GT_EIO when the file has become shorter.  Polls the interrupt flag. */
gt_status gt_file_read(gt_ctx *cx, const gt_file *file, uint64_t offset, void *data, uint64_t n);
/* GT_EIO when the file was written to since it was opened. */
gt_status gt_file_unchanged(gt_ctx *cx, const gt_file *file);
void gt_file_close(gt_file *file); /* harmless when not open */

/* Gives the descriptor back but keeps the rest; gt_file_resume opens the file again and refuses one
 * that changed meanwhile.  For callers that read more files than a process may have open. */
void gt_file_suspend(gt_file *file);
gt_status gt_file_resume(gt_ctx *cx, gt_file *file);

/* "file", "folder", "symbolic link", "pipe", "socket" or "device" by st_mode, for messages. */
const char *gt_file_kind(unsigned mode);

/* GT_EFORMAT when the file has more than `limit` bytes. */
gt_status gt_file_limit(gt_ctx *cx, const gt_file *file, uint64_t limit);
/* The whole file, refused above `limit` bytes.  `data` is the caller's, with a NUL after it. */
gt_status gt_file_read_all(gt_ctx *cx, const char *path, uint64_t limit, char **data, size_t *size);

/* The first few bytes of a line of a file, for a message: the file may be another than was meant,
 * and not for everyone's eyes.  Printable ASCII only. */
#define GT_QUOTED 12
const char *gt_quoted(const char *bytes, size_t n, char text[GT_QUOTED]);
/* A name from a file for a message: no control characters, never longer than this, cut between
 * UTF-8 code points. */
#define GT_SHOWN 84
const char *gt_shown(const char *bytes, size_t n, char text[GT_SHOWN]);

#endif
