/* child.h: running another program: text in, text out, always reaped.
 *
 * One poll loop feeds its input and gathers its output, so neither side can wait for the other.
 * The child has a process group of its own (a Ctrl-C at the terminal does not reach it), default
 * signals and none of our descriptors; it is killed with its group after `seconds`, on Ctrl-C, and
 * when it is no longer wanted. */
#ifndef SH_CHILD_H
#define SH_CHILD_H

#include <lua.h>

/* Makes require "native.child" answer for the embedded library:
 *   run({program, argument, …}, {input = "", seconds = 20, environment = {NAME = "value" | false}})
 *     -> "exited" | "killed" | "late" | "failed", code, output, errors
 *   start(…the same…) -> a process, or nothing when the program is not there
 *     process:look() -> nothing while it runs, then what run answers; "stopped" after
 *     process:wait() -> the same, when it has ended; process:stop(): ends it
 *   limit: bytes of each output that are kept; the rest is dropped
 * code: its exit status, the signal it died of, or errno. */
void sh_child_open(lua_State *L);

#endif
