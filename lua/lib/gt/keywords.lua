--- keywords.lua: checking keyword tables and other arguments of library functions.  Messages carry the
-- file and line of the user's call, not of the library.

local native = require "native"

local keywords = {suggest = native.suggest}

--- Raises with the place in the user's code in front.
function keywords.fail(format, ...) native.raise(format:format(...)) end

--- A value for a message: "'text'", "3", "nil", "a table".
function keywords.show(value)
  if type(value) == "string" then return "'" .. value .. "'" end
  if type(value) == "table" then return "a table" end
  return tostring(value)
end

--- Names that the same things have elsewhere, here or in PyTorch.
local elsewhere = {
  {"B", "batch", "batch_size"}, {"T", "sequence", "block_size", "seq_len", "sequence_len", "sequence_length"},
  {"steps", "max_steps", "max_iters", "num_steps"}, {"lr", "learning_rate"}, {"max_new_tokens", "tokens", "max_tokens", "length"},
  {"optim", "optimizer"}, {"clip", "grad_clip", "max_norm"}, {"accumulate", "gradient_accumulation_steps", "grad_accum"},
  {"val", "val_data"}, {"data", "train_data", "train"}, {"folder", "out_dir", "dir"}, {"eval_every", "eval_interval"},
}

--- " (did you mean 'B'?)" for a name from elsewhere, or for one that is spelt almost so.
local function suggestion(key, allowed)
  local known = {}
  for _, word in ipairs(allowed) do known[word] = true end
  for _, names in ipairs(elsewhere) do
    local here, asked
    for _, name in ipairs(names) do
      asked = asked or name == key
      here = here or known[name] and name
    end
    if asked and here then return f" (did you mean '{here}'?)" end
  end
  if known.optim and (key == "lr" or key == "learning_rate" or key == "weight_decay") then
    return " (did you mean optim = {lr = …}?)"
  end
  return native.suggest(key, allowed)
end

--- Refuses keys of `options` that are not in the list `allowed`; nil counts as {}.
function keywords.read(name, options, allowed)
  if options == nil then return {} end
  if type(options) ~= "table" then
    keywords.fail("%s: options go in a table, {%s = …}, got %s", name, allowed[1], keywords.show(options))
  end
  for key in pairs(options) do
    local known = false
    for _, word in ipairs(allowed) do known = known or word == key end
    if not known then
      if getmetatable(options) then
        keywords.fail("%s: options go in a table, {%s = …}, got a %s", name, allowed[1], torch.type(options))
      end
      local hint = type(key) == "string" and suggestion(key, allowed) or ""
      keywords.fail("%s has no option %s%s; it takes %s", name, keywords.show(key), hint,
                    table.concat(allowed, ", "))
    end
  end
  return options
end

function keywords.string(name, what, value)
  if type(value) ~= "string" then
    keywords.fail("%s: %s must be a string, got %s", name, what, keywords.show(value))
  end
  return value
end

--- A text that string.find takes as a pattern.
function keywords.pattern(name, what, value)
  keywords.string(name, what, value)
  local ok, why = pcall(string.find, "", value)
  if not ok then keywords.fail("%s: %s: '%s' is no pattern of Lua: %s", name, what, value, why) end
  return value
end

function keywords.number(name, what, value)
  if type(value) ~= "number" then
    keywords.fail("%s: %s must be a number, got %s", name, what, keywords.show(value))
  end
  return value
end

--- All items of a table or of an iterator as a list.
function keywords.list(name, value)
  if type(value) == "function" then
    local out = {}
    for item in value do out[#out + 1] = item end
    return out
  end
  if type(value) ~= "table" then
    keywords.fail("%s: expected a table or an iterator, got %s", name, keywords.show(value))
  end
  return value
end

return keywords
