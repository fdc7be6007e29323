/* signature.h: checking the arguments of functions that are not ops, from one line of text each. */
#ifndef GTLUA_SIGNATURE_H
#define GTLUA_SIGNATURE_H

#include "lua/bind/bind.h"

/* Replaces the function on top of the stack by one that checks and completes its arguments as
 * `signature` says; the text must outlive L.  Grammar: signature_text.h. */
void gtlua_sign(lua_State *L, const char *signature);

/* A C function with its signature, "item(self: tensor)"; one that reads for itself has its name
 * alone. */
typedef struct gtlua_signed {
  const char *signature;
  lua_CFunction function;
} gtlua_signed;
/* As luaL_setfuncs: into the table on top of the stack; the list ends with a NULL signature. */
void gtlua_setsigned(lua_State *L, const gtlua_signed *list);

/* native.signature(text, function) -> the checking function */
int gtlua_signature(lua_State *L);
/* native.sign(space, text[, prefix]): signs the functions of the table that `text` has signatures
 * of, "stack(tensors: list, dim: integer = 0) split(…)"; messages name them with the prefix */
int gtlua_sign_all(lua_State *L);
/* native.signature_of(function) -> text, the function it wraps; nothing for other values */
int gtlua_signature_of(lua_State *L);
/* native.parameters_of(function) -> {{name, type, default, by = "place"|"name"|"option", low,
 * above, high, below}, …}, whether it takes more; `default` is text as it is written, nil where one
 * must be given; `above`, `below`: the bound itself is excluded; nothing for other values */
int gtlua_parameters_of(lua_State *L);

#endif
