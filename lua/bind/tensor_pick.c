/* tensor_pick.c: tensors as keys: t[mask], t[index], t[{index, index, …}], read and written.
 *
 * A mask covers the first dimensions of t and picks the elements, or the slices of the other
 * dimensions, where it is true.  Index tensors replace one dimension each, from the first on, and
 * broadcast. */
#include "core/tensor/run.h"
#include "lua/bind/tensor.h"

#include <string.h>

#define MOST_KEYS 4 /* index tensors that the op takes */

typedef struct keys {
  int count;
  gt_tensor *at[MOST_KEYS];
} keys;

bool gtlua_is_pick(lua_State *L, int index) {
  if (gtlua_testtensor(L, index)) return true;
  if (lua_type(L, index) != LUA_TTABLE) return false;
  lua_rawgeti(L, index, 1);
  bool tensor = gtlua_testtensor(L, -1) != NULL;
  lua_pop(L, 1);
  return tensor;
}

static void check_mask(lua_State *L, const gt_tensor *t, const gt_tensor *mask) {
  bool fits = mask->ndim <= t->ndim;
  for (int d = 0; fits && d < mask->ndim; d++) fits = mask->shape[d] == t->shape[d];
  if (fits) return;
  char have[GT_SHAPE_TEXT], want[GT_SHAPE_TEXT];
  gt_spec mask_spec = gt_spec_of(mask), spec = gt_spec_of(t);
  gtlua_error(L, "index: expected a mask of the first dimensions of %s, got %s",
              gt_shape_text(&spec, want), gt_shape_text(&mask_spec, have));
}

/* The key, or its copy on the device of t, which stays on the stack: keys on the CPU pick from
 * tensors anywhere, as in PyTorch. */
static gt_tensor *bring(lua_State *L, const gt_tensor *t, gt_tensor *key) {
  if (!gt_device_of(key)->host || gt_device_of(t)->host) return key;
  gt_tensor **box = gtlua_box(L);
  gt_status status;
  GTLUA_RETRY(L, status, gt_copy_new(gtlua_cx(L), key, key->dtype, gt_device_of(t), box));
  gtlua_check(L, status);
  return *box;
}

/* The coordinates of a mask's true elements, one tensor per dimension; they stay on the stack. */
static void read_mask(lua_State *L, gt_tensor *mask, keys *out) {
  if (mask->ndim == 0 || mask->ndim > MOST_KEYS)
    gtlua_error(L, "index: expected a mask of 1 to %d dimensions here, got %d", MOST_KEYS,
                mask->ndim);
  gtlua_apply(L, "nonzero", &mask, 1, NULL);
  gt_tensor *places = gtlua_totensor(L, -1);
  out->count = mask->ndim;
  for (int d = 0; d < mask->ndim; d++) {
    gtlua_apply(L, "select", &places, 1, GT_ARGS({"dim", GT_INT(1)}, {"index", GT_INT(d)}));
    out->at[d] = gtlua_totensor(L, -1);
  }
}

static void add_index(lua_State *L, gt_tensor *index, keys *out) {
  if (out->count == MOST_KEYS) gtlua_error(L, "index: more than %d index tensors", MOST_KEYS);
  if (index->dtype == GT_U8) /* PyTorch reads it as a mask, NumPy as positions */
    gtlua_error(L, "index: expected positions (int64) or a mask (bool), got uint8; write "
                   "index:long() or index:bool()");
  if (gt_dtype_is_float(index->dtype) || index->dtype == GT_BOOL)
    gtlua_error(L, "index: a tensor key must hold integers or booleans, got %s%s",
                gt_dtype_name(index->dtype),
                index->dtype == GT_BOOL ? " in a table (a mask must be the only index)" : "");
  out->at[out->count++] = index;
}

