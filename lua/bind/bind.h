/* bind.h: what the binding files share: boxes, checks, errors, collector pressure.
 *
 * Every binding function has three phases: read (arguments; may raise; holds nothing), act (core
 * calls; no raising Lua API), publish (fill boxes; raise if the status says so).  A native object
 * is boxed in an empty userdata before it is created, so nothing leaks when Lua raises.
 * gtlua_check() is the only place that turns a gt_status into a Lua error. */
#ifndef GTLUA_BIND_H
#define GTLUA_BIND_H

#include "core/data/tokenizer.h"
#include "core/model/module.h"
#include "core/tensor/run.h"
#include "core/train/optim.h"

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdio.h>

#define GTLUA_TENSOR "gt.Tensor"
#define GTLUA_MODULE "gt.Module"
#define GTLUA_OPTIMIZER "gt.Optimizer"
#define GTLUA_TOKENIZER "gt.Tokenizer"
#define GTLUA_SIZE "gt.Size"
#define GTLUA_DTYPE "gt.dtype"
#define GTLUA_DEVICE "gt.device"

/* ---- for shell/: all that it may use ---- */

/* The settings of a session. */
typedef struct gtlua_settings {
  int threads;              /* 0: all cores */
  const char *cpu_level;    /* as gtlua_cpu_level() answers it */
  const char *cuda_library; /* NULL: next to the executable */
  int cuda_index;           /* of the device that "cuda" names */
  const char *version;      /* of the program, for logs; must outlive the session */
} gtlua_settings;
/* The CPU level of that name, for NULL the fastest that this CPU can run; NULL when it can run none
 * of that name, or this build has none.  `names`: "v2, v3 or v4", those that there are. */
#define GTLUA_LEVELS 128
const char *gtlua_cpu_level(const char *name, char names[GTLUA_LEVELS]);
/* A line for every level of this build: whether it is the one called `name`, whether this CPU runs
 * it, and what it has. */
void gtlua_cpu_levels(const char *name, FILE *out);
/* Opens the library in L: globals torch, nn, F, optim, …  LUA_OK, or an error with its message on
 * the stack. */
int gtlua_open(lua_State *L, const gtlua_settings *settings);
/* After lua_close: frees the context. */
void gtlua_close(lua_State *L);
/* Async-signal-safe: raises the context's flag. */
void gtlua_interrupt(void);
void gtlua_interrupt_clear(void);
/* True while work runs that must not stop halfway: errors have to wait. */
bool gtlua_shielded(void);
/* The signal that asks the process to end, for the library: it saves what it has been told to save
 * while the error of gtlua_interrupt() unwinds.  0: none. */
void gtlua_end(int signal_number);
/* Pushes the chunk `source` with its f-strings rewritten, every line at its place; text that it
 * cannot read stays as it is, for the compiler to report.  For whole files, cells and prompt
 * inputs, before they are compiled. */
void gtlua_rewrite(lua_State *L, const char *source, size_t size);
/* Pushes a message and answers true when `source`, of the chunk by that name, is compiled code. */
bool gtlua_refuse_binary(lua_State *L, const char *source, const char *chunk);
/* What would steer a terminal, or turn the direction of what is read on it, as \\x1b or \\u{202e}:
 * written to f, or in the place of the text at `index`. */
void gtlua_write_visible(FILE *f, const char *text, size_t size);
void gtlua_make_visible(lua_State *L, int index);
/* Pushes the text that prompt and cells show for the value at `index`: numbers shortest, tables as
 * constructors that can be pasted back, objects by their __tostring.  May raise. */
void gtlua_display(lua_State *L, int index);

/* As a function of Lua: name -> that module of the embedded library, whatever `require` is now. */
int gtlua_require(lua_State *L);
/* The path at `index`: C functions end it at a NUL, so one with a NUL, which would name another
 * file, raises.  Every function that takes a path takes it from here. */
const char *gtlua_topath(lua_State *L, int index);
/* Pushes the text of a program and answers true, or pushes "PATH: reason".  Reads regular files,
 * stdin (NULL) and files below /dev or /proc (/dev/stdin, /dev/fd/63 for a shell's <(…)), up to
 * 256 MiB; a pipe elsewhere could block and is refused. */
bool gtlua_push_program(lua_State *L, const char *path);
/* A regular file opened for reading, or NULL; waits for nothing. */
FILE *gtlua_fopen(const char *path);

/* Path of a plug-in: it lies next to the executable or, installed, in ../lib/gptsh. */
bool gtlua_find_plugin(const char *name, char *path, size_t size);

/* ---- the session: one per process ---- */
typedef struct gtlua_session {
  gt_ctx *cx;
  size_t mark;                  /* live bytes at which gtlua_pressure() collects */
  int shields;                  /* depth of gtlua_shield() */
  volatile sig_atomic_t ending; /* signal that ends the process; 0: none */
  gt_dtype dtype;               /* of new float tensors */
  const gt_backend *device;     /* of new tensors */
  struct {
    int precision, threshold, edge, width;
    int scientific; /* -1: by the numbers, 0: never, 1: always */
  } print;
  char cuda_library[4096];
  const char *version, *cpu_level;
} gtlua_session;
gtlua_session *gtlua_session_of(lua_State *L);
gt_ctx *gtlua_cx(lua_State *L);

