/* input.h: the text of a prompt input: does it need more lines, what indents them, which of it was
 * copied from a prompt. */
#ifndef SH_INPUT_H
#define SH_INPUT_H

#include <lua.h>
#include <stdbool.h>

/* What runs as a command and not as Lua: "%name …", "!command", "?word", "name?", "name??". */
bool sh_input_is_command(const char *text);

/* What Enter at the end of the text makes of it, new, or NULL for no change.  When it is Lua that
 * needs more lines, *more is set and a line break follows with the next line's indentation.  A last
 * line that begins with what closes a block moves out. */
char *sh_input_enter(lua_State *L, const char *text, bool *more);

/* Takes "gpt> " and "...> " away from lines copied from a prompt, and what a prompt printed between
 * them, when the text begins with one. */
void sh_input_strip_prompts(lua_State *L, char *text);

/* The line after a "...> " at its begin. */
const char *sh_input_after_prompt(const char *line);

#endif
