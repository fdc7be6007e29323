/* interrupt.h: Ctrl-C, and the signals that ask the process to end.
 *
 * The handler raises a flag, tells the native core (long ops answer GT_EINTR) and arms a hook in
 * the coroutine that runs.  The hook raises an error at the next Lua instruction and stays armed
 * until sh_interrupt_clear(), so neither a coroutine nor a pcall loop can keep the prompt away.
 * The functions of Lua's library that may run for long without coming back to Lua look at
 * sh_interrupted() instead (library.h).  While gtlua_shielded() holds, all of them wait.
 *
 * SIGTERM, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU unwind in the same way, at the prompt too, and then
 * end the process with 128 + their number.  Alarms that nothing here has set are not heard. */
#ifndef SH_INTERRUPT_H
#define SH_INTERRUPT_H

#include <lua.h>
#include <stdbool.h>

/* Interactive: Ctrl-C returns to the prompt.  Otherwise the first one unwinds the script and the
 * second ends the process at once. */
void sh_interrupt_install(lua_State *L, bool interactive);
void sh_interrupt_clear(lua_State *L);
bool sh_interrupted(void);
int sh_ending(void); /* the signal that asked the process to end; 0: none */

/* Interrupts after that many seconds, as if by Ctrl-C; 0 takes it back.  sh_interrupt_late() tells
 * whether that is why sh_interrupted(). */
void sh_interrupt_after(double seconds);
bool sh_interrupt_late(void);

/* Puts coroutine.resume and wrap that know which coroutine runs in place of Lua's, and setmetatable
 * whose __gc can be interrupted. */
void sh_interrupt_open(lua_State *L);

/* lua_close at the end of a process that exits with `code`: the finalizers have some seconds. */
void sh_interrupt_close(lua_State *L, int code);

/* Ends the process by the signal, so that the caller sees it. */
void sh_die_of(int signal_number);

#endif
