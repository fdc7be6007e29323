/* stack.h: a stack of known size for the whole program. */
#ifndef SH_STACK_H
#define SH_STACK_H

#include <stddef.h>

typedef int sh_program(int argc, char **argv);

/* Runs the program, on a stack of SH_STACK bytes when the one that `ulimit -s` gives is smaller:
 * kernels keep blocks of matrices on it, calls of Lua nest. */
#define SH_STACK ((size_t)8 << 20)
int sh_stack_run(sh_program *program, int argc, char **argv);

#endif