/* ---- errors ---- */
/* Raises "file:line: message" with the place in the user's code: frames of C and of the embedded
 * library are skipped.  For the read phase.  Never returns; its int is for `return gtlua_error(…)`.
 */
int gtlua_error(lua_State *L, const char *format, ...) GT_PRINTF(2, 3);
/* A trampoline that caught an error of a Lua function keeps the error object (on top of the stack,
 * popped) and answers GT_EHOOK; gtlua_check() raises that object again. */
void gtlua_keep_error(lua_State *L);
/* Unless the status is GT_OK, raises core's message or the Lua error kept by a trampoline. */
void gtlua_check(lua_State *L, gt_status status);
/* Whether the source of a lua_Debug is a file of the embedded library. */
bool gtlua_is_builtin(const char *source);
/* Raises when Ctrl-C waits; for long loops.  GTLUA_POLL asks once in 65536 iterations. */
void gtlua_poll(lua_State *L);
#define GTLUA_POLL(L, turn) ((void)(((turn)&0xffff) == 0 && (gtlua_poll(L), 0)))
/* After "expected a tensor, got a boolean": what that boolean probably is. */
#define GTLUA_BOOLEAN_HINT                                                                         \
  " (Lua's == and ~= compare identity; a:eq(b) and a:ne(b) compare element by element)"
/* Raises "expected WHAT, got …". */
void gtlua_expected(lua_State *L, int index, const char *what);
/* "Tensor", "table", "integer", …: what the value at index is, for messages. */
const char *gtlua_typename(lua_State *L, int index);
/* The same, but a short text and a number are shown themselves. */
const char *gtlua_shown(lua_State *L, int index);
/* Name suggestions for messages: writes " (did you mean 'x'?)" or "". names ends with NULL. */
const char *gtlua_suggest(const char *wrong, const char *const *names, char text[96]);
/* Before acting: collects garbage when live native memory passed max(192 MiB, live after the last
 * collection and half of it again, at most 1 GiB more). */
void gtlua_pressure(lua_State *L);
/* Runs `act`; on GT_ENOMEM collects everything, trims caches and tries once more. */
#define GTLUA_RETRY(L, status, act)                                                                \
  do {                                                                                             \
    (status) = (act);                                                                              \
    if ((status) == GT_ENOMEM && gtlua_relieve(L)) (status) = (act);                               \
  } while (0)
int gtlua_relieve(lua_State *L);
void gtlua_trim(gt_ctx *cx); /* returns unused memory of all devices */

/* Calls the function below its n arguments as lua_pcall does, with interrupts waiting: neither ops
 * nor Lua code stop for Ctrl-C until it has returned. */
int gtlua_shield(lua_State *L, int n, int results);

/* ---- tensors ---- */
gt_tensor **gtlua_box(lua_State *L);                  /* pushes an empty tensor box */
gt_tensor *gtlua_totensor(lua_State *L, int index);   /* raises unless a live tensor */
gt_tensor *gtlua_testtensor(lua_State *L, int index); /* NULL unless a tensor; raises when freed */
/* gtlua_typename() for where a tensor was meant: of a boolean it says what that most often is, the
 * answer of Lua's ==. */
const char *gtlua_got(lua_State *L, int index);
/* Pushes a tensor (takes one reference of its own), nil for NULL.  Parameters, buffers and
 * gradients (`boxed`) always come back as the same userdata. */
void gtlua_pushtensor(lua_State *L, gt_tensor *t);
/* Marks the tensor at `index` as boxed, with that userdata as the one it comes back as: for what is
 * stored natively (a parameter, a buffer, a gradient). */
void gtlua_keep_tensor(lua_State *L, int index);

/* Calls the op with one result from the binding and pushes that; raises.  The inputs must be on the
 * stack or held. */
void gtlua_apply(lua_State *L, const char *op, gt_tensor *const *in, int nin, const gt_arg *args);

/* ---- small values ---- */
gt_dtype gtlua_todtype(lua_State *L, int index); /* dtype object or name; raises */
gt_dtype gtlua_todtype_for(lua_State *L, int index, const char *what); /* the error says for what */
void gtlua_pushdtype(lua_State *L, gt_dtype dtype);
const gt_backend *gtlua_todevice(lua_State *L, int index); /* device object or name; raises */
void gtlua_pushdevice(lua_State *L, const gt_backend *device);
/* Accepts 512.0; raises "…; use // for whole division". */
int64_t gtlua_toint(lua_State *L, int index, const char *what);
/* Dims from (2, 3), {2, 3} or a Size starting at stack position first; returns the position after
 * them. */
int gtlua_todims(lua_State *L, int first, const char *what, gt_dims *out);
/* True when the table at the (absolute) index has a string key. */
bool gtlua_has_keywords(lua_State *L, int table);
/* Raises unless the items of the table at `index` are at 1 … n and none is nil, so that none is
 * skipped.  `names`: it may have keywords, too; true when it has. */
