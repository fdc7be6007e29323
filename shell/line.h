/* line.h: one line of input from the user.  Three back ends, chosen when gptsh is built: GNU
 * readline, libedit, or none (plain reading; also used when stdin is no terminal). */
#ifndef SH_LINE_H
#define SH_LINE_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sh_line_status { SH_LINE_OK, SH_LINE_END, SH_LINE_INTERRUPTED } sh_line_status;

/* The n-th completion of `word`, the whole of it, as new text; NULL after the last. */
typedef char *(*sh_completer)(void *data, const char *word, int n);

/* `history`: a file that is read now and appended to, or NULL. */
void sh_line_open(const char *history, sh_completer completer, void *data);
void sh_line_close(void);

/* Reads a line (several after a paste) without its line break; free it.  On Ctrl-C what was typed
 * is dropped. */
sh_line_status sh_line_read(const char *prompt, char **out);

/* Adds an input, of one line or more, to the history. */
void sh_line_remember(const char *input);

const char *sh_line_name(void); /* "readline 8.2", "libedit", "no line editor" */

#endif
