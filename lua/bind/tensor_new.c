/* tensor_new.c: functions of torch that make tensors: from sizes, from ranges, from random streams,
 * from Lua values. */
#include "core/tensor/rng.h"
#include "lua/bind/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- options ---- */

void gtlua_read_options(lua_State *L, int index, gtlua_options *out) {
  static const char *const names[] = {"dtype", "device", "requires_grad", NULL};
  if (lua_type(L, index) != LUA_TTABLE) return;
  lua_pushnil(L);
  while (lua_next(L, index)) {
    if (lua_type(L, -2) == LUA_TSTRING) {
      const char *key = lua_tostring(L, -2);
      char hint[96], what[64];
      snprintf(what, sizeof what, "%s: %s", out->function, key);
      if (strcmp(key, "dtype") == 0)
        out->dtype = gtlua_todtype_for(L, -1, what), out->has_dtype = true;
      else if (strcmp(key, "device") == 0)
        out->device = gtlua_todevice(L, lua_absindex(L, -1));
      else if (strcmp(key, "requires_grad") == 0)
        out->requires_grad = lua_toboolean(L, -1);
      else
        gtlua_error(L, "%s has no argument '%s'%s; it takes dtype, device, requires_grad",
                    out->function, key, gtlua_suggest(key, names, hint));
    }
    lua_pop(L, 1);
  }
}

static gtlua_options default_options(lua_State *L, const char *function) {
  const gtlua_session *s = gtlua_session_of(L);
  return (gtlua_options){.function = function, .dtype = s->dtype, .device = s->device};
}

/* Reads dims from position first, then the table of options, which may be the table of the dims
 * itself. */
static gt_spec read_spec(lua_State *L, int first, gtlua_options *options) {
  gt_dims dims = {0};
  int after = first;
  bool options_only =
      lua_type(L, first) == LUA_TTABLE && lua_rawlen(L, first) == 0 && gtlua_has_keywords(L, first);
  if (!options_only) after = gtlua_todims(L, first, &dims);
  if (after > first && lua_type(L, first) == LUA_TTABLE) gtlua_read_options(L, first, options);
  if (!lua_isnoneornil(L, after) && lua_type(L, after) != LUA_TTABLE)
    gtlua_error(L, "%s: expected sizes and then {dtype =, device =, requires_grad =}, got %s",
                options->function, gtlua_typename(L, after));
  gtlua_read_options(L, after, options);
  return gt_spec_make(options->dtype, dims.count, dims.at);
}

static void check_requires_grad(lua_State *L, const gtlua_options *options, gt_dtype dtype) {
  if (options->requires_grad && !gt_dtype_is_float(dtype))
    gtlua_error(L, "%s: only float tensors can have gradients, this one is %s", options->function,
                gt_dtype_name(dtype));
}

/* Pushes a new tensor: zeros, or what its memory held. */
static gt_tensor *push_new(lua_State *L, const gt_spec *spec, const gtlua_options *options,
                           bool zero) {
  gt_ctx *cx = gtlua_cx(L);
  check_requires_grad(L, options, spec->dtype);
  gt_tensor **box = gtlua_box(L);
  gtlua_pressure(L);
  gt_status status;
  GTLUA_RETRY(L, status,
              zero ? gt_tensor_zeros(cx, spec, options->device, box)
                   : gt_tensor_new(cx, spec, options->device, box));
  if (status == GT_ESHAPE) gtlua_error(L, "%s: %s", options->function, cx->message);
  gtlua_check(L, status);
  (*box)->requires_grad = options->requires_grad;
  return *box;
}

/* ---- from sizes ---- */

static int new_zeros(lua_State *L) {
  gtlua_options options = default_options(L, "zeros");
  gt_spec spec = read_spec(L, 1, &options);
  push_new(L, &spec, &options, true);
  return 1;
}

static int new_empty(lua_State *L) {
  gtlua_options options = default_options(L, "empty");
  gt_spec spec = read_spec(L, 1, &options);
  push_new(L, &spec, &options, false);
  return 1;
}

static int new_ones(lua_State *L) {
  gtlua_options options = default_options(L, "ones");
  gt_spec spec = read_spec(L, 1, &options);
  gtlua_check(L, gt_fill_value(gtlua_cx(L), push_new(L, &spec, &options, false), 1));
  return 1;
}