/* The index tensors for t of the key at index 2, which is not a mask; they stay on the stack. */
static void read_indices(lua_State *L, const gt_tensor *t, keys *out) {
  gt_tensor *key = gtlua_testtensor(L, 2);
  if (key) {
    add_index(L, bring(L, t, key), out);
    return;
  }
  gtlua_check_list(L, 2, "index", false);
  lua_Unsigned n = lua_rawlen(L, 2);
  for (lua_Unsigned i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i);
    if (!gtlua_testtensor(L, -1))
      gtlua_error(L, "index: tensors do not mix with other parts, part %d is %s", (int)i,
                  gtlua_got(L, -1));
    add_index(L, bring(L, t, gtlua_totensor(L, -1)), out);
  }
}

/* The mask for t that is the key at index 2, or NULL; it may stay on the stack. */
static gt_tensor *mask_of(lua_State *L, const gt_tensor *t) {
  gt_tensor *key = gtlua_testtensor(L, 2);
  if (!key || key->dtype != GT_BOOL) return NULL;
  check_mask(L, t, key);
  return bring(L, t, key);
}

int gtlua_pick(lua_State *L, gt_tensor *t) {
  gt_tensor *in[1 + MOST_KEYS] = {t}, *mask = mask_of(L, t);
  keys k = {0};
  if (mask && mask->ndim == t->ndim) {
    gtlua_apply(L, "masked_select", (gt_tensor *[]){t, mask}, 2, NULL);
    return 1;
  }
  if (mask)
    read_mask(L, mask, &k);
  else
    read_indices(L, t, &k);
  memcpy(in + 1, k.at, sizeof k.at);
  gtlua_apply(L, "index", in, 1 + k.count, NULL);
  return 1;
}

/* The number as a tensor of its own for t, which must be able to hold it. */
static gt_status make_value(gt_ctx *cx, const gt_tensor *t, gt_scalar x, gt_tensor **made) {
  GT_TRY(gt_check_scalar(cx, "t[key] = value", t->dtype, x));
  gt_dtype dtype = t->dtype == GT_BOOL ? GT_BOOL : x.whole ? GT_I64 : GT_F64;
  return gt_tensor_scalar(cx, dtype, x.f, x.whole ? x.i : x.f != 0, made);
}

/* t = value where mask holds, in one pass. */
static gt_status fill_mask(gt_ctx *cx, gt_tensor *t, gt_tensor *mask, gt_tensor *value) {
  return gt_apply_into(cx, "masked_fill", (gt_tensor *[]){t, mask, value}, 3, NULL, t);
}

int gtlua_pick_assign(lua_State *L, gt_tensor *t) {
  gt_ctx *cx = gtlua_cx(L);
  gt_scalar x;
  bool number = gtlua_read_scalar(L, 3, t->dtype, &x);
  gt_tensor *in[2 + MOST_KEYS] = {t, gtlua_testtensor(L, 3)}, *made = NULL, *mask = mask_of(L, t);
  keys k = {0};
  if (!number && !in[1])
    return gtlua_error(L, "t[key] = value: expected a number or a tensor, got %s", gtlua_got(L, 3));
  if (in[1]) gtlua_check_source(L, in[1], "t[key] = value");
  if (mask && number) { /* seen in t's shape, so that it broadcasts from the front */
    gt_value shape = {.given = true, .dims = {.count = t->ndim}};
    for (int d = 0; d < t->ndim; d++) shape.dims.at[d] = d < mask->ndim ? mask->shape[d] : 1;
    gtlua_apply(L, "reshape", &mask, 1, GT_ARGS({"shape", shape}));
    mask = gtlua_totensor(L, -1);
  } else if (mask) {
    read_mask(L, mask, &k);
  } else {
    read_indices(L, t, &k);
  }
  memcpy(in + 2, k.at, sizeof k.at);
  gt_status status = number ? make_value(cx, t, x, &made) : GT_OK;
  if (number) in[1] = made;
  if (status == GT_OK && mask && number)
    status = fill_mask(cx, t, mask, in[1]);
  else if (status == GT_OK)
    status = gt_apply(cx, "index_put", in, 2 + k.count, NULL, NULL);
  gt_tensor_unref(cx, made);
  gtlua_check(L, status);
  return 0;
}
