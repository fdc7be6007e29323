/* clones.h: for the few hot loops outside kernels/, which are compiled for the lowest CPU level
 * alone: GT_CLONES before a function makes it, and all that it calls in its file, also for higher
 * ones, and the loader takes the best that the CPU has.  The bits are the same: nothing is
 * contracted.  (Not with sanitizers: the loader would call their code before they are ready.) */
#ifndef GT_CLONES_H
#define GT_CLONES_H

#if defined __x86_64__ && defined __gnu_linux__ && !defined __clang__ && !defined GT_DEBUG
#define GT_CLONES                                                                                  \
  __attribute__((flatten, target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define GT_CLONES
#endif

#endif
