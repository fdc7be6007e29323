/* level.h: what kernels/ is to everyone else.  It is compiled once per CPU level of
 * kernels/levels.def, each level keeps its functions to itself, and a context is made with the ops
 * and the backend of one: so whoever makes a context needs to see no kernel.  Results are the same
 * bits within a level, not across levels. */
#ifndef GT_LEVEL_H
#define GT_LEVEL_H

#include "core/tensor/op.h"

typedef struct gt_cpu_level {
  const char *name;        /* "v3": of x86-64-v3 */
  const gt_backend *cpu;   /* its copies, conversions and fills */
  const gt_op *const *ops; /* (op_count) */
  int op_count;
} gt_cpu_level;

/* A row of levels.def on this CPU. */
typedef struct gt_cpu_choice {
  const gt_cpu_level *level;
  const char *text; /* what it has, and why it does not pay everywhere */
  bool runs;
  bool pays; /* it runs, and is faster than the levels before it */
} gt_cpu_choice;

/* Row i; false after the last.  Both are defined by kernels/levels.c. */
bool gt_cpu_choice_at(int i, gt_cpu_choice *out);
const gt_cpu_level *gt_cpu_level_best(void); /* the last that pays; NULL: none runs */

#endif
