/* names.c: which names of nn, F, optim, models, torch, json and the globals come from which file of
 * the embedded library.  A file is read when one of its names is first used, so starting costs
 * nothing. */
#include "lua/bind/module.h"

#include "core/train/optim.h"

typedef struct names {
  const char *lib;
  const char *const names[20]; /* ends with NULL */
} names;

static const names nn_names[] = {
    {"nn.class", {"class", "isinstance", "Module"}},
    {"nn.layers",
     {"Linear", "Embedding", "RMSNorm", "LayerNorm", "ModuleList", "Sequential", "ModuleDict",
      "Identity", "ReLU", "GELU", "SiLU", "Tanh", "Sigmoid", "Dropout", "Parameter"}},
    {"nn.initializers", {"init"}},
    {"nn.utils", {"utils"}},
};

static const names f_names[] = {{"nn.functional",
                                 {"rms_norm", "layer_norm", "scaled_dot_product_attention",
                                  "cross_entropy", "nll_loss", "mse_loss", "l1_loss", "dropout"}}};

static const names model_names[] = {
    {"gt.config", {"GPTConfig"}},
    {"gt.models",
     {"GPT", "MultiHeadAttention", "FeedForward", "TransformerBlock", "gpt2", "nanogpt"}}};

static const names optim_names[] = {
    {"gt.optim", {"class", "settings", "zeropower_via_newtonschulz5"}}};

static const names data_names[] = {{"gt.data", {"text", "tokens", "open", "demo"}}};

static const names train_names[] = {{"gt.train", {"new", "open"}},
                                    {"gt.train.average", {"average"}},
                                    {"gt.train.bpb", {"bpb"}},
                                    {"gt.train.monitor", {"monitor"}}};

static const names schedule_names[] = {
    {"gt.schedule",
     {"constant", "linear", "cosine", "wsd", "warmdown", "warmdown_time", "momentum"}}};

static const names torch_names[] = {{"torch.files", {"load", "save"}},
                                    {"torch.compile", {"compile"}}};

static const names tokenizer_names[] = {{"gt.tokenizer", {"bytes", "chars", "load", "train"}}};

static const names reparam_names[] = {
    {"gt.reparam",
     {"new", "rules", "shapes", "multipliers", "set_multipliers", "fold", "tau",
      "LinearStandardParam", "InputLinearMup", "HiddenLinearMup", "OutputLinearMup",
      "EmbeddingStandardParam", "EmbeddingMup"}}};

static const names json_names[] = {{"base.json", {"array", "encode", "decode", "null"}}};

/* Globals that are functions from the start, loaded at their first call. */
static const names late_names[] = {{"base.values", {"odict", "struct", "list", "defaults"}},
                                   {"base.show", {"show"}},
                                   {"shell.help", {"help"}}};

static const names global_names[] = {
    {"gt.models", {"GPT"}},
    {"gt.config", {"GPTConfig"}},
    {"gt.inspect", {"summary", "check_model_dtypes", "spectral"}},
    {"plot", {"plot"}},
    {"gt.reparam", {"lrtable"}},
    {"gt.coord", {"coord"}},
    {"gt.sweep", {"sweep", "pow2"}},
    {"gt.lr_find", {"lr_find"}},
    {"shell.sh", {"sh"}},
    {"gt.plan", {"plan"}},
};

/* Makes the names lazy ones of the name space on top of the stack, in place of plain ones. */
static void add_names(lua_State *L, const names *list, int count) {
  for (int i = 0; i < count; i++)
    for (const char *const *name = list[i].names; *name; name++) {
      lua_pushstring(L, *name);
      lua_pushnil(L);
      lua_rawset(L, -3);
      gtlua_lazy(L, *name, list[i].lib);
    }
}

void gtlua_set_loaded(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* A name space as a global, as require(name) and as torch.name. */
static void add_space(lua_State *L, const char *space, const names *list, int count) {
  gtlua_namespace(L, space);
  add_names(L, list, count);
  gtlua_set_loaded(L, space);
  lua_pushvalue(L, -1);
  lua_setglobal(L, space);
  lua_setfield(L, -2, space);
}

static void add_optimizers(lua_State *L) {
  lua_getglobal(L, "optim");
  for (int i = 0; gt_optimizer_classes[i]; i++)
    gtlua_lazy(L, gt_optimizer_classes[i]->name, "gt.optim");
  lua_pop(L, 1);
}

/* A name space that PyTorch does not have, as a global. */
static void add_library(lua_State *L, const char *space, const names *list, int count) {
  gtlua_namespace(L, space);
  add_names(L, list, count);
  lua_setglobal(L, space);
}

/* Python's constants would be nil, and {bias = False} no option at all: they are refused instead.
 */
static void refuse_constant(lua_State *L) {
  static const char *const constants[][2] = {{"True", "true"}, {"False", "false"}, {"None", "nil"}};
  const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  for (int i = 0; i < GT_COUNT(constants); i++)
    if (strcmp(name, constants[i][0]) == 0)
      gtlua_error(L, "%s is %s in Lua", name, constants[i][1]);
}

/* __index of the globals: fetches a lazy one, else nil.  Upvalue: name -> library. */
static int global_index(lua_State *L) {
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) {
    refuse_constant(L);
    return 1;
  }
  lua_pushcfunction(L, gtlua_require);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  lua_pushvalue(L, 2);
  lua_gettable(L, -2);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, 1);
  return 1;
}

static void add_globals(lua_State *L) {
  for (int i = 0; i < GT_COUNT(late_names); i++)
    for (const char *const *name = late_names[i].names; *name; name++) {
      gtlua_pushlate(L, late_names[i].lib, *name);
      lua_setglobal(L, *name);
    }
  lua_newtable(L);
  for (int i = 0; i < GT_COUNT(global_names); i++)
    for (const char *const *name = global_names[i].names; *name; name++) {
      lua_pushstring(L, global_names[i].lib);
      lua_setfield(L, -2, *name);
    }
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, global_index, 1);
  lua_pushglobaltable(L);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -4);
  lua_setfield(L, -2, "lazy"); /* for completion and hints: no name space shows it otherwise */
  lua_setmetatable(L, -2);
  lua_pop(L, 3);
}

void gtlua_add_names(lua_State *L) {
  add_space(L, "nn", nn_names, GT_COUNT(nn_names));
  add_space(L, "models", model_names, GT_COUNT(model_names));
  add_space(L, "optim", optim_names, GT_COUNT(optim_names));
  add_optimizers(L);
  add_library(L, "data", data_names, GT_COUNT(data_names));
  add_library(L, "train", train_names, GT_COUNT(train_names));
  add_library(L, "schedule", schedule_names, GT_COUNT(schedule_names));
  lua_getglobal(L, "F");
  add_names(L, f_names, GT_COUNT(f_names));
  lua_getglobal(L, "nn");
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "functional");
  lua_pop(L, 2);
  add_names(L, torch_names, GT_COUNT(torch_names));
  add_library(L, "reparam", reparam_names, GT_COUNT(reparam_names));
  add_library(L, "tokenizer", tokenizer_names, GT_COUNT(tokenizer_names));
  gtlua_namespace(L, "json");
  add_names(L, json_names, GT_COUNT(json_names));
  gtlua_set_loaded(L, "json");
  lua_setglobal(L, "json");
  add_globals(L);
}
