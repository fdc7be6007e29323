/* op.h: a call of an op from Lua, read from the stack (op_read.c) and performed (op.c). */
#ifndef GTLUA_OP_H
#define GTLUA_OP_H

#include "lua/bind/bind.h"

/* Inputs of an op that is not variadic. */
#define GTLUA_MOST_FIXED 16
/* Inputs of a variadic op held on the C stack; more go to a userdata. */
#define GTLUA_MOST_LISTED 64

/* What a closure knows of its op: the descriptor and its input names, split once. */
typedef struct gtlua_bound {
  const gt_op *op;
  const char *names[GTLUA_MOST_FIXED]; /* of the inputs */
  unsigned optional;                   /* bit i: input i may be left out ("x?") */
} gtlua_bound;

/* An input: a tensor borrowed from the stack, or a number or boolean that has to become one. */
typedef struct gtlua_operand {
  gt_tensor *tensor;
  int at; /* stack position, 0 if it came from inside a table */
  bool scalar;
  gt_dtype dtype;
  double f;
  int64_t i;
} gtlua_operand;

typedef struct gtlua_call {
  const gtlua_bound *bound;
  const gt_op *op;
  int nin; /* inputs read so far: the next to fill */
  int next_attr;
  gtlua_operand fixed[GTLUA_MOST_FIXED];
  gt_value attr[GT_MAX_ATTR];
  gt_tensor **list; /* (nin) of a variadic op, else NULL */
  gt_tensor *listed[GTLUA_MOST_LISTED];
} gtlua_call;

/* An empty call. */
void gtlua_start_call(gtlua_call *c, const gtlua_bound *bound);
/* Reads the tensor or number at index; false when it is neither. */
bool gtlua_read_operand(lua_State *L, int index, gtlua_operand *out);
/* Gives every attribute that was not given its default; raises when one is required. */
void gtlua_fill_attrs(lua_State *L, gtlua_call *c);
/* Reads everything on the stack as a call of the op: tensors, then attributes in the order of the
 * schema, then a table of keywords.  Raises; holds nothing. */
void gtlua_read_call(lua_State *L, const gtlua_bound *bound, gtlua_call *c);

#endif
