/* levels.c: which of the levels this CPU runs, and which one is the fastest on it. */
#include "core/tensor/level.h"

#ifdef __x86_64__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Whether the CPU multiplies tiles of bf16, and the system lets us: it saves the tile registers of
 * those only who asked for them (Linux, Documentation/arch/x86/xstate.rst). */
__attribute__((unused)) static bool has_amx(void) {
#ifdef __x86_64__
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
         syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return false;
#endif
}

#ifdef __AMX_BF16__ /* only with ARCH: see the makefile */
#define GT_ARCH_RUNS has_amx()
#else
#define GT_ARCH_RUNS true
#endif

#define LEVEL(name, ...) extern const gt_cpu_level gt_cpu_level_##name;
#include "kernels/levels.def"
#undef LEVEL

bool gt_cpu_choice_at(int i, gt_cpu_choice *out) {
#define LEVEL(name, shared, flags, runs, pays, text)                                               \
  if (i-- == 0) {                                                                                  \
    bool here = (runs);                                                                            \
    *out = (gt_cpu_choice){&gt_cpu_level_##name, text, here, here && (pays)};                      \
    return true;                                                                                   \
  }
#include "kernels/levels.def"
#undef LEVEL
  return false;
}

const gt_cpu_level *gt_cpu_level_best(void) {
  const gt_cpu_level *best = NULL;
  gt_cpu_choice choice;
  for (int i = 0; gt_cpu_choice_at(i, &choice); i++)
    if (choice.pays) best = choice.level;
  return best;
}