/* dtype of a tensor filled with the value at index, when none is asked for. */
static gt_dtype value_dtype(lua_State *L, int index) {
  if (lua_isboolean(L, index)) return GT_BOOL;
  return lua_isinteger(L, index) ? GT_I64 : gtlua_session_of(L)->dtype;
}

/* What a tensor of the options' dtype is filled with. */
static gt_scalar fill_value(lua_State *L, int index, const gtlua_options *options) {
  gt_scalar value = {0};
  if (!gtlua_read_scalar(L, index, options->dtype, &value))
    gtlua_error(L, "%s: expected a number to fill with, got %s", options->function,
                gtlua_got(L, index));
  gtlua_check(L, gt_check_scalar(gtlua_cx(L), options->function, options->dtype, value));
  return value;
}

/* torch.full({2, 3}, value[, options]) */
static int new_full(lua_State *L) {
  gtlua_options options = default_options(L, "full");
  gt_dims dims;
  if (lua_type(L, 1) == LUA_TNUMBER)
    return gtlua_error(L, "full: expected the sizes in a table: full({2, 3}, value)");
  int after = gtlua_todims(L, 1, &dims);
  options.dtype = value_dtype(L, after);
  gtlua_read_options(L, after + 1, &options);
  gt_scalar value = fill_value(L, after, &options);
  gt_spec spec = gt_spec_make(options.dtype, dims.count, dims.at);
  gt_tensor *t = push_new(L, &spec, &options, false);
  gtlua_check(L, gt_fill_scalar(gtlua_cx(L), t, value, "full"));
  return 1;
}

static int random_tensor(lua_State *L, const char *function,
                         gt_status (*fill)(gt_ctx *, gt_tensor *, double, double)) {
  gtlua_options options = default_options(L, function);
  gt_spec spec = read_spec(L, 1, &options);
  if (!gt_dtype_is_float(spec.dtype))
    return gtlua_error(L, "%s: expected a float dtype, got %s", function,
                       gt_dtype_name(spec.dtype));
  gtlua_check(L, fill(gtlua_cx(L), push_new(L, &spec, &options, false), 0, 1));
  return 1;
}

static int new_rand(lua_State *L) { return random_tensor(L, "rand", gt_fill_uniform); }
static int new_randn(lua_State *L) { return random_tensor(L, "randn", gt_fill_normal); }

/* torch.randint([low = 0,] high, {sizes}[, options]): integers of [low, high) */
static int new_randint(lua_State *L) {
  gtlua_options options = default_options(L, "randint");
  options.dtype = GT_I64;
  int64_t low = 0, high = gtlua_toint(L, 1, "randint: high");
  int first = 2;
  if (lua_type(L, 2) == LUA_TNUMBER) {
    low = high;
    high = gtlua_toint(L, 2, "randint: high");
    first = 3;
  }
  if (low >= high)
    return gtlua_error(L, "randint: expected low < high, got [%lld, %lld)", (long long)low,
                       (long long)high);
  if (lua_type(L, first) == LUA_TNUMBER)
    return gtlua_error(L, "randint: expected the sizes in a table: randint(0, 10, {2, 3})");
  gt_spec spec = read_spec(L, first, &options);
  gtlua_check(L, gt_fill_integers(gtlua_cx(L), push_new(L, &spec, &options, false), low, high));
  return 1;
}

/* ---- like another ---- */

enum like { LIKE_EMPTY, LIKE_ZEROS, LIKE_ONES, LIKE_RAND, LIKE_RANDN, LIKE_FULL };

static int new_like(lua_State *L, const char *function, enum like kind) {
  gt_ctx *cx = gtlua_cx(L);
  gt_tensor *model = gtlua_totensor(L, 1);
  gtlua_options options = {
      .function = function, .dtype = model->dtype, .device = gt_device_of(model)};
  gtlua_read_options(L, kind == LIKE_FULL ? 3 : 2, &options);
  gt_scalar value = kind == LIKE_FULL ? fill_value(L, 2, &options) : gt_scalar_whole(1);
  gt_spec spec = gt_spec_make(options.dtype, model->ndim, model->shape);
  gt_tensor *t = push_new(L, &spec, &options, kind == LIKE_ZEROS);
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
static void check_numbers(lua_State *L, const gtlua_options *options, const gt_tensor *host) {
  int64_t n = gt_count(host), low = 0, high = 0;
  const int64_t *whole = host->dtype == GT_I64 ? gt_data(host) : NULL;
  const double *real = host->dtype == GT_F64 ? gt_data(host) : NULL;
  if (gt_dtype_is_float(options->dtype) || options->dtype == host->dtype || n == 0) return;
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
    gtlua_check(L, gt_check_scalar(gtlua_cx(L), options->function, options->dtype, x));
  }
}

