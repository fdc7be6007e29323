/* line.h: one line of input from the user.  Three back ends, chosen when gptsh is built: GNU
 * readline, libedit, or none (plain reading; also used when stdin is not a terminal). */
#ifndef SH_LINE_H
#define SH_LINE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sh_line_status { SH_LINE_OK, SH_LINE_END, SH_LINE_INTERRUPTED } sh_line_status;

/* What the editor asks while an input is typed; any function may be NULL. */
typedef struct sh_line_helper {
  void *data;
  /* The n-th text that may replace the word after `before`, new; NULL after the last. */
  char *(*complete)(void *data, const char *before, const char *word, int n);
  /* The text that Enter makes of `text`, new, or NULL for no change; *more: it does not run yet. */
  char *(*enter)(void *data, const char *text, bool *more);
} sh_line_helper;

/* `history`: a file whose end is read now and which is appended to, or NULL. */
void sh_line_open(const char *history, const sh_line_helper *helper);
void sh_line_close(void);

/* Reads an input without its last line break; free it.  It may have several lines where the editor
 * can show them.  On Ctrl-C what was typed is dropped; SIGTERM and SIGHUP, too, and then the
 * program's own handlers get them. */
sh_line_status sh_line_read(const char *prompt, char **out);

/* Adds an input, of one line or more, to the history. */
void sh_line_remember(const char *input);

/* The input that sh_line_read() finds typed already, once. */
void sh_line_prefill(const char *text);

/* The n-th input of the history, from 0, the oldest that is known, and when it was made; NULL after
 * the last. */
const char *sh_line_history(int n, long long *when);

const char *sh_line_name(void); /* "readline 8.2", "libedit", "no line editor" */

#endif
