/* tensor.h: what the files that make up the Lua type Tensor share. */
#ifndef GTLUA_TENSOR_H
#define GTLUA_TENSOR_H

#include "lua/bind/signature.h"

#define GTLUA_TIDY "gt.tidy" /* registry: list of the boxes made inside torch.tidy, or nil */

/* Methods and functions of `torch` that each file adds; they end with NULL. */
extern const gtlua_signed
    gtlua_convert_methods[]; /* tensor_convert.c: item, tolist, to, copy_, … */
extern const gtlua_signed gtlua_create_functions[]; /* tensor_new.c: torch.zeros, … */

/* Element i (negative: from the end) of the first dimension, as a view that takes part in the
 * graph. */
void gtlua_push_row(lua_State *L, gt_tensor *t, int64_t i);

int gtlua_tensor_tostring(lua_State *L);  /* tensor_print.c */
int gtlua_set_printoptions(lua_State *L); /* torch.set_printoptions{…} */
int gtlua_tensor_at(lua_State *L);        /* tensor_index.c: t[key] for keys that are not names */
int gtlua_tensor_assign(lua_State *L);    /* t[key] = value */
bool gtlua_is_pick(lua_State *L, int index);       /* tensor_pick.c: a tensor, or a table of them */
int gtlua_pick(lua_State *L, gt_tensor *t);        /* t[tensors]; the key is at 2 */
int gtlua_pick_assign(lua_State *L, gt_tensor *t); /* t[tensors] = value, at 3 */
bool gtlua_is_slice(const char *text);             /* looks like "1:3, None", not like a name */

/* The tensor at index, for writing in place; raises while it takes part in gradients. */
gt_tensor *gtlua_writable(lua_State *L, int index, const char *function);
/* Raises when `from` takes part in gradients, which writing it into another tensor would lose. */
void gtlua_check_source(lua_State *L, const gt_tensor *from, const char *function);
/* Reads a number, or a boolean where the tensor that takes it is bool; false when it is neither. */
bool gtlua_read_scalar(lua_State *L, int index, gt_dtype dtype, gt_scalar *out);
/* Copies `from`, broadcast, into `to`. */
void gtlua_copy(lua_State *L, gt_tensor *to, gt_tensor *from, const char *function);

/* Pushes the value of the only element: integer, float or boolean. */
void gtlua_push_item(lua_State *L, gt_tensor *t);

/* native.describe(function) -> the descriptor of its op as a table, or nothing (op.c) */
int gtlua_describe_op(lua_State *L);

#endif
