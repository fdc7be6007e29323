/* tensor_new.c: functions of torch that make tensors: from sizes, from ranges, from random streams,
 * from Lua values. */
#include "core/tensor/rng.h"
#include "lua/bind/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

/* What every function here takes after its own arguments. */
#define OPTIONS "*, dtype: dtype = nil, device: device = nil, requires_grad: boolean = false)"

/* What a tensor is made as. */
typedef struct options {
  const char *function; /* for messages */
  gt_dtype dtype;
  const gt_backend *device;
  bool requires_grad;
} options;

/* Those from position `first` on, where none are given `dtype` and the session's device. */
static options read_options(lua_State *L, int first, const char *function, gt_dtype dtype) {
  options out = {.function = function, .dtype = dtype, .device = gtlua_session_of(L)->device};
  char what[64];
  snprintf(what, sizeof what, "%s: dtype", function);
  if (!lua_isnil(L, first)) out.dtype = gtlua_todtype_for(L, first, what);
  if (!lua_isnil(L, first + 1)) out.device = gtlua_todevice(L, first + 1);
  out.requires_grad = lua_toboolean(L, first + 2);
  return out;
}

static options float_options(lua_State *L, int first, const char *function) {
  return read_options(L, first, function, gtlua_session_of(L)->dtype);
}

/* The shape at index, a table or a Size. */
static gt_spec read_spec(lua_State *L, int index, const options *o) {
  gt_dims dims;
  char what[64];
  snprintf(what, sizeof what, "%s: size", o->function);
  if (gtlua_todims(L, index, what, &dims) == index)
    gtlua_error(L, "%s expects a shape, got %s", what, gtlua_typename(L, index));
  return gt_spec_make(o->dtype, dims.count, dims.at);
}

static void check_requires_grad(lua_State *L, const options *o, gt_dtype dtype) {
  if (o->requires_grad && !gt_dtype_is_float(dtype))
    gtlua_error(L, "%s: only float tensors can have gradients, this one is %s", o->function,
                gt_dtype_name(dtype));
}

/* Pushes a new tensor: zeros, or what its memory held. */
static gt_tensor *push_new(lua_State *L, const gt_spec *spec, const options *o, bool zero) {
  gt_ctx *cx = gtlua_cx(L);
  check_requires_grad(L, o, spec->dtype);
  gt_tensor **box = gtlua_box(L);
  gtlua_pressure(L);
  gt_status status;
  GTLUA_RETRY(L, status,
              zero ? gt_tensor_zeros(cx, spec, o->device, box)
                   : gt_tensor_new(cx, spec, o->device, box));
  if (status == GT_ESHAPE) gtlua_error(L, "%s: %s", o->function, cx->message);
  gtlua_check(L, status);
  (*box)->requires_grad = o->requires_grad;
  return *box;
}

/* ---- from sizes ---- */

static gt_tensor *new_plain(lua_State *L, const char *function, bool zero) {
  options o = float_options(L, 2, function);
  gt_spec spec = read_spec(L, 1, &o);
  return push_new(L, &spec, &o, zero);
}

static int new_zeros(lua_State *L) { return new_plain(L, "zeros", true), 1; }
static int new_empty(lua_State *L) { return new_plain(L, "empty", false), 1; }

static int new_ones(lua_State *L) {
  gtlua_check(L, gt_fill_value(gtlua_cx(L), new_plain(L, "ones", false), 1));
  return 1;
}

/* dtype of a tensor filled with the value at index, when none is asked for. */
static gt_dtype value_dtype(lua_State *L, int index) {
  if (lua_isboolean(L, index)) return GT_BOOL;
  return lua_isinteger(L, index) ? GT_I64 : gtlua_session_of(L)->dtype;
}

/* What a tensor of the options' dtype is filled with. */
static gt_scalar fill_value(lua_State *L, int index, const options *o) {
  gt_scalar value = {0};
  if (!gtlua_read_scalar(L, index, o->dtype, &value))
    gtlua_error(L, "%s: expected a number to fill with, got %s", o->function, gtlua_got(L, index));
  gtlua_check(L, gt_check_scalar(gtlua_cx(L), o->function, o->dtype, value));
  return value;
}

