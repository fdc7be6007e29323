/* levels.c: which of the levels this CPU runs. */
#include "core/tensor/level.h"

#define LEVEL(name, flags, runs) extern const gt_cpu_level gt_cpu_level_##name;
#include "kernels/levels.def"
#undef LEVEL

const gt_cpu_level *gt_cpu_level_at(int i) {
#define LEVEL(name, flags, runs)                                                                   \
  if ((runs) && i-- == 0) return &gt_cpu_level_##name;
#include "kernels/levels.def"
#undef LEVEL
  return NULL;
}
