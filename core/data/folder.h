/* folder.h: folders that appear whole or not at all.  A set of files is written into a temporary
 * folder next to its place and the folder is renamed last, so that its path holds the complete old
 * or the complete new set whatever happens. */
#ifndef GT_FOLDER_H
#define GT_FOLDER_H

#include "core/tensor/text.h"

/* Makes a folder and those above it; fine when it is there already. */
gt_status gt_folder_make(gt_ctx *cx, const char *path);

/* Makes it anew and empty: what had its name is removed. */
gt_status gt_folder_renew(gt_ctx *cx, const char *path);

/* Names in a folder, each followed by a NUL, in no particular order; nothing for one that does not
 * exist. */
gt_status gt_folder_list(gt_ctx *cx, const char *path, gt_text *out);

/* Removes a folder and the files in it, or the file or link that has its name; fine when nothing
 * has.  Links are removed, never followed: what they point to stays.  A folder in it is refused. */
gt_status gt_folder_remove(gt_ctx *cx, const char *path);

/* Makes the folder `temporary` the folder `target`, durably; both lie in one folder.  An old target
 * is exchanged for the new one in one step and then removed.  On failure the old one stays. */
gt_status gt_folder_publish(gt_ctx *cx, const char *temporary, const char *target);

/* Takes the lock of a folder for this process, by a file ".lock" in it, which names the
 * process.  *held is false when
 * another process has it.  gt_folder_unlock, and the end of the process however it comes, give it
 * back. */
gt_status gt_folder_lock(gt_ctx *cx, const char *path, int *fd, bool *held);
void gt_folder_unlock(int fd);

/* The same for a file, which is made when it is not there. */
gt_status gt_file_lock(gt_ctx *cx, const char *path, int *fd, bool *held);

/* Cuts a file to `size` bytes, durably. */
gt_status gt_file_truncate(gt_ctx *cx, const char *path, int64_t size);
/* Waits until what was written to a file is on the disk. */
gt_status gt_file_sync(gt_ctx *cx, const char *path);

#endif
