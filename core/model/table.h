/* table.h: the rows of a summary: what ran, in which order, and what it holds.  Between summary.c,
 * which watches a forward, and table.c, which counts and writes. */
#ifndef GT_TABLE_H
#define GT_TABLE_H

#include "core/model/inspect.h"

/* A module at its place in the tree. */
typedef struct gt_place {
  gt_module *module;
  int parent; /* index of a place, -1: root */
  int depth;
} gt_place;

/* One execution of a module, or a container above one. */
typedef struct gt_summary_row {
  int place;
  bool repeated; /* the module has a row already */
  bool called;
  gt_spec output;
  int index;                        /* "2-17": the 17th row of depth 2 */
  int end;                          /* rows of what is below end before this one */
  int64_t params, trainable, bytes; /* of the whole module, tied tensors once */
  int64_t shown, shown_trainable;   /* counted by none of the rows below */
  bool tied;                        /* a leaf whose tensors all appeared in earlier rows */
} gt_summary_row;

typedef struct gt_summary_rows {
  gt_place *places;
  int place_count;
  int64_t place_capacity;
  gt_summary_row *items;
  int count;
  int64_t capacity;
} gt_summary_rows;

/* Counts rows and writes the table of them; `args` as the forward got them. */
gt_status gt_summary_write(gt_ctx *cx, gt_summary_rows *rows, const gt_arguments *args,
                           const gt_summary_options *options, gt_summary *out);

#endif
