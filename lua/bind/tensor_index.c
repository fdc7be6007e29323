/* tensor_index.c: t[key] and t[key] = value.
 *
 * Keys: an integer; a string in Python's slice grammar ("1:3, :, None, ..., -1"); a table of
 * integers, ranges {start, stop[, step]} ({} is all), "..." and "None"; tensors (tensor_pick.c).
 * Everything counts from 0 and is half-open.  Integers, ranges and new axes give views; tensors
 * give copies. */
#include "core/tensor/rng.h"
#include "core/tensor/run.h"
#include "lua/bind/tensor.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum item_kind { ITEM_INTEGER, ITEM_RANGE, ITEM_ELLIPSIS, ITEM_NEW };

typedef struct item {
  enum item_kind kind;
  int64_t index; /* ITEM_INTEGER */
  bool has_start, has_stop;
  int64_t start, stop, step;
} item;

#define MOST_ITEMS (2 * GT_MAX_DIM)

typedef struct items {
  int count;
  item at[MOST_ITEMS];
} items;

/* Where a key leads: a view of the tensor. */
typedef struct geometry {
  int ndim;
  int64_t shape[GT_MAX_DIM], stride[GT_MAX_DIM], offset;
} geometry;

static item *add_item(lua_State *L, items *list, enum item_kind kind) {
  if (list->count == MOST_ITEMS) gtlua_error(L, "index: more than %d parts", MOST_ITEMS);
  item *it = &list->at[list->count++];
  *it = (item){.kind = kind, .step = 1};
  return it;
}

/* ---- the string form ---- */

bool gtlua_is_slice(const char *text) {
  return strpbrk(text, ":,.") || strcmp(text, "None") == 0 || isdigit((unsigned char)*text) ||
         *text == '-';
}

static const char *skip_space(const char *p) {
  while (*p == ' ' || *p == '\t') p++;
  return p;
}

static bool read_integer(const char **p, int64_t *out) {
  char *end;
  *p = skip_space(*p);
  if (!isdigit((unsigned char)**p) && **p != '-' && **p != '+') return false;
  long long n = strtoll(*p, &end, 10);
  if (end == *p) return false;
  *p = skip_space(end);
  *out = n;
  return true;
}

/* One part up to the comma: "3", "a:b:c", "...", "None"; NULL when it is none of these. */
static const char *read_part(lua_State *L, const char *p, items *list) {
  p = skip_space(p);
  if (strncmp(p, "...", 3) == 0) {
    add_item(L, list, ITEM_ELLIPSIS);
    return skip_space(p + 3);
  }
  if (strncmp(p, "None", 4) == 0) {
    add_item(L, list, ITEM_NEW);
    return skip_space(p + 4);
  }
  int64_t n = 0;
  bool given = read_integer(&p, &n);
  if (*p != ':') {
    if (!given) return NULL;
    add_item(L, list, ITEM_INTEGER)->index = n;
    return p;
  }
  item *it = add_item(L, list, ITEM_RANGE);
  it->has_start = given;
  it->start = n;
  p++;
  it->has_stop = read_integer(&p, &it->stop);
  p = skip_space(p);
  if (*p != ':') return p;
  p++;
  read_integer(&p, &it->step);
  return skip_space(p);
}

static void parse_string(lua_State *L, const char *text, items *list) {
  const char *p = text;
  for (;;) {
    p = read_part(L, p, list);
    if (p && *p == '\0') return;
    if (!p || *p != ',')
      gtlua_error(
          L,
          "index \"%s\" is not a slice; write for example \"1:3, :\", \"..., -1\" or \"None, :\"",
          text);
    p = skip_space(p + 1);
    if (*p == '\0') return; /* "3," as in Python */
  }
}

/* ---- the table form ---- */

static bool range_bound(lua_State *L, int table, int slot, int64_t *out) {
  lua_rawgeti(L, table, slot);
  bool given = !lua_isnil(L, -1);
  if (given) *out = gtlua_toint(L, -1, "index");
  lua_pop(L, 1);
  return given;
}

static void read_range(lua_State *L, int table, items *list) {
  item *it = add_item(L, list, ITEM_RANGE);
  it->has_start = range_bound(L, table, 1, &it->start);
  it->has_stop = range_bound(L, table, 2, &it->stop);
  bool stepped = range_bound(L, table, 3, &it->step);
  if (it->has_start && !it->has_stop && !stepped)
    gtlua_error(L,
                "index {%lld} can be read in two ways: write {%lld, %lld} for that row "
                "alone, or \"%lld:\" for all "
                "rows from it on",
                (long long)it->start, (long long)it->start, (long long)it->start + 1,
                (long long)it->start);
}

