/* child.h: running another program: text in, text out, always reaped.
 *
 * One poll loop feeds its input and gathers its output, so neither side can wait for the other.
 * The child has a process group of its own (a Ctrl-C at the terminal does not reach it), default
 * signals and none of our descriptors; it is killed with its group after `seconds` or on Ctrl-C. */
#ifndef SH_CHILD_H
#define SH_CHILD_H

#include <lua.h>
#include <stddef.h>

typedef enum sh_child_end {
  SH_CHILD_EXITED,  /* code: its exit status */
  SH_CHILD_KILLED,  /* code: the signal it died of */
  SH_CHILD_LATE,    /* killed by us: the time was over */
  SH_CHILD_STOPPED, /* killed by us: Ctrl-C */
  SH_CHILD_FAILED   /* never ran; code: errno */
} sh_child_end;

typedef struct sh_bytes {
  char *at; /* free() it */
  size_t size, capacity;
} sh_bytes;

typedef struct sh_child {
  char *const *argv; /* argv[0] is looked for in PATH */
  char *const *environment;
  const char *input;
  size_t input_size;
  double seconds;
  size_t limit; /* bytes of output and of errors that are kept; the rest is read and dropped */
} sh_child;

/* Runs the program to its end.  out and errors are its two outputs, also when it was killed. */
sh_child_end sh_child_run(const sh_child *child, sh_bytes *out, sh_bytes *errors, int *code);

/* Makes require "native.child" answer the function
 *   run({program, argument, …}, {input = "", seconds = 20, environment = {NAME = "value" | false}})
 *     -> "exited" | "killed" | "late" | "failed", code, output, errors
 * for the embedded library. */
void sh_child_open(lua_State *L);

#endif
