/* stack.c: the program moves to a stack of its own. */
#include "shell/stack.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

static struct {
  sh_program *run;
  int argc, result;
  char **argv;
} program; /* makecontext passes int only */

static void enter(void) { program.result = program.run(program.argc, program.argv); }

static bool is_small(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < SH_STACK;
}

/* A stack whose lowest page is not accessible, so that an overrun ends there. */
static void *new_stack(size_t *size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *at = mmap(NULL, SH_STACK + page, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return NULL;
  mprotect(at, page, PROT_NONE);
  *size = SH_STACK;
  return at + page;
}

int sh_stack_run(sh_program *run, int argc, char **argv) {
  static ucontext_t here, there;
  size_t size = 0;
  void *stack = is_small() ? new_stack(&size) : NULL;
  if (!stack || getcontext(&there) != 0) return run(argc, argv);
  program.run = run;
  program.argc = argc;
  program.argv = argv;
  there.uc_stack.ss_sp = stack;
  there.uc_stack.ss_size = size;
  there.uc_link = &here;
  makecontext(&there, enter, 0);
  swapcontext(&here, &there);
  return program.result;
}