static int new_full(lua_State *L) {
  options o = read_options(L, 3, "full", value_dtype(L, 2));
  gt_spec spec = read_spec(L, 1, &o);
  gt_scalar value = fill_value(L, 2, &o);
  gtlua_check(L, gt_fill_scalar(gtlua_cx(L), push_new(L, &spec, &o, false), value, "full"));
  return 1;
}

static int random_tensor(lua_State *L, const char *function,
                         gt_status (*fill)(gt_ctx *, gt_tensor *, double, double)) {
  options o = float_options(L, 2, function);
  if (!gt_dtype_is_float(o.dtype))
    return gtlua_error(L, "%s: expected a float dtype, got %s", function, gt_dtype_name(o.dtype));
  gt_spec spec = read_spec(L, 1, &o);
  gtlua_check(L, fill(gtlua_cx(L), push_new(L, &spec, &o, false), 0, 1));
  return 1;
}

static int new_rand(lua_State *L) { return random_tensor(L, "rand", gt_fill_uniform); }
static int new_randn(lua_State *L) { return random_tensor(L, "randn", gt_fill_normal); }

/* torch.randint([low = 0,] high, {sizes}[, options]): integers of [low, high) */
static int new_randint(lua_State *L) {
  if (lua_type(L, 2) != LUA_TNUMBER && lua_isnil(L, 3)) { /* randint(high, {sizes}) */
    lua_pushvalue(L, 2);
    lua_replace(L, 3);
    lua_pushvalue(L, 1);
    lua_replace(L, 2);
    lua_pushinteger(L, 0);
    lua_replace(L, 1);
  }
  if (lua_isnil(L, 3))
    return gtlua_error(L, "randint: expected the sizes in a table: randint(0, 10, {2, 3})");
  options o = read_options(L, 4, "randint", GT_I64);
  int64_t low = gtlua_toint(L, 1, "randint: low"), high = gtlua_toint(L, 2, "randint: high");
  if (low >= high)
    return gtlua_error(L, "randint: expected low < high, got [%lld, %lld)", (long long)low,
                       (long long)high);
  gt_spec spec = read_spec(L, 3, &o);
  gtlua_check(L, gt_fill_integers(gtlua_cx(L), push_new(L, &spec, &o, false), low, high));
  return 1;
}

/* ---- like another ---- */

enum like { LIKE_EMPTY, LIKE_ZEROS, LIKE_ONES, LIKE_RAND, LIKE_RANDN, LIKE_FULL };

static int new_like(lua_State *L, const char *function, enum like kind) {
  gt_ctx *cx = gtlua_cx(L);
  gt_tensor *model = gtlua_totensor(L, 1);
  int first = kind == LIKE_FULL ? 3 : 2;
  options o = read_options(L, first, function, model->dtype);
  if (lua_isnil(L, first + 1)) o.device = gt_device_of(model);
  gt_scalar value = kind == LIKE_FULL ? fill_value(L, 2, &o) : gt_scalar_whole(1);
  gt_spec spec = gt_spec_make(o.dtype, model->ndim, model->shape);
  gt_tensor *t = push_new(L, &spec, &o, kind == LIKE_ZEROS);
  gt_status status = GT_OK;
  if (kind == LIKE_ONES || kind == LIKE_FULL) status = gt_fill_scalar(cx, t, value, function);
  if (kind == LIKE_RAND) status = gt_fill_uniform(cx, t, 0, 1);
  if (kind == LIKE_RANDN) status = gt_fill_normal(cx, t, 0, 1);
  gtlua_check(L, status);
  return 1;
}

static int new_empty_like(lua_State *L) { return new_like(L, "empty_like", LIKE_EMPTY); }
static int new_zeros_like(lua_State *L) { return new_like(L, "zeros_like", LIKE_ZEROS); }
static int new_ones_like(lua_State *L) { return new_like(L, "ones_like", LIKE_ONES); }
static int new_rand_like(lua_State *L) { return new_like(L, "rand_like", LIKE_RAND); }
static int new_randn_like(lua_State *L) { return new_like(L, "randn_like", LIKE_RANDN); }
static int new_full_like(lua_State *L) { return new_like(L, "full_like", LIKE_FULL); }

/* ---- through host memory ---- */

