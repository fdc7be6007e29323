/* module.h: what module.c, module_set.c, forward.c, walk.c and layer.c share.
 *
 * A module userdata is a box with one native reference and four user values.  Everything Lua about
 * the module (its class, plain fields, hooks) hangs on that userdata, and the userdata of a child
 * is anchored in its parent's, so the Lua side of a tree lives exactly as long as its root is
 * reachable; native code never holds a Lua object, so cycles through fields are the collector's
 * business.  A weak table finds the userdata of a native module: one module is always the same Lua
 * value. */
#ifndef GTLUA_MODULE_H
#define GTLUA_MODULE_H

#include "lua/bind/bind.h"

enum {
  GTLUA_UV_CLASS = 1, /* the class table made by nn.class, or the one of a native class */
  GTLUA_UV_FIELDS,    /* plain fields; a light userdata NULL is a field set to nil */
  GTLUA_UV_ANCHORS,   /* name -> userdata of the child in that slot */
  GTLUA_UV_HOOKS,     /* {before = {…}, after = {…}} or nil */
  GTLUA_UV_COUNT = 4
};

/* ---- module.c ---- */
/* Pushes an empty box of the class table at `class_index`. */
gt_module **gtlua_modulebox(lua_State *L, int class_index);
/* Enters a box just filled in the table of userdata. */
void gtlua_module_known(lua_State *L, int box);
/* Pushes the userdata of a module that already has one; false (and nothing pushed) otherwise. */
bool gtlua_module_find(lua_State *L, const gt_module *m);
/* Pushes the child in `slot` of the module at `parent`, anchored there. */
void gtlua_push_child(lua_State *L, int parent, const gt_slot *slot);
/* Pushes self[name] for a method or field that must exist: raises with a suggestion otherwise. */
void gtlua_module_get(lua_State *L, int box, const char *name);
/* Pushes the field when there is one by that name; nil counts when it was assigned. */
bool gtlua_module_field(lua_State *L, int box, const char *name);
/* Pushes list[i], 0-based, negative from the end; returns 1. */
int gtlua_module_item(lua_State *L, int box, gt_module *m, lua_Integer i);
/* The setting of its native class by that name; NULL if none. */
const gt_field *gtlua_native_field(const gt_module *m, const char *name);
/* Pushes user value `which` of the module at `box`, a table, made when it is missing. */
void gtlua_module_table(lua_State *L, int box, int which);
/* anchors[name] = value on top of the stack (popped). */
void gtlua_module_anchor(lua_State *L, int parent, const char *name);

/* ---- module_set.c ---- */
int gtlua_module_newindex(lua_State *L); /* __newindex */

/* ---- forward.c ---- */
/* The forward of every module that has something Lua to run: a class from nn.class, or hooks. */
gt_status gtlua_forward(gt_ctx *cx, gt_module *m, const gt_arguments *args, gt_tensor **out);
extern const gt_module_class gtlua_class_module; /* of classes written in Lua */
int gtlua_module_call(lua_State *L);             /* __call */
int gtlua_native_forward(lua_State *L);          /* the method `forward` of native classes */
int gtlua_native_repr(lua_State *L);             /* their method `extra_repr` */
/* Core calls that may run Lua (forwards, repr) happen between these two: the state that runs them.
 */
lua_State *gtlua_enter(lua_State *L);
void gtlua_leave(lua_State *L, lua_State *before);
/* Reads call arguments first … top: a tensor, nil or {a, b} each; last a table of options. */
void gtlua_toarguments(lua_State *L, const gt_module *m, int first, gt_arguments *out);

/* ---- layer.c ---- */
/* The box at 1, which an init is about to fill. */
gt_module **gtlua_open_box(lua_State *L);
/* After a native constructor filled the box at 1: a Lua class below the native one gives its name
 * and, if it defines them, its forward and extra_repr.  Returns 0 results. */
int gtlua_filled(lua_State *L, gt_status status);
/* The device at index, the session's when there is none. */
const gt_backend *gtlua_device_at(lua_State *L, int index);

/* ---- gpt.c ---- */
gt_cache *gtlua_tocache(lua_State *L, int index); /* raises unless a cache */
void gtlua_pushcache(lua_State *L, gt_cache *cache);

/* ---- registration: each adds to the table of native functions on top of the stack ---- */
void gtlua_add_setters(lua_State *L);
void gtlua_add_walks(lua_State *L);
void gtlua_add_layers(lua_State *L);
void gtlua_add_gpt(lua_State *L);
/* names.c: the names that users see; `torch` on top of the stack. */
void gtlua_add_names(lua_State *L);

#endif
