--- keywords.lua: checking keyword tables and other arguments of library functions.  Messages carry the
-- file and line of the user's call, not of the library.

local native = require "native"

-- sign(space, text[, prefix]) gives functions of `space` the signatures in `text` (lua/bind/signature_text.h).
local keywords = {suggest = native.suggest, signature = native.signature, sign = native.sign}

--- Raises with the place in the user's code in front.
function keywords.fail(format, ...) native.raise(format:format(...)) end

--- A value for a message: "'text'", "3", "nil", "a table", "a GPT".
function keywords.show(value)
  if type(value) == "string" then return "'" .. value .. "'" end
  if type(value) == "table" then return "a table" end
  local text = tostring(value)
  return text:find "\n" and "a " .. torch.type(value) or text
end

--- The reader of a table of options that has no function of its own: keywords.options "monitor: plot({title: string =
-- nil})" -> function(table or nil) -> the options, checked, with their defaults.
function keywords.options(text)
  return native.signature(text, function(options) return options end)
end

--- The bounds of a row of native.parameters_of or of settings as a signature writes them: "[1,100]", or "" for any number.
function keywords.bounds(row)
  if not row.low then return "" end
  local function number(x) return math.abs(x) == math.huge and "" or ("%.14g"):format(x) end
  return (row.above and "(" or "[") .. number(row.low) .. "," .. number(row.high) .. (row.below and ")" or "]")
end

--- The default of a row of settings as a signature writes it; nil where it has none.
function keywords.default(row)
  if row.default == nil then return nil end
  return type(row.default) == "string" and '"' .. row.default .. '"' or require "base.show".show(row.default)
end

--- Refuses PyTorch's inplace = true: nothing here writes into its input without a trailing _.
function keywords.no_inplace(name, inplace)
  if inplace then keywords.fail("%s: inplace = %s is not supported", name, keywords.show(inplace)) end
end

--- C, {C} or a Size of one dimension -> C: what a norm over the last dimension takes as its shape.
function keywords.width(name, shape)
  local list = type(shape) == "userdata" and shape:tolist() or shape
  if type(list) ~= "table" then return shape end
  if #list ~= 1 then
    keywords.fail("%s: only the last dimension can be normalised, expected {C}, got %d dimensions (%s)", name, #list,
                  table.concat(list, ", "))
  end
  return list[1]
end

function keywords.string(name, what, value)
  if type(value) ~= "string" then
    keywords.fail("%s: expected %s to be a string, got %s", name, what, keywords.show(value))
  end
  return value
end

-- Endings of file names and what they promise.
local formats = {
  pt = "PyTorch's", pth = "PyTorch's", pt2 = "PyTorch's", ckpt = "PyTorch's", bin = "PyTorch's, or token ids", pkl = "a pickle",
  pickle = "a pickle", npy = "NumPy's", npz = "NumPy's", gguf = "GGUF", ggml = "GGML", onnx = "ONNX", h5 = "HDF5",
  hdf5 = "HDF5", msgpack = "MessagePack", safetensors = "safetensors", parquet = "Parquet", arrow = "Arrow", zip = "zip",
  tar = "tar", gz = "gzip", zst = "zstd", xz = "xz", json = "JSON", jsonl = "JSON", txt = "text", csv = "CSV",
  tsv = "TSV", md = "Markdown", html = "HTML", svg = "SVG", png = "PNG", pdf = "PDF", lua = "Lua", ipynb = "Jupyter",
  py = "Python", tiktoken = "tiktoken's", bpe = "GPT-2's merges", model = "a tokenizer",
}

--- The path as a file to be written is called.  `own`: the endings that fit, the best one first; an ending that promises
-- another format is refused, as the file would not be read as what it is.  Names without such an ending are fine.
function keywords.ending(name, path, own)
  local stem, ending = path:match "^(.*)%.(%w+)$"
  local kind = ending and formats[ending:lower()]
  for _, fits in ipairs(own) do
    if not kind or ending:lower() == fits then return path end
  end
  return keywords.fail("%s: expected a name ending in .%s, got '%s', which would be taken for %s; write '%s.%s'", name,
                       table.concat(own, " or ."), path, kind, stem, own[1])
end

--- Refuses a text that is the name of a file: what was meant is in the file.  advice: the right form.
function keywords.no_path(name, text, advice)
  if #text > 255 or text:find "[%z\n]" then return text end
  local kind = require "native.folder".kind(text, true)
  if kind == "file" or kind == "folder" and text:find "/" then
    keywords.fail("%s: '%s' is a %s, and its name would be the text; %s", name, text, kind, advice:format(text))
  end
  return text
end

--- A text that string.find takes as a pattern.
function keywords.pattern(name, what, value)
  keywords.string(name, what, value)
  local ok, why = pcall(string.find, "", value)
  if not ok then keywords.fail("%s: %s: expected a pattern of Lua, got '%s': %s", name, what, value, why) end
  return value
end

function keywords.integer(name, what, value)
  local whole = math.type(value) and math.tointeger(value)
  return whole or keywords.fail("%s: %s expects a whole number, got %s", name, what, keywords.show(value))
end

function keywords.number(name, what, value)
  if type(value) ~= "number" then
    keywords.fail("%s: expected %s to be a number, got %s", name, what, keywords.show(value))
  end
  return value
end

local MOST_ITEMS = 1 << 20 -- of an iterator, which may have no end

--- All items of a table, which has no gaps but may have names, or of an iterator as a list.
function keywords.list(name, value)
  if type(value) == "function" then
    local out = {}
    for item in value do
      out[#out + 1] = item
      if #out > MOST_ITEMS then keywords.fail("%s: expected an iterator of at most %d items, got more", name, MOST_ITEMS) end
    end
    return out
  end
  if type(value) ~= "table" then
    keywords.fail("%s: expected a table or an iterator, got %s", name, keywords.show(value))
  end
  native.check_list(value, name)
  return value
end

--- pairs() of a table, or of an object that has its own.
function keywords.pairs(name, what, value)
  if type(value) ~= "table" and not (debug.getmetatable(value) or {}).__pairs then
    keywords.fail("%s: expected a table of %s, got %s", name, what, keywords.show(value))
  end
  return pairs(value)
end

--- The length of a list that is to be made: refused when no memory is meant for it.
function keywords.length(name, n)
  if not (n <= MOST_ITEMS) then keywords.fail("%s: expected at most %d items, got %s", name, MOST_ITEMS, keywords.show(n)) end
  return n
end

return keywords