/* Raises when an integer dtype that is asked for cannot hold one of the host tensor's numbers. */
static void check_numbers(lua_State *L, const options *o, const gt_tensor *host) {
  int64_t n = gt_count(host), low = 0, high = 0;
  const int64_t *whole = host->dtype == GT_I64 ? gt_data(host) : NULL;
  const double *real = host->dtype == GT_F64 ? gt_data(host) : NULL;
  if (gt_dtype_is_float(o->dtype) || o->dtype == host->dtype || n == 0) return;
  for (int64_t i = 1; whole && i < n; i++) {
    low = whole[i] < whole[low] ? i : low;
    high = whole[i] > whole[high] ? i : high;
  }
  for (int64_t i = 1; real && i < n && !isnan(real[low]); i++) {
    low = !(real[i] >= real[low]) ? i : low;
    high = real[i] > real[high] ? i : high;
  }
  for (int k = 0; k < 2; k++) {
    int64_t i = k ? high : low;
    gt_scalar x = whole ? gt_scalar_whole(whole[i]) : gt_scalar_real(real[i]);
    gtlua_check(L, gt_check_scalar(gtlua_cx(L), o->function, o->dtype, x));
  }
}

/* Replaces the host tensor on top of the stack by one of the dtype and device asked for. */
static int finish(lua_State *L, const options *o) {
  gt_tensor *host = gtlua_totensor(L, -1);
  gt_spec spec = gt_spec_of(host);
  spec.dtype = o->dtype;
  check_numbers(L, o, host);
  if (host->dtype != o->dtype || o->device != gtlua_cx(L)->cpu) {
    gt_tensor *t = push_new(L, &spec, o, false);
    gtlua_check(L, gt_copy(gtlua_cx(L), t, host));
  }
  check_requires_grad(L, o, o->dtype);
  gtlua_totensor(L, -1)->requires_grad = o->requires_grad;
  return 1;
}

/* Pushes a tensor of the dtype on the CPU, to be filled and finished. */
static gt_tensor *push_host(lua_State *L, const options *o, gt_dtype dtype, int ndim,
                            const int64_t *shape) {
  const options host = {.function = o->function, .device = gtlua_cx(L)->cpu};
  gt_spec spec = gt_spec_make(dtype, ndim, shape);
  return push_new(L, &spec, &host, false);
}

/* How many integers there are from `first` on before `stop`, `by` apart; exact while below 2^53. */
static double count_whole(int64_t first, int64_t stop, int64_t by) {
  if (by > 0 ? first >= stop : first <= stop) return 0;
  uint64_t up = (uint64_t)stop - (uint64_t)first, step = (uint64_t)by; /* may pass 2^63 */
  uint64_t count = by > 0 ? (up - 1) / step + 1 : (-up - 1) / -step + 1;
  return (double)count;
}

/* Raises when the number at index has a fraction that the dtype asked for would drop. */
static void check_whole(lua_State *L, int index, const options *o) {
  double x = lua_tonumber(L, index);
  char text[GT_NUMBER_TEXT];
  if (!gt_dtype_is_float(o->dtype) && x != floor(x))
    gtlua_error(L, "%s: expected whole numbers for %s, got %s", o->function,
                gt_dtype_name(o->dtype), gt_number_text(x, text));
}

