/* paths.c: see paths.h. */
#include "core/data/paths.h"

#include <errno.h>
#include <fts.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

static gt_status add(gt_ctx *cx, gt_paths *paths, const char *path) {
  if (paths->count == GT_PATHS_MOST)
    return gt_fail(cx, GT_EARG, "expected at most %d files", GT_PATHS_MOST);
  if (paths->count == paths->room) {
    int room = paths->room ? 2 * paths->room : 16;
    char **items = gt_realloc(cx, paths->items, (size_t)room * sizeof *items);
    if (!items) return GT_ENOMEM;
    paths->items = items;
    paths->room = room;
  }
  char *copy = gt_strdup(cx, path);
  if (!copy) return GT_ENOMEM;
  paths->items[paths->count++] = copy;
  return GT_OK;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(gt_paths *paths) {
  if (paths->count) qsort(paths->items, (size_t)paths->count, sizeof *paths->items, by_bytes);
}

bool gt_is_folder(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

gt_status gt_paths_match(gt_ctx *cx, const char *pattern, gt_paths *out) {
  glob_t found = {0};
  int answer = glob(pattern, GLOB_NOSORT, NULL, &found);
  gt_status status = GT_OK;
  if (answer == GLOB_NOSPACE) status = gt_fail(cx, GT_ENOMEM, "%s: out of memory", pattern);
  for (size_t i = 0; i < found.gl_pathc && status == GT_OK; i++)
    status = add(cx, out, found.gl_pathv[i]);
  globfree(&found);
  sort(out);
  return status;
}

static gt_status walk(gt_ctx *cx, FTS *tree, const char *folder, gt_paths *out) {
  for (FTSENT *entry; errno = 0, (entry = fts_read(tree)) != NULL;) {
    GT_TRY(gt_poll(cx));
    bool hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';
    if (hidden)
      fts_set(tree, entry, FTS_SKIP);
    else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
      return gt_fail(cx, GT_EIO, "cannot read '%s': %s", entry->fts_path,
                     strerror(entry->fts_errno));
    else if (entry->fts_info == FTS_F && S_ISREG(entry->fts_statp->st_mode))
      GT_TRY(add(cx, out, entry->fts_path));
  }
  if (errno) return gt_fail(cx, GT_EIO, "cannot read '%s': %s", folder, strerror(errno));
  return GT_OK;
}

gt_status gt_paths_below(gt_ctx *cx, const char *folder, gt_paths *out) {
  char *roots[] = {(char *)folder, NULL};
  FTS *tree = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
  if (!tree) return gt_fail(cx, GT_EIO, "cannot read '%s': %s", folder, strerror(errno));
  gt_status status = walk(cx, tree, folder, out);
  fts_close(tree);
  sort(out);
  return status;
}

void gt_paths_free(gt_paths *paths) {
  for (int i = 0; i < paths->count; i++) gt_free(paths->items[i]);
  gt_free(paths->items);
  *paths = (gt_paths){0};
}