static void parse_table(lua_State *L, int table, items *list) {
  gtlua_check_list(L, table, "index", false);
  int count = (int)lua_rawlen(L, table);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, table, i);
    int at = lua_gettop(L);
    switch (lua_type(L, at)) {
    case LUA_TNUMBER:
      add_item(L, list, ITEM_INTEGER)->index = gtlua_toint(L, at, "index");
      break;
    case LUA_TTABLE:
      read_range(L, at, list);
      break;
    case LUA_TSTRING:
      parse_string(L, lua_tostring(L, at), list);
      break;
    default:
      gtlua_error(L, "index: part %d is %s; expected an integer, a range or a string", i,
                  gtlua_got(L, at));
    }
    lua_pop(L, 1);
  }
}

/* ---- resolving ---- */

/* Dimensions that the parts take away from the tensor; raises when there are too many. */
static int count_used(lua_State *L, const gt_tensor *t, const items *list) {
  int used = 0, ellipses = 0;
  for (int i = 0; i < list->count; i++) {
    used += list->at[i].kind == ITEM_INTEGER || list->at[i].kind == ITEM_RANGE;
    ellipses += list->at[i].kind == ITEM_ELLIPSIS;
  }
  if (ellipses > 1) gtlua_error(L, "index: only one ... is possible");
  if (used > t->ndim)
    gtlua_error(L, "index: %d indices for a tensor of %d dimensions", used, t->ndim);
  return used;
}

static int64_t resolve_index(lua_State *L, int64_t i, int64_t size, int dim) {
  int64_t at = i < 0 ? i + size : i;
  if (at >= 0 && at < size) return at;
  gtlua_error(L, "index %lld is out of range for dimension %d with size %lld%s", (long long)i, dim,
              (long long)size,
              i == size && size > 0 ? " (elements count from 0; the last is [-1])" : "");
  return 0;
}

static int64_t clamp(int64_t i, int64_t size) {
  if (i < 0) i += size;
  return i < 0 ? 0 : i > size ? size : i;
}

/* Sets start and stop to 0 <= start <= stop <= size, as Python does. */
static void resolve_range(lua_State *L, item *it, int64_t size) {
  if (it->step <= 0)
    gtlua_error(L, "index: the step of a range must be positive, got %lld", (long long)it->step);
  it->start = it->has_start ? clamp(it->start, size) : 0;
  it->stop = it->has_stop ? clamp(it->stop, size) : size;
  if (it->stop < it->start) it->stop = it->start;
}

/* Resolves all parts against the shape of t in place, an ellipsis becomes as many full ranges as
 * are missing. */
static void resolve(lua_State *L, const gt_tensor *t, items *list) {
  int missing = t->ndim - count_used(L, t, list), dim = 0;
  items out = {0};
  bool spread = false;
  for (int i = 0; i <= list->count; i++) {
    bool end = i == list->count;
    if (end ? !spread : list->at[i].kind == ITEM_ELLIPSIS) {
      spread = true;
      for (int k = 0; k < missing; k++, dim++) add_item(L, &out, ITEM_RANGE)->stop = t->shape[dim];
    }
    if (end || list->at[i].kind == ITEM_ELLIPSIS) continue;
    item *it = add_item(L, &out, ITEM_NEW);
    *it = list->at[i];
    if (it->kind == ITEM_INTEGER) it->index = resolve_index(L, it->index, t->shape[dim], dim);
    if (it->kind == ITEM_RANGE) resolve_range(L, it, t->shape[dim]);
    dim += it->kind != ITEM_NEW;
  }
  *list = out;
}

static void locate(lua_State *L, const gt_tensor *t, const items *list, geometry *g) {
  *g = (geometry){.offset = t->offset};
  int dim = 0;
  for (int i = 0; i < list->count; i++) {
    const item *it = &list->at[i];
    if (it->kind == ITEM_INTEGER) {
      g->offset += it->index * t->stride[dim++];
      continue;
    }
    if (g->ndim == GT_MAX_DIM)
      gtlua_error(L, "index: the result would have more than %d dimensions", GT_MAX_DIM);
    g->shape[g->ndim] = 1;
    g->stride[g->ndim] = 1;
    if (it->kind == ITEM_RANGE) {
      int64_t length = it->stop - it->start;
      int64_t count = length > 0 ? (length - 1) / it->step + 1 : 0; /* steps may be huge */
      g->shape[g->ndim] = count;
      g->stride[g->ndim] = count > 1 ? t->stride[dim] * it->step : t->stride[dim];
      g->offset += it->start * t->stride[dim++];
    }
    g->ndim++;
  }
}

/* ---- reading ---- */

/* The same through ops, one part at a time, so that gradients flow.  Leaves the result on the
 * stack. */
