/* module.h: the tree of modules.  Names, parameters, buffers, tying, state dicts, apply, repr,
 * summaries and dtype tables all walk this one C tree, whether a module is native or written in
 * Lua.
 *
 * A module has an ordered list of slots (parameter, buffer or child module, in order of first
 * assignment).  Its `forward` is a function pointer: native classes have a C function, classes made
 * in Lua a trampoline that the binding installs. The same tensor in two slots is tying: parameters
 * are counted by identity, state dicts list both names. */
#ifndef GT_MODULE_H
#define GT_MODULE_H

#include "core/model/cache.h"
#include "core/tensor/frame.h"
#include "core/tensor/text.h"

#define GT_MAX_NESTING 200 /* levels of modules that walks follow; deeper trees are refused */

typedef struct gt_module gt_module;

/* What a forward receives: up to four arguments, each one tensor or a tuple of tensors ((cos, sin)
 * of the GPT). */
typedef struct gt_argument {
  int count; /* 0: absent (nil); 1: a tensor; more: a tuple */
  gt_tensor *at[2];
} gt_argument;

typedef struct gt_arguments {
  int count;
  gt_argument arg[4];
  const char *reduction; /* loss_reduction of the GPT: NULL or "mean", "sum", "none" */
  gt_cache *cache;       /* borrowed; what the GPT has seen before, or NULL */
  bool last_only;        /* the GPT gives the logits of the last position only */
} gt_arguments;

typedef gt_status (*gt_forward)(gt_ctx *cx, gt_module *m, const gt_arguments *args,
                                gt_tensor **out);
typedef void (*gt_extra_repr)(gt_ctx *cx, const gt_module *m, gt_text *out);

/* A read-only integer setting of a native module, visible as a field in Lua: attn.n_heads. */
typedef struct gt_field {
  const char *name;
  size_t offset; /* of an int64_t in the instance */
} gt_field;

typedef struct gt_module_class {
  const char *name; /* "Linear" */
  size_t size;      /* bytes of the instance, which begins with gt_module */
  gt_forward forward;
  bool scripted; /* forward hands over to a binding, which calls gt_module_scaled itself */
  gt_extra_repr extra_repr; /* "in_features=4, …"; may be NULL */
  const gt_field *fields;
  int field_count;
  const char *parameters; /* forward's argument names: "x, cos_sin" for messages */
} gt_module_class;

typedef enum gt_slot_kind { GT_SLOT_PARAMETER, GT_SLOT_BUFFER, GT_SLOT_MODULE } gt_slot_kind;

typedef struct gt_slot {
  gt_slot_kind kind;
  bool persistent; /* buffers: part of the state dict */
  char *name;
  gt_tensor *tensor; /* parameter or buffer; may be NULL (bias = None) */
  gt_module *module;
} gt_slot;

struct gt_module {
  int refs;
  const gt_module_class *class;
  char *class_name;   /* NULL: class->name; Lua classes carry their own */
  gt_forward forward; /* this and the next are the class's, or what a Lua class below it defines */
  gt_extra_repr extra_repr;
  bool training;
  double multiplier; /* of what forward gives; 1 unless a parametrization says otherwise */
  bool list;         /* ModuleList: children named "0", "1", …, shown collapsed, has no forward */
  gt_slot *slots;
  int slot_count;
  int64_t slot_capacity;
  gt_module *next; /* private: links modules during a release or while a tree is linked */
};

/* ---- life ---- */
gt_status gt_module_new(gt_ctx *cx, const gt_module_class *class,
                        gt_module **out); /* zeroed instance, no slots */
/* The end of a constructor: m as *out when status is GT_OK, else m is released. */
gt_status gt_module_built(gt_ctx *cx, gt_module *m, gt_status status, gt_module **out);
gt_module *gt_module_ref(gt_module *m);
void gt_module_unref(gt_ctx *cx, gt_module *m);
const char *gt_module_class_name(const gt_module *m);

/* A deep copy: own modules, own tensors, ties as in m; gradients are not copied. */
gt_status gt_module_clone(gt_ctx *cx, gt_module *m, gt_module **out);

/* ---- slots: set replaces a slot of the same name (and moves between kinds as PyTorch does), takes
 * its own reference ---- */
gt_status gt_module_set_parameter(gt_ctx *cx, gt_module *m, const char *name, gt_tensor *t);
gt_status gt_module_set_buffer(gt_ctx *cx, gt_module *m, const char *name, gt_tensor *t,
                               bool persistent);
