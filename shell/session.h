/* session.h: one interpreter and the variables of its cells: compiles, runs and shows. */
#ifndef SH_SESSION_H
#define SH_SESSION_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum sh_mode {
  SH_SCRIPT, /* plain Lua; only a final bare expression is shown */
  SH_INPUT,  /* plain Lua; the last expression is shown, calls included */
  SH_CELL    /* the same; top-level locals persist */
} sh_mode;

typedef struct sh_source {
  const char *text;
  size_t size;
  const char *name; /* Lua's chunk name: "@file.lua", "=stdin" */
  int first_line;   /* of the text in its file, from 1 */
  sh_mode mode;
} sh_source;

typedef enum sh_result {
  SH_DONE,
  SH_FAILED,     /* the error text is on the stack */
  SH_INCOMPLETE, /* more input may complete it; Lua's message is on the stack */
} sh_result;

/* What happens to the results of a compiled source. */
typedef enum sh_show {
  SH_HIDE,
  SH_SHOW,
  SH_SHOW_REST, /* a nil in front of them is not the user's */
} sh_show;

/* Prepares L (library opened) for sessions: the table of session variables. */
void sh_session_open(lua_State *L);

/* Compiles the source and leaves its function on the stack, or a message. `show` tells sh_run what
 * the function's results are. */
sh_result sh_compile(lua_State *L, const sh_source *source, sh_show *show);

/* Does Lua accept this text as a cell, or would it if more text followed?  Declares nothing. */
sh_result sh_try(lua_State *L, const char *text, size_t size);

/* Keeps the text of a chunk named "=name": messages about its lines show them. */
void sh_keep_text(lua_State *L, const char *name, const char *text);
void sh_push_text(lua_State *L, const char *name); /* nil when none was kept */

/* Calls the function below its `arguments` on top of the stack; prints its values unless SH_HIDE.
 */
sh_result sh_call(lua_State *L, int arguments, sh_show show);

/* Both; the function gets the values of table `arg` from 1 on. */
sh_result sh_run(lua_State *L, const sh_source *source);

/* Pushes the message and all frames of the last error of code of the user's, or nil: text only. */
void sh_push_traceback(lua_State *L);

/* Takes the error text off the stack and prints it on stderr after `prefix`, stdout flushed first.
 */
void sh_report(lua_State *L, const char *prefix);

/* Takes a function off the stack, or nil: from now on the text of shown values goes to it in place
 * of stdout, without a line break at its end. */
void sh_set_display(lua_State *L);

/* Shows the values at 1 … top, prints nothing when there are none; the first becomes `_`, and what
 * `_` and `__` were becomes `__` and `___`. */
void sh_show_values(lua_State *L);

/* Pushes the table of session variables. */
void sh_push_variables(lua_State *L);

/* Pushes the set of the globals that were there when the session began. */
void sh_push_initial(lua_State *L);

#endif
