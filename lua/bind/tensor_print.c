/* tensor_print.c: tensors as text, by the rules of PyTorch's printer.
 *
 * All numbers of a tensor share one width and one of three notations: whole ("3."), fixed
 * ("3.1400") or scientific. More than `threshold` elements: each dimension longer than two edges
 * shows its two edges only. */
#include "core/tensor/graph.h"
#include "lua/bind/tensor.h"
#include "lua/bind/text.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "tensor("
#define ELEMENT_MAX 512

/* The part of a tensor that is printed: a dense array with the edges of every cut dimension. */
typedef struct shown {
  gt_dtype dtype; /* of data: f64, i64 or bool */
  bool is_float;
  int ndim;
  int64_t shape[GT_MAX_DIM];
  bool cut[GT_MAX_DIM];
  const void *data;
} shown;

/* How its numbers are written. */
typedef struct notation {
  enum { NOTE_INTEGER, NOTE_WHOLE, NOTE_FIXED, NOTE_SCIENTIFIC } kind;
  int precision, width, line_width, edge;
} notation;

typedef struct printer {
  lua_State *L;
  luaL_Buffer text;
  const shown *shown;
  const notation *note;
} printer;

/* ---- what is shown ---- */

/* Copies the shown part of dimension d… of the view at `offset` to data; returns the end. */
static char *read_shown(lua_State *L, gt_tensor *t, const shown *s, int d, int64_t offset,
                        char *data) {
  gt_ctx *cx = gtlua_cx(L);
  int64_t edge = s->shape[d] / 2;
  if (d < s->ndim - 1) {
    for (int64_t i = 0; i < s->shape[d]; i++) {
      int64_t at = s->cut[d] && i >= edge ? t->shape[d] - s->shape[d] + i : i;
      data = read_shown(L, t, s, d + 1, offset + at * t->stride[d], data);
    }
    return data;
  }
  int pieces = s->cut[d] ? 2 : 1;
  int64_t length = s->shape[d] / pieces;
  for (int p = 0; p < pieces; p++) {
    gt_tensor **box = gtlua_box(L);
    int64_t at = offset + (p ? t->shape[d] - length : 0) * t->stride[d];
    gt_status status = gt_tensor_view(cx, t, 1, &length, &t->stride[d], at, box);
    if (status == GT_OK) status = gt_read(cx, *box, s->dtype, data);
    gtlua_check(L, status);
    lua_pop(L, 1);
    data += (size_t)length * gt_dtype_size(s->dtype);
  }
  return data;
}

/* Fills s; its data is a userdata left on the stack. */
static void look(lua_State *L, gt_tensor *t, shown *s) {
  const gtlua_session *session = gtlua_session_of(L);
  bool summary = gt_count(t) > session->print.threshold;
  s->is_float = gt_dtype_is_float(t->dtype);
  s->dtype = s->is_float ? GT_F64 : t->dtype == GT_BOOL ? GT_BOOL : GT_I64;
  s->ndim = t->ndim;
  int64_t count = 1;
  for (int d = 0; d < t->ndim; d++) {
    s->cut[d] = summary && t->shape[d] > 2 * session->print.edge;
    s->shape[d] = s->cut[d] ? 2 * session->print.edge : t->shape[d];
    count *= s->shape[d];
  }
  void *data = lua_newuserdatauv(L, (size_t)count * gt_dtype_size(s->dtype), 0);
  s->data = data;
  if (summary)
    read_shown(L, t, s, 0, t->offset, data);
  else
    gtlua_check(L, gt_read(gtlua_cx(L), t, s->dtype, data));
}

static int64_t count_shown(const shown *s) {
  int64_t count = 1;
  for (int d = 0; d < s->ndim; d++) count *= s->shape[d];
  return count;
}

/* ---- notation ---- */

/* Element i without padding. */
static const char *element_text(const shown *s, const notation *note, int64_t i,
                                char text[ELEMENT_MAX]) {
  if (s->dtype == GT_BOOL) return ((const uint8_t *)s->data)[i] ? "True" : "False";
  if (s->dtype == GT_I64) {
    snprintf(text, ELEMENT_MAX, "%lld", (long long)((const int64_t *)s->data)[i]);
    return text;
  }
  double x = ((const double *)s->data)[i];
  if (note->kind == NOTE_SCIENTIFIC)
    return gtlua_float_text(x, 'e', note->precision, text, ELEMENT_MAX);
  if (note->kind == NOTE_FIXED) return gtlua_float_text(x, 'f', note->precision, text, ELEMENT_MAX);
  gtlua_float_text(x, 'f', 0, text, ELEMENT_MAX);
  if (isfinite(x)) strcat(text, ".");
  return text;
}

