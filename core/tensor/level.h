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

/* Level i of those in this build that this CPU can run, slowest first; NULL after the last.
 * Defined by kernels/levels.c. */
const gt_cpu_level *gt_cpu_level_at(int i);

#endif
