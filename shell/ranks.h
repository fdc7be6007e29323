/* ranks.h: the processes that one mpirun has started.  Each runs the same script; what they share
 * out goes through this.  Without mpirun nothing here does anything, and MPI is not opened before
 * a script asks for it. */
#ifndef SH_RANKS_H
#define SH_RANKS_H

#include <lua.h>

/* Ranks other than 0 print nothing: they would repeat what rank 0 says. */
void sh_ranks_hush(void);

/* Which of the processes on this machine we are, from 0; 0 without mpirun. */
int sh_ranks_local(void);

/* Makes require "native.ranks" answer, for the embedded library,
 *   open() -> rank, number of ranks, how many of them on this machine; nothing without mpirun.
 *     Raises when the plug-in is not there
 *   send(rank, text)
 *   receive(seconds) -> text, rank it came from; nothing when the time is over */
void sh_ranks_open(lua_State *L);

/* Before the process ends with that code.  0 waits for the other ranks; any other ends them. */
void sh_ranks_close(int code);

#endif