/* Chooses between whole, fixed and scientific from the finite numbers other than 0. */
static void choose_notation(lua_State *L, const shown *s, notation *note) {
  const gtlua_session *session = gtlua_session_of(L);
  const double *x = s->data;
  double least = INFINITY, most = 0;
  bool whole = true;
  note->kind = s->is_float ? NOTE_WHOLE : NOTE_INTEGER;
  if (!s->is_float) return;
  for (int64_t i = 0, n = count_shown(s); i < n; i++) {
    GTLUA_POLL(L, i);
    double size = fabs(x[i]);
    if (!isfinite(size) || size == 0) continue;
    whole = whole && x[i] == ceil(x[i]);
    if (size < least) least = size;
    if (size > most) most = size;
  }
  if (most == 0) return;
  bool scientific = most / least > 1000 || most > 1e8 || least < 1e-4;
  if (session->print.scientific >= 0) scientific = session->print.scientific;
  note->kind = scientific ? NOTE_SCIENTIFIC : whole ? NOTE_WHOLE : NOTE_FIXED;
}

/* Only finite numbers other than 0 decide about the width of floats. */
static void measure_width(lua_State *L, const shown *s, notation *note) {
  char text[ELEMENT_MAX];
  note->width = 1;
  for (int64_t i = 0, n = count_shown(s); i < n; i++) {
    GTLUA_POLL(L, i);
    if (s->is_float &&
        (!isfinite(((const double *)s->data)[i]) || ((const double *)s->data)[i] == 0))
      continue;
    int width = (int)strlen(element_text(s, note, i, text));
    if (width > note->width) note->width = width;
  }
}

/* ---- layout ---- */

static void add_spaces(luaL_Buffer *text, int n) {
  while (n-- > 0) luaL_addchar(text, ' ');
}

static void add_element(printer *p, int64_t i) {
  char text[ELEMENT_MAX];
  const char *element = element_text(p->shown, p->note, i, text);
  add_spaces(&p->text, p->note->width - (int)strlen(element));
  luaL_addstring(&p->text, element);
}

/* The last dimension: as many elements per line as fit. */
static void add_row(printer *p, int indent, int64_t first) {
  const shown *s = p->shown;
  int d = s->ndim - 1;
  gtlua_poll(p->L);
  int64_t n = s->shape[d] + s->cut[d];
  int per_line = (p->note->line_width - indent) / (p->note->width + 2);
  if (per_line < 1) per_line = 1;
  luaL_addchar(&p->text, '[');
  for (int64_t i = 0; i < n; i++) {
    if (i > 0) luaL_addstring(&p->text, i % per_line ? ", " : ",\n");
    if (i > 0 && i % per_line == 0) add_spaces(&p->text, indent + 1);
    if (s->cut[d] && i == p->note->edge)
      luaL_addstring(&p->text, " ...");
    else
      add_element(p, first + (s->cut[d] && i > p->note->edge ? i - 1 : i));
  }
  luaL_addchar(&p->text, ']');
}

/* Dimension d on, elements from `first`; returns how many it covered. */
static int64_t add_block(printer *p, int d, int indent, int64_t first) {
  const shown *s = p->shown;
  if (d == s->ndim) {
    add_element(p, first);
    return 1;
  }
  if (d == s->ndim - 1) {
    add_row(p, indent, first);
    return s->shape[d];
  }
  int64_t covered = 0;
  luaL_addchar(&p->text, '[');
  for (int64_t i = 0; i < s->shape[d]; i++) {
    bool gap = s->cut[d] && i == p->note->edge;
    for (int k = 0; k < 1 + gap && i + k > 0; k++) {
      luaL_addchar(&p->text, ',');
      for (int line = 0; line < s->ndim - d - 1; line++) luaL_addchar(&p->text, '\n');
      add_spaces(&p->text, indent + 1);
      if (gap && k == 0) luaL_addstring(&p->text, "...");
    }
    covered += add_block(p, d + 1, indent + 1, first + covered);
  }
  luaL_addchar(&p->text, ']');
  return covered;
}

/* Pushes "tensor(" and the numbers. */
static void push_numbers(lua_State *L, gt_tensor *t) {
  const gtlua_session *session = gtlua_session_of(L);
  shown s = {0};
  look(L, t, &s);
  notation note = {.precision = session->print.precision,
                   .line_width = session->print.width,
                   .edge = session->print.edge};
  choose_notation(L, &s, &note);
  measure_width(L, &s, &note);
  printer p = {.L = L, .shown = &s, .note = &note};
  luaL_buffinit(L, &p.text);
  luaL_addstring(&p.text, PREFIX);
  add_block(&p, 0, (int)strlen(PREFIX), 0);
  luaL_pushresult(&p.text);
  lua_remove(L, -2);
}

/* ---- suffixes ---- */

