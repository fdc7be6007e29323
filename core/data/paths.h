/* paths.h: lists of files, sorted by the bytes of their paths. */
#ifndef GT_PATHS_H
#define GT_PATHS_H

#include "core/tensor/context.h"

#define GT_PATHS_MOST 1000000

/* Zero-initialise; free with gt_paths_free. */
typedef struct gt_paths {
  char **items;
  int count, room;
} gt_paths;

bool gt_is_folder(const char *path);
/* Appends what the pattern ("fineweb_train_*.bin") matches. */
gt_status gt_paths_match(gt_ctx *cx, const char *pattern, gt_paths *out);
/* Appends all regular files below the folder but those whose names, or whose folders' names, begin
 * with a dot.  Symbolic links are followed, circles of them are not. */
gt_status gt_paths_below(gt_ctx *cx, const char *folder, gt_paths *out);
void gt_paths_free(gt_paths *paths);

#endif
