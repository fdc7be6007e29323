/* what.h: what a file is that is not what was expected, by its first bytes. */
#ifndef GT_WHAT_H
#define GT_WHAT_H

#include "core/tensor/context.h"

/* "a gzip archive", "a Git LFS pointer …": for "expected …, got %s"; NULL when it is not known. */
const char *gt_what(const char *head, size_t n);
/* A pointer of Git LFS is text, where others are told from text by their bytes. */
bool gt_is_lfs_pointer(const char *head, size_t n);

#endif
