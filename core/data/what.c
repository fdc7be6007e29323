/* what.c: see what.h.  A mark is long enough that token ids do not begin with it by chance. */
#include "core/data/what.h"

#include <string.h>
#include <strings.h>

#define LFS "version https://git-lfs.github.com/spec/"
#define LFS_MOST 1024 /* bytes of a pointer, by its specification */

static const struct {
  const char *bytes;
  size_t size;
  const char *what;
} kinds[] = {
    {"\x8a\xd8\x34\x01", 4, "an evaluation set of llm.c"},
    {"\xc6\xd7\x34\x01", 4, "a model checkpoint of llm.c"},
    {"\x1f\x8b", 2, "a gzip archive"},
    {"PK\3\4", 4, "a zip archive"},
    {"\x28\xb5\x2f\xfd", 4, "a zstd archive"},
    {"\xfd\x37zXZ", 6, "an xz archive"},
    {"7z\xbc\xaf\x27\x1c", 6, "a 7z archive"},
    {"PAR1", 4, "a Parquet table"},
    {"\x93NUMPY", 6, "a NumPy array"},
    {"GGUF", 4, "a GGUF model"},
    {"\x89HDF\r\n", 6, "an HDF5 file"},
    {"\x89PNG\r\n", 6, "a PNG picture"},
    {"%PDF-", 5, "a PDF document"},
};

bool gt_is_lfs_pointer(const char *head, size_t n) {
  return n >= strlen(LFS) && n < LFS_MOST && memcmp(head, LFS, strlen(LFS)) == 0;
}

static bool is_html(const char *head, size_t n) {
  static const char *const begins[] = {"<!doctype html", "<html"};
  size_t at = n >= 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  while (at < n && strchr(" \t\r\n", head[at]) && head[at]) at++;
  for (int i = 0; i < 2; i++) {
    size_t size = strlen(begins[i]);
    if (n - at >= size && strncasecmp(head + at, begins[i], size) == 0) return true;
  }
  return false;
}

const char *gt_what(const char *head, size_t n) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (n >= kinds[i].size && memcmp(head, kinds[i].bytes, kinds[i].size) == 0)
      return kinds[i].what;
  if (gt_is_lfs_pointer(head, n))
    return "a Git LFS pointer, in place of a file that was not fetched (git lfs pull)";
  return is_html(head, n) ? "an HTML page" : NULL;
}