/* Appends ", suffix" to the text on top of the stack, on a new line when it does not fit; `line` is
 * the length of the last line. */
static void add_suffix(lua_State *L, int *line, const char *suffix) {
  int indent = (int)strlen(PREFIX), length = (int)strlen(suffix);
  bool wrap = *line + length + 2 > gtlua_session_of(L)->print.width;
  *line = wrap ? indent + length : *line + length + 2;
  lua_pushstring(L, wrap ? ",\n       " : ", ");
  lua_pushstring(L, suffix);
  lua_concat(L, 3);
}

/* Length of the last line of the text on top of the stack as PyTorch counts it: two more than it
 * is. */
static int last_line(lua_State *L) {
  size_t length;
  const char *text = lua_tolstring(L, -1, &length), *line = strrchr(text, '\n');
  return (int)(line ? text + length - line : (ptrdiff_t)length + 1) + 1;
}

static const char *size_suffix(lua_State *L, const gt_tensor *t) {
  lua_pushliteral(L, "size=(");
  for (int d = 0; d < t->ndim; d++) {
    lua_pushfstring(L, d ? ", %I" : "%I", (lua_Integer)t->shape[d]);
    lua_concat(L, 2);
  }
  lua_pushstring(L, t->ndim == 1 ? ",)" : ")");
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

static void add_suffixes(lua_State *L, const gt_tensor *t, bool meta) {
  const gtlua_session *session = gtlua_session_of(L);
  char text[160], name[64];
  int line = last_line(L);
  if (gt_device_of(t) != session->device) {
    snprintf(text, sizeof text, "device='%s'", gt_device_of(t)->name);
    add_suffix(L, &line, text);
  }
  bool empty = gt_count(t) == 0;
  if (meta || (empty && t->ndim != 1)) {
    snprintf(text, sizeof text, "%s", size_suffix(L, t));
    lua_pop(L, 1);
    add_suffix(L, &line, text);
  }
  bool usual = t->dtype == session->dtype ||
               (!meta && !empty && (t->dtype == GT_I64 || t->dtype == GT_BOOL));
  if (!usual) {
    snprintf(text, sizeof text, "dtype=torch.%s", gt_dtype_name(t->dtype));
    add_suffix(L, &line, text);
  }
  const char *origin = gt_grad_fn(t, name);
  if (origin) {
    snprintf(text, sizeof text, "grad_fn=<%s>", origin);
    add_suffix(L, &line, text);
  } else if (t->requires_grad) {
    add_suffix(L, &line, "requires_grad=True");
  }
}

int gtlua_tensor_tostring(lua_State *L) {
  gt_tensor **box = gtlua_checkbox(L, 1, GTLUA_TENSOR);
  if (!*box) {
    lua_pushliteral(L, "tensor(freed)");
    return 1;
  }
  gt_tensor *t = *box;
  bool meta = !gt_device_of(t)->data;
  if (meta)
    lua_pushliteral(L, PREFIX "...");
  else if (gt_count(t) == 0)
    lua_pushliteral(L, PREFIX "[]");
  else
    push_numbers(L, t);
  add_suffixes(L, t, meta);
  lua_pushliteral(L, ")");
  lua_concat(L, 2);
  if (!t->parameter) return 1;
  lua_pushliteral(L, "Parameter containing:\n");
  lua_insert(L, -2);
  lua_concat(L, 2);
  return 1;
}

/* ---- options ---- */

static void set_count(lua_State *L, const char *key, int *out) {
  if (lua_getfield(L, 1, key) != LUA_TNIL) *out = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
}

static void set_profile(gtlua_session *s, const char *name) {
  bool is_default = strcmp(name, "default") == 0, is_short = strcmp(name, "short") == 0;
  s->print.precision = is_short ? 2 : 4;
  s->print.threshold = is_default || is_short ? 1000 : INT_MAX;
  s->print.edge = is_short ? 2 : 3;
  s->print.width = 80;
}

/* torch.set_printoptions{precision = 4, threshold = 1000, edgeitems = 3, linewidth = 80, sci_mode =
 * nil, profile =}, whose signature checks them */
int gtlua_set_printoptions(lua_State *L) {
  gtlua_session *s = gtlua_session_of(L);
  if (lua_getfield(L, 1, "profile") == LUA_TSTRING) set_profile(s, lua_tostring(L, -1));
  set_count(L, "precision", &s->print.precision);
  set_count(L, "threshold", &s->print.threshold);
  set_count(L, "edgeitems", &s->print.edge);
  set_count(L, "linewidth", &s->print.width);
  bool automatic = lua_getfield(L, 1, "sci_mode") == LUA_TNIL;
  s->print.scientific = automatic ? -1 : lua_toboolean(L, -1);
  return 0;
}