/* torch.arange([start = 0,] stop[, step = 1][, options]): half-open */
static int new_arange(lua_State *L) {
  if (lua_isnil(L, 2)) { /* arange(stop) */
    lua_pushvalue(L, 1);
    lua_replace(L, 2);
    lua_pushinteger(L, 0);
    lua_replace(L, 1);
  }
  bool whole = true;
  for (int i = 1; i <= 3; i++) whole = whole && lua_isinteger(L, i);
  options o = read_options(L, 4, "arange", whole ? GT_I64 : gtlua_session_of(L)->dtype);
  double start = lua_tonumber(L, 1), stop = lua_tonumber(L, 2), step = lua_tonumber(L, 3);
  if (step == 0 || !isfinite(start) || !isfinite(stop) || !isfinite(step))
    return gtlua_error(L, "arange: expected finite numbers and a step other than 0");
  for (int i = 1; i <= 3; i++) check_whole(L, i, &o);
  if (step > 0 ? start > stop : start < stop)
    return gtlua_error(L, "arange: expected a step towards stop, got start %s, stop %s, step %s",
                       luaL_tolstring(L, 1, NULL), luaL_tolstring(L, 2, NULL),
                       luaL_tolstring(L, 3, NULL));
  int64_t first = lua_tointeger(L, 1), by = lua_tointeger(L, 3);
  double steps = whole ? count_whole(first, lua_tointeger(L, 2), by) : ceil((stop - start) / step);
  if (steps > 9e15)
    return gtlua_error(L, "arange: expected at most 9e+15 elements, got %.3g", steps);
  int64_t count = (int64_t)steps;
  gt_tensor *t = push_host(L, &o, whole ? GT_I64 : GT_F64, 1, &count);
  for (int64_t i = 0; i < count; i++) {
    GTLUA_POLL(L, i);
    if (whole)
      ((int64_t *)gt_data(t))[i] = (int64_t)((uint64_t)first + (uint64_t)i * (uint64_t)by);
    else
      ((double *)gt_data(t))[i] = start + (double)i * step;
  }
  return finish(L, &o);
}

/* torch.linspace(start, stop, steps[, options]): both ends included */
static int new_linspace(lua_State *L) {
  options o = float_options(L, 4, "linspace");
  double start = lua_tonumber(L, 1), stop = lua_tonumber(L, 2);
  int64_t count = lua_tointeger(L, 3);
  for (int i = 1; i <= 2; i++) check_whole(L, i, &o);
  if (count < 0)
    return gtlua_error(L, "linspace: steps must not be negative, got %lld", (long long)count);
  gt_tensor *t = push_host(L, &o, GT_F64, 1, &count);
  double *x = gt_data(t), step = count > 1 ? (stop - start) / (double)(count - 1) : 0;
  /* From both ends, so that the last element is exactly `stop`. */
  for (int64_t i = 0; i < count; i++) {
    GTLUA_POLL(L, i);
    x[i] = i < count / 2 ? start + (double)i * step : stop - (double)(count - 1 - i) * step;
  }
  if (count == 1) x[0] = start;
  return finish(L, &o);
}

/* torch.eye(n[, m = n][, options]) */
static int new_eye(lua_State *L) {
  options o = float_options(L, 3, "eye");
  int64_t rows = lua_tointeger(L, 1), columns = lua_isnil(L, 2) ? rows : lua_tointeger(L, 2);
  gt_spec spec = gt_spec_make(o.dtype, 2, (int64_t[]){rows, columns});
  gt_tensor *t = push_new(L, &spec, &o, true);
  int64_t n = rows < columns ? rows : columns, stride = columns + 1;
  gt_tensor **diagonal = gtlua_box(L);
  gt_status status = gt_tensor_view(gtlua_cx(L), t, 1, &n, &stride, 0, diagonal);
  if (status == GT_OK) status = gt_fill_value(gtlua_cx(L), *diagonal, 1);
  gtlua_check(L, status);
  lua_pop(L, 1);
  return 1;
}

/* torch.randperm(n[, options]): the numbers 0 … n - 1 in random order (Fisher and Yates 1938,
 * Durstenfeld's form) */
static int new_randperm(lua_State *L) {
  gt_ctx *cx = gtlua_cx(L);
  options o = read_options(L, 2, "randperm", GT_I64);
  int64_t n = lua_tointeger(L, 1);
  if (n < 0) return gtlua_error(L, "randperm: n must not be negative, got %lld", (long long)n);
  if (n > 0 && !gt_dtype_counts_to(o.dtype, n - 1))
    return gtlua_error(L, "randperm: expected a dtype that has the numbers to %lld, got %s",
                       (long long)n - 1, gt_dtype_name(o.dtype));
  gt_tensor *t = push_host(L, &o, GT_I64, 1, &n);
  int64_t *x = gt_data(t);
  uint64_t stream = gt_rng_stream(cx);
  for (int64_t i = 0; i < n; i++) {
    GTLUA_POLL(L, i);
    x[i] = i;
  }
  for (int64_t i = n - 1; i > 0; i--) {
    GTLUA_POLL(L, i);
    uint32_t word[4];
    gt_philox(cx->seed, stream, (uint64_t)i, word);
    /* 64 random bits scaled to [0, i]: the bias is below i / 2^64. */
    uint64_t bits = (uint64_t)word[0] << 32 | word[1];
    int64_t j = (int64_t)((unsigned __int128)bits * (uint64_t)(i + 1) >> 64);
    int64_t swap = x[i];
    x[i] = x[j];
    x[j] = swap;
  }
  return finish(L, &o);
}

