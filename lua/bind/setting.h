/* setting.h: settings (core/tensor/setting.h) from and to Lua: the one reader of attributes of ops,
 * settings of optimizers and fields of GPTConfig. */
#ifndef GTLUA_SETTING_H
#define GTLUA_SETTING_H

#include "lua/bind/bind.h"

#include "core/tensor/setting.h"

/* The value at index for setting `s` of `owner` ("AdamW"), within its bounds; raises otherwise.  A
 * tensor of one element that needs no gradient is taken as its number. */
void gtlua_read_setting(lua_State *L, const char *owner, const gt_setting *s, int index,
                        gt_value *out);

/* Pushes the value, or nil where INT, DTYPE and DIMS are not set. */
void gtlua_push_setting(lua_State *L, const gt_setting *s, const gt_value *value);

/* Pushes {{name, type, default, doc, required, by_name, low, above, high, below}, …}, type and
 * bounds as native.parameters_of has them: what help, completion and tests read. */
void gtlua_push_settings(lua_State *L, const gt_setting *list, int count);

#endif
