/* text.h: numbers and values as text, shared by the files that print. */
#ifndef GTLUA_TEXT_H
#define GTLUA_TEXT_H

#include "lua/bind/bind.h"

/* x by the conversion 'e', 'f' or 'g' with a decimal point in every locale; "nan" without sign.
 * Returns text. */
const char *gtlua_float_text(double x, char conversion, int precision, char *text, size_t size);

/* Pushes the value at index as print() and f-strings show it: floats shortest, the rest through
 * __tostring. */
const char *gtlua_push_text(lua_State *L, int index);

/* Pushes the value at index by a format specification of Python ("<40", ",", ".4f"); raises on a
 * bad one. */
void gtlua_push_formatted(lua_State *L, int index, const char *spec);

/* Calls the wrapped function in upvalue 1 with all arguments.  Its argument errors are raised again
 * with its name ("'write'") and the place of the caller, which it cannot see from inside. */
int gtlua_call_wrapped(lua_State *L, const char *name);

bool gtlua_is_format(const char *spec); /* a well-formed specification? */

/* native.rewrite(source) -> source */
int gtlua_fstring_rewrite(lua_State *L);

/* native.json_decode(text, null) -> value */
int gtlua_json_decode(lua_State *L);
/* native.visible(text) -> text that steers no terminal */
int gtlua_visible(lua_State *L);
/* native.json_quote(text, most) -> the text as a JSON string; nothing when that has more bytes */
int gtlua_json_quote(lua_State *L);
/* native.late(function) -> module and name of the function that one of gtlua_pushlate() loads, or
 * nothing */
int gtlua_late(lua_State *L);

void gtlua_open_fstring(lua_State *L);
void gtlua_open_load(lua_State *L);
void gtlua_open_guard(lua_State *L);

#endif