/* ---- from Lua values ---- */

typedef struct nest {
  int ndim;
  int64_t shape[GT_MAX_DIM];
  gt_dtype
      dtype; /* GT_BOOL, GT_I64 or GT_F64; narrowest that holds all; GT_NDTYPE: nothing seen yet */
} nest;

/* " at [2][1]" of the place being read, or "" at the top. */
static const char *path_text(lua_State *L, const int64_t *path, int depth) {
  lua_pushstring(L, depth ? " at " : "");
  for (int i = 0; i < depth; i++) {
    lua_pushfstring(L, "%s[%I]", lua_tostring(L, -1), (lua_Integer)path[i]);
    lua_remove(L, -2);
  }
  return lua_tostring(L, -1);
}

/* dtype of the scalar at the top of the stack; GT_NDTYPE when it is none. */
static gt_dtype scalar_dtype(lua_State *L) {
  const gt_tensor *t = gtlua_testtensor(L, -1);
  if (t && t->ndim > 0) return GT_NDTYPE;
  if (t) return gt_dtype_is_float(t->dtype) ? GT_F64 : t->dtype == GT_BOOL ? GT_BOOL : GT_I64;
  if (lua_type(L, -1) == LUA_TBOOLEAN) return GT_BOOL;
  if (lua_type(L, -1) != LUA_TNUMBER) return GT_NDTYPE;
  return lua_isinteger(L, -1) ? GT_I64 : GT_F64;
}

/* First pass over the value at the top of the stack: shape (from the first of everything), dtype,
 * raggedness. */
static void measure(lua_State *L, nest *n, int64_t *path, int depth, bool first) {
  if (lua_type(L, -1) != LUA_TTABLE) {
    gt_dtype dtype = scalar_dtype(L);
    if (dtype == GT_NDTYPE) {
      const char *got = gtlua_typename(L, -1);
      gtlua_error(L, "tensor: expected numbers, booleans or tables of them%s, got %s",
                  path_text(L, path, depth), got);
    }
    if (first) n->ndim = depth;
    if (depth != n->ndim)
      gtlua_error(L, "tensor: ragged table%s: expected a table, got a number",
                  path_text(L, path, depth));
    if (n->dtype == GT_NDTYPE || dtype == GT_F64 || (dtype == GT_I64 && n->dtype == GT_BOOL))
      n->dtype = dtype;
    return;
  }
  if (depth > 0) gtlua_check_list(L, -1, "tensor", false); /* the outermost is the signature's */
  int64_t count = (int64_t)lua_rawlen(L, -1);
  if (depth == GT_MAX_DIM) gtlua_error(L, "tensor: tables nest deeper than %d", GT_MAX_DIM);
  if (first) n->shape[depth] = count, n->ndim = depth + 1;
  if (depth >= n->ndim)
    gtlua_error(L, "tensor: ragged table%s: expected a number, got a table",
                path_text(L, path, depth));
  if (count != n->shape[depth])
    gtlua_error(L, "tensor: ragged table%s: expected %lld items, got %lld",
                path_text(L, path, depth), (long long)n->shape[depth], (long long)count);
  luaL_checkstack(L, 4, "tensor");
  for (int64_t i = 1; i <= count; i++) {
    GTLUA_POLL(L, i);
    path[depth] = i;
    lua_rawgeti(L, -1, i);
    measure(L, n, path, depth + 1, first && i == 1);
    lua_pop(L, 1);
  }
}

