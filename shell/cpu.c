/* cpu.c: looks at the CPU before main(), compiled for any x86-64 (the makefile sees to that), while
 * everything else is for the lowest level of kernels/levels.def: without this a CPU that lacks even
 * that would end the program with a signal and no word. */
#ifdef __x86_64__
#include <unistd.h>

__attribute__((constructor)) static void require_cpu(void) {
  static const char message[] = "gptsh: expected a CPU with x86-64-v2 (SSE4.2 and POPCNT, common "
                                "since 2009), got one without\n";
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v2")) return;
  (void)!write(STDERR_FILENO, message, sizeof message - 1);
  _exit(1);
}
#endif