bool gtlua_check_list(lua_State *L, int index, const char *what, bool names);
bool gtlua_is_plain(lua_State *L, int index); /* a table without a metatable, or a list from JSON */
void gtlua_pushsize(lua_State *L, int ndim, const int64_t *shape);

/* ---- modules ---- */
gt_module *gtlua_tomodule(lua_State *L, int index);
gt_module *gtlua_testmodule(lua_State *L, int index);

/* ---- tokenizers ---- */
gt_tokenizer *gtlua_totokenizer(lua_State *L, int index);   /* borrowed; raises on anything else */
gt_tokenizer *gtlua_testtokenizer(lua_State *L, int index); /* or NULL */
void gtlua_pushtokenizer(lua_State *L, gt_tokenizer *tok);  /* takes a reference of its own */

/* ---- registration ---- */
/* Makes the metatable of a kind of box: gtlua_kind(L, "gt.Census", GTLUA_META({"__gc", gc}), NULL);
 * `methods`, which may be NULL, are what a field of such an object gives. */
#define GTLUA_META(...) ((const luaL_Reg[]){__VA_ARGS__, {NULL, NULL}})
void gtlua_kind(lua_State *L, const char *kind, const luaL_Reg *metamethods,
                const luaL_Reg *methods);
/* Lists the fields of the kind's objects, up to a NULL, for completion. */
void gtlua_list_fields(lua_State *L, const char *kind, const char *const *names);
/* True while a finalizer runs.  Then an object is not closed at once: C code that made room for
 * another one may be using it. */
bool gtlua_finalizing(lua_State *L);
/* The number of items of the list at index, a table that may be read with lua_rawgeti(); raises on
 * anything else.  what: "a list of tensors". */
#define GTLUA_MOST_ITEMS (1 << 28)
int gtlua_list_length(lua_State *L, int index, const char *what);
/* The box of that kind at index; raises on anything else.  gtlua_checkheld() answers the pointer in
 * it, and raises when that is NULL: closed. */
void *gtlua_checkbox(lua_State *L, int index, const char *kind);
void *gtlua_checkheld(lua_State *L, int index, const char *kind);
/* What require(name) gives the embedded library: a table of these functions. */
void gtlua_native(lua_State *L, const char *name, const luaL_Reg *functions);
void gtlua_provide(lua_State *L, const char *name); /* the table on top of the stack, popped */
/* What require(name) gives the user: the value on top of the stack, which stays there. */
void gtlua_set_loaded(lua_State *L, const char *name);
/* Pushes a table whose unknown fields raise "<name> has no field '…' (did you mean …)". */
void gtlua_namespace(lua_State *L, const char *name);
/* Makes `name` of the namespace on top of the stack come from the embedded library `lib` (a module
 * that returns a table with that name in it) when first asked for. */
void gtlua_lazy(lua_State *L, const char *name, const char *lib);
/* Pushes a function that calls `name` of the embedded module `lib`, loaded at the first call. */
void gtlua_pushlate(lua_State *L, const char *lib, const char *name);
/* Each file is opened with the table `torch` on top of the stack and leaves it there. */
void gtlua_open_tensor(lua_State *L);
void gtlua_open_ops(lua_State *L);
void gtlua_open_values(lua_State *L);  /* dtype, device, Size */
void gtlua_open_text(lua_State *L);    /* numbers as text, f-strings, print, load, require */
void gtlua_open_session(lua_State *L); /* seed, threads, gradient mode, memory */
void gtlua_open_anomaly(lua_State *L); /* torch.autograd */
void gtlua_open_module(lua_State *L);
void gtlua_open_optim(lua_State *L);
void gtlua_open_inspect(lua_State *L);
void gtlua_open_plan(lua_State *L);
void gtlua_open_reparam(lua_State *L);
void gtlua_open_data(lua_State *L);
void gtlua_open_tokenizer(lua_State *L);
void gtlua_open_tokens(lua_State *L);
void gtlua_open_train(lua_State *L);  /* what the trainer is made of */
void gtlua_open_folder(lua_State *L); /* folders, locks, file hashes */
void gtlua_open_series(lua_State *L); /* columns of numbers as text */
void gtlua_open_debug(lua_State *L);  /* fault hooks, counters: what tests need */
void gtlua_open_native(lua_State *L); /* require "native" */

void gtlua_open_searcher(lua_State *L);
void gtlua_open_own(lua_State *L);     /* last: the library keeps the present globals for itself */
bool gtlua_from_library(lua_State *L); /* whether the library called the running C function */
int gtlua_originals(lua_State *L);     /* -> the user's globals as they were at the start */
int gtlua_lazy_globals(lua_State *L);  /* -> global name -> the module that it comes from */

#define GTLUA_BUILTIN "=builtin:" /* how chunk names of the embedded library begin */

/* ---- embedded Lua library (generated at build time from lua/lib/) ---- */
typedef struct gtlua_lib {
  const char *name; /* "torch.tensor" for lua/lib/torch/tensor.lua */
  const char *data;
  size_t size;
} gtlua_lib;
extern const gtlua_lib gtlua_libs[]; /* ends with name == NULL */

#endif