/* Second pass: stores the leaves in order.  Stops at `count`, whatever the tables hold by now. */
static void store(lua_State *L, const nest *n, int depth, gt_tensor *t, int64_t *next) {
  if (depth == n->ndim) {
    double f = lua_isboolean(L, -1) ? lua_toboolean(L, -1) : lua_tonumber(L, -1);
    int64_t i = lua_isboolean(L, -1) ? lua_toboolean(L, -1) : lua_tointeger(L, -1);
    gt_tensor *scalar = gtlua_testtensor(L, -1);
    if (scalar) gtlua_check(L, gt_item(gtlua_cx(L), scalar, &f, &i));
    if (t->dtype == GT_F64)
      ((double *)gt_data(t))[(*next)++] = f;
    else
      ((int64_t *)gt_data(t))[(*next)++] = i;
    return;
  }
  for (int64_t i = 1; i <= n->shape[depth]; i++) {
    GTLUA_POLL(L, i);
    lua_rawgeti(L, -1, i);
    store(L, n, depth + 1, t, next);
    lua_pop(L, 1);
  }
}

/* torch.tensor(value[, options]): numbers, booleans, nested tables of them, or a tensor to copy.
 * All integers give int64, any float the default float dtype, booleans bool. */
static int new_tensor(lua_State *L) {
  gt_tensor *source = gtlua_testtensor(L, 1);
  bool has_dtype = !lua_isnil(L, 2);
  options o = float_options(L, 2, "tensor");
  if (source) {
    if (!has_dtype) o.dtype = source->dtype;
    if (lua_isnil(L, 3)) o.device = gt_device_of(source);
    gt_spec spec = gt_spec_make(o.dtype, source->ndim, source->shape);
    gt_tensor *t = push_new(L, &spec, &o, false);
    gtlua_check(L, gt_copy(gtlua_cx(L), t, source));
    return 1;
  }
  const gt_dims *size = luaL_testudata(L, 1, GTLUA_SIZE);
  nest n = {.dtype = GT_NDTYPE};
  int64_t path[GT_MAX_DIM];
  if (size) {
    gt_tensor *t = push_host(L, &o, GT_I64, 1, &(int64_t){size->count});
    memcpy(gt_data(t), size->at, (size_t)size->count * sizeof *size->at);
    if (!has_dtype) o.dtype = GT_I64;
    return finish(L, &o);
  }
  lua_pushvalue(L, 1);
  measure(L, &n, path, 0, true);
  if (n.dtype == GT_NDTYPE) n.dtype = GT_F64;
  if (!has_dtype && n.dtype != GT_F64) o.dtype = n.dtype;
  gt_tensor *t = push_host(L, &o, n.dtype == GT_F64 ? GT_F64 : GT_I64, n.ndim, n.shape);
  int64_t next = 0;
  lua_pushvalue(L, 1);
  store(L, &n, 0, t, &next);
  lua_pop(L, 1);
  return finish(L, &o);
}

#define LIKE "(input: tensor, " OPTIONS
#define DATA "(data: number|boolean|list|tensor, " OPTIONS

const gtlua_signed gtlua_create_functions[] = {
    {"zeros(size...: sizes, " OPTIONS, new_zeros},
    {"empty(size...: sizes, " OPTIONS, new_empty},
    {"ones(size...: sizes, " OPTIONS, new_ones},
    {"full(size: sizes, value: number|boolean, " OPTIONS, new_full},
    {"rand(size...: sizes, " OPTIONS, new_rand},
    {"randn(size...: sizes, " OPTIONS, new_randn},
    {"randint(low: integer, high: integer|sizes, size: sizes = nil, " OPTIONS, new_randint},
    {"randperm(n: integer, " OPTIONS, new_randperm},
    {"arange(start: number, stop: number = nil, step: number = 1, " OPTIONS, new_arange},
    {"linspace(start: number, stop: number, steps: integer, " OPTIONS, new_linspace},
    {"eye(n: integer, m: integer = nil, " OPTIONS, new_eye},
    {"empty_like" LIKE, new_empty_like},
    {"zeros_like" LIKE, new_zeros_like},
    {"ones_like" LIKE, new_ones_like},
    {"rand_like" LIKE, new_rand_like},
    {"randn_like" LIKE, new_randn_like},
    {"full_like(input: tensor, value: number|boolean, " OPTIONS, new_full_like},
    {"tensor" DATA, new_tensor},
    {"from_table" DATA, new_tensor},
    {NULL, NULL}};
