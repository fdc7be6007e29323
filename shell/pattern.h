/* pattern.h: Lua's patterns (reference manual, 6.4.1), matched by code that Ctrl-C can stop: the
 * library's own runs for as long as its backtracking takes. */
#ifndef SH_PATTERN_H
#define SH_PATTERN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define SH_CAPTURES_MAX 32 /* as in Lua */

typedef struct sh_matcher {
  lua_State *L;
  const char *text, *text_end;
  const char *pattern, *pattern_end;
  int depth; /* of backtracking, now */
  int count; /* of captures */
  struct {
    const char *start;
    ptrdiff_t size; /* or what the capture is besides a piece of text, see pattern.c */
  } capture[SH_CAPTURES_MAX];
} sh_matcher;

/* Matches the whole pattern at s; the end of the match, or NULL.  Raises for bad patterns and when
 * interrupted. */
const char *sh_match(sh_matcher *m, const char *s);

/* Capture i of the match [*start, *end), which is number 0 itself when the pattern has no captures.
 * False for a position capture, at *start. */
bool sh_capture_text(const sh_matcher *m, int i, const char **start, const char **end);

/* Pushes capture i of the match [s, end), a string or a position. */
void sh_push_capture(const sh_matcher *m, int i, const char *s, const char *end);

/* Pushes all captures, or the whole match when there are none and `whole`; how many. */
int sh_push_captures(const sh_matcher *m, const char *s, const char *end, bool whole);

#endif