gt_status gt_module_set_module(gt_ctx *cx, gt_module *m, const char *name,
                               gt_module *child); /* refuses cycles */
/* The same for a module just made: the caller's reference is used up, also on failure. */
gt_status gt_module_adopt(gt_ctx *cx, gt_module *m, const char *name, gt_module *child);
gt_status gt_module_append(gt_ctx *cx, gt_module *list, gt_module *child);
bool gt_module_remove(gt_ctx *cx, gt_module *m, const char *name);
const gt_slot *gt_module_slot(const gt_module *m, const char *name); /* NULL if none */
gt_module *gt_module_child(const gt_module *m, const char *name);    /* borrowed, NULL if none */
int gt_module_length(const gt_module *m);                            /* number of children */

/* The single entry point of every forward, native or Lua: tells the observer before and after. */
gt_status gt_module_call(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out);

/* y times the multiplier of m, recorded in the graph; y itself when that is 1.  Done by
 * gt_module_call where the class's own forward runs; a binding's trampoline does it where hooks see
 * the result. */
gt_tensor *gt_module_scaled(gt_frame *f, const gt_module *m, gt_tensor *y);

struct gt_observer {
  gt_status (*enter)(gt_ctx *cx, gt_observer *o, gt_module *m);
  gt_status (*leave)(gt_ctx *cx, gt_observer *o, gt_module *m,
                     gt_tensor *out); /* out NULL: failed */
};

/* ---- a module and everything below it as a linked list, each module once, made without memory and
 * without recursion: for work that must not fail.  Nothing may add, remove or release modules
 * between link and unlink. ---- */
void gt_tree_link(gt_module *root);   /* root comes first */
void gt_tree_unlink(gt_module *root); /* must follow every link */

/* The module after `at`, NULL at the end. */
static inline gt_module *gt_tree_next(const gt_module *at) {
  return at->next == at ? NULL : at->next;
}

/* ---- walks; `name` is the dotted path.  A callback's failure ends the walk and is passed on. ----
 *
 * Order is PyTorch's: a module's own parameters, then its own buffers, then its children; modules
 * in pre-order.  Callbacks of parameter, buffer and state walks must not add or remove slots;
 * module walks list the modules first, so their callbacks may. */
typedef struct gt_entry {
  const char *name;    /* "blocks.0.attn.key.weight", valid during the callback */
  gt_module *owner;    /* module that holds the slot (or the module itself in module walks) */
  const gt_slot *slot; /* NULL for the root in module walks */
} gt_entry;
typedef gt_status (*gt_visit)(gt_ctx *cx, const gt_entry *entry, void *data);

gt_status gt_each_parameter(gt_ctx *cx, gt_module *m, bool unique, gt_visit visit, void *data);
gt_status gt_each_buffer(gt_ctx *cx, gt_module *m, gt_visit visit, void *data);
gt_status gt_each_state(gt_ctx *cx, gt_module *m, gt_visit visit,
                        void *data); /* parameters + persistent buffers, ties repeated */
gt_status gt_each_module(gt_ctx *cx, gt_module *m, gt_visit visit,
                         void *data); /* pre-order, unique, root first with name "" */
gt_status gt_apply_modules(gt_ctx *cx, gt_module *m, gt_visit visit,
                           void *data); /* post-order (apply): children, then self */

int64_t gt_module_parameter_count(gt_ctx *cx, gt_module *m); /* unique elements; -1: no memory */
void gt_module_train(gt_ctx *cx, gt_module *m, bool training);
gt_status gt_module_to(gt_ctx *cx, gt_module *m, const gt_dtype *dtype,
                       const gt_backend *device); /* floats only change dtype; ties survive */
void gt_module_zero_grad(gt_ctx *cx, gt_module *m);
void gt_module_requires_grad(gt_ctx *cx, gt_module *m, bool value);

/* Copies `names[i]` -> `tensors[i]` into the model's state; all checks first, then all copies:
 * never half-applied. One message lists missing, unexpected and mismatched keys.  Strips
 * "_orig_mod." and "module.".  A missing alias of a tied tensor that was loaded is not an error. */
gt_status gt_module_load(gt_ctx *cx, gt_module *m, int count, const char *const *names,
                         gt_tensor *const *tensors, bool strict);

/* PyTorch's text: "Name(\n  (child): …\n)"; equal neighbours in a list collapse to "(0-23): 24 x
 * Block(". */
gt_status gt_module_repr(gt_ctx *cx, const gt_module *m, gt_text *out);

#endif