static void walk(lua_State *L, int index, const gt_tensor *t, const items *list) {
  lua_pushvalue(L, index);
  int dim = 0, source = 0; /* dim: of the tensor on top; source: of t */
  for (int i = 0; i < list->count; i++) {
    const item *it = &list->at[i];
    gt_tensor *x = gtlua_totensor(L, -1);
    if (it->kind == ITEM_NEW)
      gtlua_apply(L, "unsqueeze", &x, 1, GT_ARGS({"dim", GT_INT(dim)}));
    else if (it->kind == ITEM_INTEGER)
      gtlua_apply(L, "select", &x, 1, GT_ARGS({"dim", GT_INT(dim)}, {"index", GT_INT(it->index)}));
    else if (it->start != 0 || it->stop != t->shape[source] || it->step != 1)
      gtlua_apply(L, "slice", &x, 1,
                  GT_ARGS({"dim", GT_INT(dim)}, {"start", GT_INT(it->start)},
                          {"stop", GT_INT(it->stop)}, {"step", GT_INT(it->step)}));
    else
      lua_pushvalue(L, -1);
    lua_remove(L, -2);
    dim += it->kind != ITEM_INTEGER;
    source += it->kind != ITEM_NEW;
  }
  gt_tensor *x = gtlua_totensor(L, -1);
  if (x != t) return;
  gt_value shape = {.given = true, .dims = {.count = t->ndim}};
  memcpy(shape.dims.at, t->shape, sizeof t->shape);
  gtlua_apply(L, "view", &x, 1, GT_ARGS({"shape", shape})); /* all of t is a tensor of its own */
}

static void push_view(lua_State *L, gt_tensor *t, const geometry *g) {
  gt_tensor **box = gtlua_box(L);
  gtlua_check(L, gt_tensor_view(gtlua_cx(L), t, g->ndim, g->shape, g->stride, g->offset, box));
}

void gtlua_push_row(lua_State *L, gt_tensor *t, int64_t i) {
  if (t->ndim == 0)
    gtlua_error(L, "index: a tensor without dimensions cannot be indexed; see item()");
  i = resolve_index(L, i, t->shape[0], 0);
  if (gtlua_cx(L)->grad_enabled && (t->requires_grad || t->node)) {
    gtlua_apply(L, "select", &t, 1, GT_ARGS({"dim", GT_INT(0)}, {"index", GT_INT(i)}));
    return;
  }
  geometry g = {.ndim = t->ndim - 1, .offset = t->offset + i * t->stride[0]};
  memcpy(g.shape, t->shape + 1, (size_t)g.ndim * sizeof *g.shape);
  memcpy(g.stride, t->stride + 1, (size_t)g.ndim * sizeof *g.stride);
  push_view(L, t, &g);
}

/* Reads the key at index 2 as parts. */
static void read_key(lua_State *L, const gt_tensor *t, items *list) {
  list->count = 0;
  switch (lua_type(L, 2)) {
  case LUA_TNUMBER:
    add_item(L, list, ITEM_INTEGER)->index = gtlua_toint(L, 2, "index");
    break;
  case LUA_TSTRING:
    parse_string(L, lua_tostring(L, 2), list);
    break;
  case LUA_TTABLE:
    parse_table(L, 2, list);
    break;
  default:
    gtlua_error(L, "index: expected an integer, a slice or a tensor, got %s", gtlua_got(L, 2));
  }
  resolve(L, t, list);
}

int gtlua_tensor_at(lua_State *L) {
  gt_tensor *t = gtlua_totensor(L, 1);
  if (lua_type(L, 2) == LUA_TNUMBER) {
    gtlua_push_row(L, t, gtlua_toint(L, 2, "index"));
    return 1;
  }
  if (gtlua_is_pick(L, 2)) return gtlua_pick(L, t);
  items list;
  read_key(L, t, &list);
  geometry g;
  locate(L, t, &list, &g);
  if (gtlua_cx(L)->grad_enabled && (t->requires_grad || t->node))
    walk(L, 1, t, &list);
  else
    push_view(L, t, &g);
  return 1;
}

/* ---- writing ---- */

/* t[key] = number or tensor (broadcast), or boolean where t is bool */
int gtlua_tensor_assign(lua_State *L) {
  gt_tensor *t = gtlua_writable(L, 1, "t[key] = value");
  if (gtlua_is_pick(L, 2)) return gtlua_pick_assign(L, t);
  items list;
  read_key(L, t, &list);
  geometry g;
  locate(L, t, &list, &g);
  gt_tensor *source = gtlua_testtensor(L, 3);
  gt_scalar value;
  if (!source && !gtlua_read_scalar(L, 3, t->dtype, &value))
    return gtlua_error(L, "t[key] = value: expected a number or a tensor, got %s", gtlua_got(L, 3));
  push_view(L, t, &g);
  gt_tensor *view = gtlua_totensor(L, -1);
  if (source)
    gtlua_copy(L, view, source, "t[key] = value");
  else
    gtlua_check(L, gt_fill_scalar(gtlua_cx(L), view, value, "t[key] = value"));
  return 0;
}
