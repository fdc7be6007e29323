/* worker.h: copies of the session that each run one function and send back text.
 *
 * A copy is made by fork(): it has every value of the session, functions included, and what it
 * changes ends with it.  Ctrl-C is for the session alone, which ends its copies; they also end when
 * the session does, however that comes.  When memory runs out they go before it does. */
#ifndef SH_WORKER_H
#define SH_WORKER_H

#include <lua.h>

/* Makes require "native.worker" answer, for the embedded library,
 *   start(function(send) … end) -> worker; send(text) hands text to worker:read().  The pool must
 *     have one thread (torch.set_num_threads): a copy has only the thread that made it
 *   wait({worker, …}, seconds): until one of them has text or has ended, or the time is over
 *   worker:read() -> text, "" when there is none now, nil when there will be none
 *   worker:finish() -> "exited" | "killed", code: after the end of its text
 *   worker:close(), also by <close>: kills it if it still runs */
void sh_worker_open(lua_State *L);

/* os.exit() of a copy: ends it; what the session has open, files not yet written too, is left
 * alone.  In the session itself does nothing. */
void sh_worker_exit(int code);

#endif