/* Replaces the host tensor on top of the stack by one of the dtype and device asked for. */
static int finish(lua_State *L, const gtlua_options *options) {
  gt_tensor *host = gtlua_totensor(L, -1);
  gt_spec spec = gt_spec_of(host);
  spec.dtype = options->dtype;
  check_numbers(L, options, host);
  if (host->dtype != options->dtype || options->device != &gt_device_cpu) {
    gt_tensor *t = push_new(L, &spec, options, false);
    gtlua_check(L, gt_copy(gtlua_cx(L), t, host));
  }
  check_requires_grad(L, options, options->dtype);
  gtlua_totensor(L, -1)->requires_grad = options->requires_grad;
  return 1;
}

/* Pushes a tensor of the dtype on the CPU, to be filled and finished. */
static gt_tensor *push_host(lua_State *L, const gtlua_options *options, gt_dtype dtype, int ndim,
                            const int64_t *shape) {
  const gtlua_options host = {.function = options->function, .device = &gt_device_cpu};
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

/* torch.arange([start = 0,] stop[, step = 1][, options]): half-open */
static int new_arange(lua_State *L) {
  gtlua_options options = default_options(L, "arange");
  int n = 0;
  bool whole = true;
  for (; n < 3 && lua_type(L, n + 1) == LUA_TNUMBER; n++) whole = whole && lua_isinteger(L, n + 1);
  if (n == 0) return gtlua_error(L, "arange: expected numbers, got %s", gtlua_typename(L, 1));
  if (!lua_isnoneornil(L, n + 1) && lua_type(L, n + 1) != LUA_TTABLE)
    return gtlua_error(L, "arange: expected start, stop, step, got %s as argument %d",
                       gtlua_typename(L, n + 1), n + 1);
  if (whole) options.dtype = GT_I64;
  gtlua_read_options(L, n + 1, &options);
  double start = n > 1 ? lua_tonumber(L, 1) : 0, stop = lua_tonumber(L, n > 1 ? 2 : 1);
  double step = n > 2 ? lua_tonumber(L, 3) : 1;
  if (step == 0 || !isfinite(start) || !isfinite(stop) || !isfinite(step))
    return gtlua_error(L, "arange: expected finite numbers and a step other than 0");
  int64_t first = n > 1 ? lua_tointeger(L, 1) : 0, by = n > 2 ? lua_tointeger(L, 3) : 1;
  double steps =
      whole ? count_whole(first, lua_tointeger(L, n > 1 ? 2 : 1), by) : ceil((stop - start) / step);
  if (steps > 9e15)
    return gtlua_error(L, "arange: expected at most 9e+15 elements, got %.3g", steps);
  int64_t count = steps > 0 ? (int64_t)steps : 0;
  gt_tensor *t = push_host(L, &options, whole ? GT_I64 : GT_F64, 1, &count);
  for (int64_t i = 0; i < count; i++) {
    GTLUA_POLL(L, i);
    if (whole)
      ((int64_t *)gt_data(t))[i] = (int64_t)((uint64_t)first + (uint64_t)i * (uint64_t)by);
    else
      ((double *)gt_data(t))[i] = start + (double)i * step;
  }
  return finish(L, &options);
}

/* torch.linspace(start, stop, steps[, options]): both ends included */
static int new_linspace(lua_State *L) {
  gtlua_options options = default_options(L, "linspace");
  for (int a = 1; a <= 2; a++)
    if (lua_type(L, a) != LUA_TNUMBER)
      return gtlua_error(L, "linspace: %s expects a number, got %s", a == 1 ? "start" : "stop",
                         gtlua_got(L, a));
  double start = lua_tonumber(L, 1), stop = lua_tonumber(L, 2);
  int64_t count = gtlua_toint(L, 3, "linspace: steps");
  gtlua_read_options(L, 4, &options);
  if (count < 0)
    return gtlua_error(L, "linspace: steps must not be negative, got %lld", (long long)count);
  gt_tensor *t = push_host(L, &options, GT_F64, 1, &count);
  double *x = gt_data(t), step = count > 1 ? (stop - start) / (double)(count - 1) : 0;
  /* From both ends, so that the last element is exactly `stop`. */
  for (int64_t i = 0; i < count; i++) {
    GTLUA_POLL(L, i);
    x[i] = i < count / 2 ? start + (double)i * step : stop - (double)(count - 1 - i) * step;
  }
  if (count == 1) x[0] = start;
  return finish(L, &options);
}

/* torch.eye(n[, m][, options]) */
static int new_eye(lua_State *L) {
  gtlua_options options = default_options(L, "eye");
  gt_dims dims;
  int after = gtlua_todims(L, 1, &dims);
  gtlua_read_options(L, after, &options);
  if (dims.count < 1 || dims.count > 2)
    return gtlua_error(L, "eye: expected one or two sizes, got %d", dims.count);
  if (dims.count == 1) dims.at[1] = dims.at[0];
  gt_spec spec = gt_spec_make(options.dtype, 2, dims.at);
  gt_tensor *t = push_new(L, &spec, &options, true);
  int64_t n = dims.at[0] < dims.at[1] ? dims.at[0] : dims.at[1], stride = dims.at[1] + 1;
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
  gtlua_options options = default_options(L, "randperm");
  options.dtype = GT_I64;
  int64_t n = gtlua_toint(L, 1, "randperm: n");
  gtlua_read_options(L, 2, &options);
  if (n < 0) return gtlua_error(L, "randperm: n must not be negative, got %lld", (long long)n);
  if (n > 0 && !gt_dtype_counts_to(options.dtype, n - 1))
    return gtlua_error(L, "randperm: expected a dtype that has the numbers to %lld, got %s",
                       (long long)n - 1, gt_dtype_name(options.dtype));
  gt_tensor *t = push_host(L, &options, GT_I64, 1, &n);
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
  return finish(L, &options);
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
  gtlua_options options = default_options(L, "tensor");
  if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TTABLE)
    gtlua_error(L, "tensor: expected one value, {1, 2} of several, then {dtype =, …}, got %s",
                gtlua_typename(L, 2));
  gt_tensor *source = gtlua_testtensor(L, 1);
  if (source) {
    options.dtype = source->dtype;
    options.device = gt_device_of(source);
    gtlua_read_options(L, 2, &options);
    gt_spec spec = gt_spec_make(options.dtype, source->ndim, source->shape);
    gt_tensor *t = push_new(L, &spec, &options, false);
    gtlua_check(L, gt_copy(gtlua_cx(L), t, source));
    return 1;
  }
  const gt_dims *size = luaL_testudata(L, 1, GTLUA_SIZE);
  gtlua_read_options(L, 2, &options);
  nest n = {.dtype = GT_NDTYPE};
  int64_t path[GT_MAX_DIM];
  if (size) {
    gt_tensor *t = push_host(L, &options, GT_I64, 1, &(int64_t){size->count});
    memcpy(gt_data(t), size->at, (size_t)size->count * sizeof *size->at);
    if (!options.has_dtype) options.dtype = GT_I64;
    return finish(L, &options);
  }
  lua_pushvalue(L, 1);
  measure(L, &n, path, 0, true);
  if (n.dtype == GT_NDTYPE) n.dtype = GT_F64;
  if (!options.has_dtype && n.dtype != GT_F64) options.dtype = n.dtype;
  gt_tensor *t = push_host(L, &options, n.dtype == GT_F64 ? GT_F64 : GT_I64, n.ndim, n.shape);
  int64_t next = 0;
  lua_pushvalue(L, 1);
  store(L, &n, 0, t, &next);
  lua_pop(L, 1);
  return finish(L, &options);
}

const luaL_Reg gtlua_create_functions[] = {{"zeros", new_zeros},
                                           {"empty", new_empty},
                                           {"ones", new_ones},
                                           {"full", new_full},
                                           {"rand", new_rand},
                                           {"randn", new_randn},
                                           {"randint", new_randint},
                                           {"randperm", new_randperm},
                                           {"arange", new_arange},
                                           {"linspace", new_linspace},
                                           {"eye", new_eye},
                                           {"empty_like", new_empty_like},
                                           {"zeros_like", new_zeros_like},
                                           {"ones_like", new_ones_like},
                                           {"rand_like", new_rand_like},
                                           {"randn_like", new_randn_like},
                                           {"full_like", new_full_like},
                                           {"tensor", new_tensor},
                                           {"from_table", new_tensor},
                                           {NULL, NULL}};
