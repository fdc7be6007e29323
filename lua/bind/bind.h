/* bind.h: what the binding files share: boxes, checks, errors, collector pressure.
 *
 * Every binding function has three phases: read (arguments; may raise; holds nothing), act (core calls; no raising Lua
 * API), publish (fill boxes; raise if the status says so).  A native object is boxed in an empty userdata before it is
 * created, so nothing leaks when Lua raises.  gtlua_check() is the only place that turns a gt_status into a Lua error. */
#ifndef GTLUA_BIND_H
#define GTLUA_BIND_H

#include "core/model/module.h"
#include "core/tensor/run.h"
#include "core/train/optim.h"

#include <lauxlib.h>
#include <lua.h>

#define GTLUA_TENSOR "gt.Tensor"
#define GTLUA_MODULE "gt.Module"
#define GTLUA_OPTIMIZER "gt.Optimizer"
#define GTLUA_SIZE "gt.Size"
#define GTLUA_DTYPE "gt.dtype"
#define GTLUA_DEVICE "gt.device"

/* ---- for shell/: all that it may use ---- */

/* Opens the library in L: globals torch, nn, F, optim, …; takes the settings of the session. */
typedef struct gtlua_settings {
  int threads;              /* 0: all cores */
  const char *cuda_library; /* NULL: beside the executable */
} gtlua_settings;
int gtlua_open(lua_State *L, const gtlua_settings *settings); /* LUA_OK, or an error with its message on the stack */
void gtlua_close(lua_State *L);                               /* after lua_close: frees the context */
void gtlua_interrupt(void);                                   /* async-signal-safe: raises the context's flag */
void gtlua_interrupt_clear(void);
/* Pushes the chunk `source` with its f-strings rewritten, every line at its place; text that it cannot read stays as
 * it is, for the compiler to report.  For whole files, cells and prompt inputs, before they are compiled. */
void gtlua_rewrite(lua_State *L, const char *source, size_t size);
/* Pushes the text that prompt and cells show for the value at `index`: numbers shortest, tables as constructors that
 * can be pasted back, objects by their __tostring.  May raise. */
void gtlua_display(lua_State *L, int index);

/* ---- context and errors ---- */
gt_ctx *gtlua_cx(lua_State *L);
void gtlua_check(lua_State *L, gt_status status); /* raises: core's message, or the Lua error kept by a trampoline */
/* Name suggestions for messages: writes " (did you mean 'x'?)" or "". names ends with NULL. */
const char *gtlua_suggest(const char *wrong, const char *const *names, char text[96]);
/* Before acting: collects garbage when live native memory passed max(256 MB, 1.5 x live after the last collection). */
void gtlua_pressure(lua_State *L);
/* Runs `act` and, when it answers GT_ENOMEM, collects everything, trims caches and tries once more. */
#define GTLUA_RETRY(L, status, act)                                                                \
  do {                                                                                             \
    (status) = (act);                                                                              \
    if ((status) == GT_ENOMEM && gtlua_relieve(L)) (status) = (act);                               \
  } while (0)
int gtlua_relieve(lua_State *L);

/* ---- tensors ---- */
gt_tensor **gtlua_box(lua_State *L);               /* pushes an empty tensor box */
gt_tensor *gtlua_totensor(lua_State *L, int index);    /* raises unless a live tensor */
gt_tensor *gtlua_testtensor(lua_State *L, int index);  /* NULL unless a tensor */
/* Pushes a tensor (takes one reference of its own), nil for NULL.  Parameters, buffers and gradients (`boxed`) always
 * come back as the same userdata. */
void gtlua_pushtensor(lua_State *L, gt_tensor *t);

/* ---- small values ---- */
gt_dtype gtlua_todtype(lua_State *L, int index);               /* dtype object or name; raises */
void gtlua_pushdtype(lua_State *L, gt_dtype dtype);
const gt_device *gtlua_todevice(lua_State *L, int index);      /* device object or name; raises */
void gtlua_pushdevice(lua_State *L, const gt_device *device);
int64_t gtlua_toint(lua_State *L, int index, const char *what); /* accepts 512.0; raises "…; use // for whole division" */
/* Dims from (2, 3), {2, 3} or a Size starting at stack position first; returns the position after them. */
int gtlua_todims(lua_State *L, int first, gt_dims *out);
void gtlua_pushsize(lua_State *L, int ndim, const int64_t *shape);

/* ---- modules ---- */
gt_module *gtlua_tomodule(lua_State *L, int index);
gt_module *gtlua_testmodule(lua_State *L, int index);
/* Pushes the one userdata of a module (made on demand, anchored in its parent's when parent != 0). */
void gtlua_pushmodule(lua_State *L, gt_module *m, int parent);

/* ---- registration: each file adds its part to the table at the top of the stack or to its own metatables ---- */
void gtlua_open_tensor(lua_State *L);
void gtlua_open_ops(lua_State *L);
void gtlua_open_values(lua_State *L); /* dtype, device, Size */
void gtlua_open_module(lua_State *L);
void gtlua_open_optim(lua_State *L);
void gtlua_open_inspect(lua_State *L);
void gtlua_open_data(lua_State *L);
void gtlua_open_debug(lua_State *L); /* fault hooks, counters: what tests need */

/* ---- embedded Lua library (generated at build time from lua/lib/) ---- */
typedef struct gtlua_lib {
  const char *name; /* "torch.tensor" for lua/lib/torch/tensor.lua */
  const char *data;
  size_t size;
} gtlua_lib;
extern const gtlua_lib gtlua_libs[]; /* ends with name == NULL */

#endif
