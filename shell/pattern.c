/* pattern.c: Lua's patterns by backtracking.  A pattern is a list of items: a single (one character
 * that fits a class) with an optional repetition, "(", ")", "%b", "%f", a back reference.  Results
 * and messages are those of Lua's own library. */
#include "shell/pattern.h"
#include "shell/interrupt.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#define ESCAPE '%'
#define OPEN (-1)     /* size of a capture that has no end yet */
#define POSITION (-2) /* size of a capture that is a position */
#define DEPTH_MAX 200 /* as in Lua */

static int byte(const char *s) { return (unsigned char)*s; }

/* ---- singles ---- */

/* The end of the single that begins at p. */
static const char *behind_single(const sh_matcher *m, const char *p) {
  if (*p == ESCAPE) {
    if (p + 1 == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 2;
  }
  if (*p != '[') return p + 1;
  p += p[1] == '^' ? 2 : 1;
  do { /* the first character of a set may be its "]" */
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
    if (*p++ == ESCAPE && p < m->pattern_end) p++;
  } while (p == m->pattern_end || *p != ']');
  return p + 1;
}

static int is_zero(int c) { return c == 0; } /* from when patterns could not hold a zero byte */

/* Whether c is in the class %letter. */
static bool in_class(int c, int letter) {
  static int (*const classes['z' - 'a' + 1])(int) = {
      ['a' - 'a'] = isalpha, ['c' - 'a'] = iscntrl,  ['d' - 'a'] = isdigit, ['g' - 'a'] = isgraph,
      ['l' - 'a'] = islower, ['p' - 'a'] = ispunct,  ['s' - 'a'] = isspace, ['u' - 'a'] = isupper,
      ['w' - 'a'] = isalnum, ['x' - 'a'] = isxdigit, ['z' - 'a'] = is_zero};
  int small = letter | 0x20;
  if (small < 'a' || small > 'z' || !classes[small - 'a']) return letter == c;
  bool found = classes[small - 'a'](c) != 0;
  return letter == small ? found : !found;
}

/* Whether c is in the set whose "[" is at p and whose "]" is at end. */
static bool in_set(int c, const char *p, const char *end) {
  bool wanted = true;
  if (p[1] == '^') {
    wanted = false;
    p++;
  }
  while (++p < end) {
    if (*p == ESCAPE) {
      if (in_class(c, byte(++p))) return wanted;
    } else if (p[1] == '-' && p + 2 < end) {
      if (byte(p) <= c && c <= byte(p + 2)) return wanted;
      p += 2;
    } else if (byte(p) == c) {
      return wanted;
    }
  }
  return !wanted;
}

/* Whether the character at s fits the single [p, end). */
static inline bool fits(const sh_matcher *m, const char *s, const char *p, const char *end) {
  if (s >= m->text_end) return false;
  switch (*p) {
  case '.':
    return true;
  case ESCAPE:
    return in_class(byte(s), byte(p + 1));
  case '[':
    return in_set(byte(s), p, end - 1);
  default:
    return *p == *s;
  }
}

/* ---- items; each answers the end of the match of the whole rest, or NULL ---- */

static const char *match_rest(sh_matcher *m, const char *s, const char *p);

/* As often as possible, then ever less often. */
static const char *match_most(sh_matcher *m, const char *s, const char *p, const char *end) {
  ptrdiff_t n = 0;
  while (fits(m, s + n, p, end)) n++;
  for (; n >= 0; n--) {
    const char *found = match_rest(m, s + n, end + 1);
    if (found) return found;
  }
  return NULL;
}

/* As seldom as possible, then ever more often. */
static const char *match_least(sh_matcher *m, const char *s, const char *p, const char *end) {
  for (;; s++) {
    const char *found = match_rest(m, s, end + 1);
    if (found) return found;
    if (!fits(m, s, p, end)) return NULL;
  }
}

static const char *open_capture(sh_matcher *m, const char *s, const char *p, ptrdiff_t size) {
  if (m->count >= SH_CAPTURES_MAX) luaL_error(m->L, "too many captures");
  m->capture[m->count].start = s;
  m->capture[m->count].size = size;
  m->count++;
  const char *found = match_rest(m, s, p);
  if (!found) m->count--;
  return found;
}

static const char *close_capture(sh_matcher *m, const char *s, const char *p) {
  int i = m->count - 1;
  while (i >= 0 && m->capture[i].size != OPEN) i--;
  if (i < 0) luaL_error(m->L, "invalid pattern capture");
  m->capture[i].size = s - m->capture[i].start;
  const char *found = match_rest(m, s, p);
  if (!found) m->capture[i].size = OPEN;
  return found;
}

/* "%bxy" at p: from an x to the y that balances it; returns its end. */
static const char *behind_balanced(const sh_matcher *m, const char *s, const char *p) {
  if (p + 3 >= m->pattern_end) luaL_error(m->L, "malformed pattern (missing arguments to '%%b')");
  if (s >= m->text_end || *s != p[2]) return NULL;
  int open = 1;
  while (++s < m->text_end) {
    if (*s == p[3]) {
      if (--open == 0) return s + 1;
    } else if (*s == p[2]) {
      open++;
    }
  }
  return NULL;
}

/* "%1" … "%9": the text of a capture again; returns its end. */
static const char *behind_reference(const sh_matcher *m, const char *s, int digit) {
  int i = digit - '1';
  if (i < 0 || i >= m->count || m->capture[i].size == OPEN)
    luaL_error(m->L, "invalid capture index %%%d", i + 1);
  size_t n = (size_t)m->capture[i].size;
  bool same = (size_t)(m->text_end - s) >= n && memcmp(m->capture[i].start, s, n) == 0;
  return same ? s + n : NULL;
}

/* Whether s is where characters of the set [p, end) begin. */
static bool at_frontier(const sh_matcher *m, const char *s, const char *p, const char *end) {
  int before = s == m->text ? 0 : byte(s - 1), here = s == m->text_end ? 0 : byte(s);
  return !in_set(before, p, end - 1) && in_set(here, p, end - 1);
}

/* A single and its repetition at *p.  True when the search continues with the item at *p and the
 * text at *s (NULL: no match); else *s is the answer. */
static bool match_single(sh_matcher *m, const char **s, const char **p) {
  const char *end = behind_single(m, *p);
  switch (end < m->pattern_end ? *end : 0) {
  case '?':
    if (fits(m, *s, *p, end)) {
      const char *found = match_rest(m, *s + 1, end + 1);
      if (found) {
        *s = found;
        return false;
      }
    }
    *p = end + 1;
    return true;
  case '+':
    *s = fits(m, *s, *p, end) ? match_most(m, *s + 1, *p, end) : NULL;
    return false;
  case '*':
    *s = match_most(m, *s, *p, end);
    return false;
  case '-':
    *s = match_least(m, *s, *p, end);
    return false;
  default:
    *s = fits(m, *s, *p, end) ? *s + 1 : NULL;
    *p = end;
    return *s != NULL;
  }
}

/* "%" and what follows, when that is not a class: as match_single(). */
static bool match_special(sh_matcher *m, const char **s, const char **p) {
  const char *at = *p, *end;
  int letter = at + 1 < m->pattern_end ? byte(at + 1) : 0;
  switch (letter) {
  case 'b':
    *s = behind_balanced(m, *s, at);
    *p = at + 4;
    return *s != NULL;
  case 'f':
    if (at[2] != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
    end = behind_single(m, at + 2);
    if (!at_frontier(m, *s, at + 2, end)) *s = NULL;
    *p = end;
    return *s != NULL;
  default:
    if (letter < '0' || letter > '9') return match_single(m, s, p);
    *s = behind_reference(m, *s, letter);
    *p = at + 2;
    return *s != NULL;
  }
}

/* Matches the pattern from p on at s. */
static const char *match_rest(sh_matcher *m, const char *s, const char *p) {
  if (sh_interrupted()) luaL_error(m->L, "interrupted");
  if (++m->depth > DEPTH_MAX) luaL_error(m->L, "pattern too complex");
  bool more = true;
  while (more && p != m->pattern_end) {
    switch (*p) {
    case '(':
      s = p[1] == ')' ? open_capture(m, s, p + 2, POSITION) : open_capture(m, s, p + 1, OPEN);
      more = false;
      break;
    case ')':
      s = close_capture(m, s, p + 1);
      more = false;
      break;
    case '$':
      if (p + 1 == m->pattern_end) {
        s = s == m->text_end ? s : NULL;
        more = false;
      } else {
        more = match_single(m, &s, &p);
      }
      break;
    case ESCAPE:
      more = match_special(m, &s, &p);
      break;
    default:
      more = match_single(m, &s, &p);
    }
  }
  m->depth--;
  return s;
}

const char *sh_match(sh_matcher *m, const char *s) {
  m->count = 0;
  m->depth = 0;
  return match_rest(m, s, m->pattern);
}

/* ---- captures ---- */

bool sh_capture_text(const sh_matcher *m, int i, const char **start, const char **end) {
  if (i >= m->count) {
    if (i != 0) luaL_error(m->L, "invalid capture index %%%d", i + 1);
    return true;
  }
  if (m->capture[i].size == OPEN) luaL_error(m->L, "unfinished capture");
  *start = m->capture[i].start;
  if (m->capture[i].size == POSITION) return false;
  *end = *start + m->capture[i].size;
  return true;
}

void sh_push_capture(const sh_matcher *m, int i, const char *s, const char *end) {
  if (sh_capture_text(m, i, &s, &end))
    lua_pushlstring(m->L, s, (size_t)(end - s));
  else
    lua_pushinteger(m->L, s - m->text + 1);
}

int sh_push_captures(const sh_matcher *m, const char *s, const char *end, bool whole) {
  int count = m->count == 0 && whole ? 1 : m->count;
  luaL_checkstack(m->L, count, "too many captures");
  for (int i = 0; i < count; i++) sh_push_capture(m, i, s, end);
  return count;
}
