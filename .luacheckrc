-- What gptsh adds to Lua's globals.
std = "lua54"
max_line_length = false -- rewritten f-strings are longer than what stands in the file
read_globals = {
  "torch", "nn", "F", "optim", "data", "models", "summary", "check_model_dtypes", "spectral", "odict", "struct",
  "tokenizer", "train", "schedule", "reparam", "lrtable", "coord", "sweep", "pow2", "lr_find", "plan", "sh", "list", "defaults", "show", "help",
  "json", "f", "__f", "GPT", "GPTConfig",
}
globals = {"plot"} -- has fields that users may set
ignore = {
  "212/self", "212/_.*", -- a method need not use what it is given
  "581",                 -- not (x <= y) is meant: NaN counts as out of range
}
files["tests"] = {ignore = {"311"}} -- values are dropped on purpose, for the collector
