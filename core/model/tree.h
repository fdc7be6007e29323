/* tree.h: a module and everything below it as a linked list, each module once, made without memory
 * and without recursion: for work that must not fail.  Nothing may add, remove or release modules
 * between link and unlink. */
#ifndef GT_TREE_H
#define GT_TREE_H

#include "core/model/module.h"

void gt_tree_link(gt_module *root);   /* root comes first */
void gt_tree_unlink(gt_module *root); /* must follow every link */

/* The module after `at`, NULL at the end. */
static inline gt_module *gt_tree_next(const gt_module *at) {
  return at->next == at ? NULL : at->next;
}

#endif
