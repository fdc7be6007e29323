--- data.lua: text files and token shards as sequences of token ids, and loaders that cut them into
-- batches.  Positions count from 0, as in tensors.

local native = require "native.tokens"
local files = require "native.folder"
local keywords = require "base.keywords"

local data = {}

-- ---- loaders ----

local Loader = {} -- the methods
local loader_meta = {__name = "Loader", __index = Loader, methods = Loader}

local saved_settings = {"B", "T", "shuffle", "random", "seed", "align", "count"} -- count: of tokens

--- loader:next() -> x, y: inputs and targets, (B, T) each, int64; y is x moved by one token.
function Loader:next()
  local x, y = native.batch(self.native, self.step)
  self.step = self.step + 1
  self.epoch = self.step // self.batches
  return x, y
end

--- for x, y in loader:iter([n]): the next n batches; without n as many as an epoch has.
function Loader:iter(n)
  local left = n or self.batches
  return function()
    if left == 0 then return nil end
    left = left - 1
    return self:next()
  end
end

--- loader:state() -> a plain table that loader:load_state() takes: the position, and the settings it
-- belongs to.
function Loader:state()
  local state = {step = self.step}
  for _, name in ipairs(saved_settings) do state[name] = self[name] end
  return state
end

local read_step = keywords.options "loader:load_state({step: integer[0,]})"

--- loader:load_state(state): continues exactly where the loader was that gave the state.
function Loader:load_state(state)
  for _, name in ipairs(saved_settings) do
    if state[name] ~= self[name] then
      keywords.fail("loader:load_state: saved with %s = %s, this loader has %s", name,
                    keywords.show(state[name]), keywords.show(self[name]))
    end
  end
  self.step = read_step{step = state.step}.step
  self.epoch = self.step // self.batches
end

--- loader:clone() -> another loader at the same position.
function Loader:clone()
  local copy = {}
  for name, value in pairs(self) do copy[name] = value end -- what is native has no position
  return setmetatable(copy, loader_meta)
end

function loader_meta.__tostring(self)
  local order = self.shuffle and "shuffled" or self.random and "random" or "sequential"
  return f"Loader(B={self.B}, T={self.T}, {order}, align={self.align}, seed={self.seed}, " ..
    f"{self.batches} batches per epoch, step {self.step})"
end

-- ---- token sequences ----

local methods = {}
local Tokens = {__name = "Tokens", methods = methods}

local fields = {"vocab_size", "tokenizer", "source", "bos", "native", "origin"}
Tokens.__fields = fields -- for completion

--- tokens[":3000"]: as tokens:view(), with Python's rules: half-open, negative from the end, cut to what there is.
local function sliced(self, key)
  local first, last = key:match "^%s*(%-?%d*)%s*:%s*(%-?%d*)%s*$"
  if not first then return nil end
  local n = #self
  local function place(text, default)
    local at = math.tointeger(tonumber(text))
    if not at then return default end
    return math.max(0, math.min(n, at < 0 and n + at or at))
  end
  local a = place(first, 0)
  return self:view(a, math.max(a, place(last, n)))
end

function Tokens.__index(self, key)
  if math.type(key) == "integer" then
    return native.get(self.native, key < 0 and #self + key or key)
  end
  if type(key) == "string" and key:find(":", 1, true) then
    return sliced(self, key) or keywords.fail("tokens: '%s' is not a slice; write for example [\":3000\"], [\"-100:\"]", key)
  end
  if methods[key] then return methods[key] end
  for _, name in ipairs(fields) do
    if name == key then return nil end
  end
  local names = table.move(fields, 1, #fields, 1, {})
  for name in pairs(methods) do names[#names + 1] = name end
  table.sort(names)
  local hint = type(key) == "string" and keywords.suggest(key, names) or ""
  keywords.fail("Tokens have no field %s%s; they have %s", keywords.show(key), hint, table.concat(names, ", "))
end

function Tokens.__newindex(self, key, value)
  for _, name in ipairs(fields) do
    if name == key then return rawset(self, key, value) end
  end
  keywords.fail("tokens are only read: %s cannot be set; data.text and data.tokens make others", keywords.show(key))
end

function Tokens.__len(self) return native.count(self.native) end

function Tokens.__tostring(self)
  return f"Tokens({#self:,} tokens, vocab_size {self.vocab_size}, {self.source})"
end

--- origin: {files = the files they were read from, first = where they begin in what was read}
local function make(handle, source, tokenizer, bos, origin)
  return setmetatable({native = handle, source = source, tokenizer = tokenizer, bos = bos,
                       vocab_size = native.vocab(handle), origin = origin or {files = {handle}, first = 0}}, Tokens)
end

--- Where tokens come from that were read from these files.
local function origin_of(paths)
  local handles = {}
  for i, path in ipairs(paths) do handles[i] = native.file(path) end
  return {files = handles, first = 0}
end

--- The token that documents begin with.
local function mark_of(tok) return tok and (tok.bos or tok.eos) end

--- begin and stop as positions of self; negative ones count from the end.
local function range(name, self, begin, stop)
  local n = #self
  local a, b = begin or 0, stop or n
  a, b = a < 0 and n + a or a, b < 0 and n + b or b
  if a < 0 or a > b or b > n then
    keywords.fail("%s: expected 0 <= begin <= stop <= %d, got %s and %s", name, n, keywords.show(begin),
                  keywords.show(stop))
  end
  return a, b
end

--- tokens:slice([begin = 0[, stop = #tokens]]) -> the ids from begin to before stop, an int64 tensor.
function methods.slice(self, begin, stop)
  return native.slice(self.native, range("slice", self, begin, stop))
end

--- tokens:view([begin = 0[, stop = #tokens]]) -> the tokens from begin to before stop, as tokens; also tokens["begin:stop"].
function methods.view(self, begin, stop)
  local a, b = range("view", self, begin, stop)
  return make(native.view(self.native, a, b), f"{a}:{b} of {self.source}", self.tokenizer, self.bos,
              {files = self.origin.files, first = self.origin.first + a})
end

--- tokens:overlaps(others) -> are some of both at the same place of the same text or file?  Names of a file and links to it are
-- one; of two lists of files that differ, one in both is enough.
function methods.overlaps(self, others)
  local a, b = self.origin, others.origin
  local same, shared, known = #a.files == #b.files, false, {}
  for i, file in ipairs(a.files) do
    known[file] = true
    same = same and file == b.files[i]
  end
  for _, file in ipairs(b.files) do shared = shared or known[file] == true end
  if not same then return shared end
  return a.first < b.first + #others and b.first < a.first + #self
end

--- tokens:split([fraction = 0.9]) -> train, val: the first part and the rest.
function methods.split(self, fraction)
  local at = math.floor(#self * fraction)
  return self:view(0, at), self:view(at)
end

--- tokens:text([begin = 0[, stop = #tokens]]) -> what the tokens from begin to before stop.
function methods.text(self, begin, stop)
  local ids = self:slice(begin, stop)
  if not self.tokenizer then
    keywords.fail("text: these tokens have no tokenizer; data.tokens(…, {tokenizer = tok}) sets it")
  end
  return self.tokenizer:decode(ids)
end

--- tokens:save(path[, {format = "modded" | "llama3" | "nanogpt"}]): one shard of all tokens; without
-- format "modded" (16-bit ids), or "llama3" (32-bit) where the vocabulary is larger than 65536.
function methods.save(self, path, options)
  local format = options.format or (self.vocab_size > 65536 and "llama3" or "modded")
  native.save(self.native, keywords.ending("save", path, {"bin"}), format)
end

--- tokens:loader{B = 12, T = 64, shuffle = false, random = false, seed = 1337, align = "none"}: batches
-- of B windows of T inputs and T targets.  In order, and from the start again at the end; shuffle: the
-- windows in another order each epoch; random: windows from anywhere, as nanoGPT draws them; align =
-- "bos": windows begin with a document.  The position is loader:state().
function methods.loader(self, loader)
  loader.tokens, loader.count, loader.step, loader.epoch = self, #self, 0, 0
  if loader.shuffle and loader.random then keywords.fail("loader: expected shuffle or random, got both") end
  if loader.align == "bos" and not self.bos then
    keywords.fail("loader: align = 'bos' needs a bos token; say which with data.tokens(…, {bos = id}) " ..
                  "or take a tokenizer that has one")
  end
  local order = loader.shuffle and "shuffled" or loader.random and "random" or "sequential"
  loader.native, loader.batches = native.loader(self.native, loader.B, loader.T, order, loader.seed,
                                                loader.align == "bos" and self.bos or -1)
  loader.tokens_per_batch = loader.B * loader.T
  return setmetatable(loader, loader_meta)
end

--- for x, y, n in tokens:windows{B = 12, T = 64}: every target of the tokens once, in order, for
-- evaluation; n counts the targets of the batch.  The last batch has as many rows as it needs; its
-- last row is filled up with targets of -1, which losses ignore.  Rows are no longer than the data.
function methods.windows(self, options)
  if #self < 2 then keywords.fail("windows: expected at least 2 tokens, got %d", #self) end
  local T, n = math.min(options.T, #self - 1), -1
  return function()
    n = n + 1
    return native.window(self.native, options.B, T, n)
  end
end

-- ---- from text ----

--- The tokenizer that the options of data.text name; `whole_text` gives all text at once, for a vocabulary of its
-- characters.
local function tokenizer_of(options, whole_text)
  local tok = options.tokenizer
  if tok == "bytes" then return tokenizer.bytes() end
  return tok == "chars" and require "gt.tokenizer".of_text(whole_text()) or tok
end

local function from_string(text, options)
  keywords.no_path("data.text", text, "data.text('%s') reads it")
  if options.utf8 or #text == 0 then native.check_text("data.text", text) end
  local tok = tokenizer_of(options, function() return text end)
  local handle = native.new(tok.vocab_size)
  native.add_text(handle, tok, text)
  return make(handle, "text", tok, mark_of(tok))
end

local function no_text_in(folder, reason)
  keywords.fail("%s: expected text files in this folder, found none%s", folder, reason and " (" .. reason .. ")" or "")
end

--- Reads the files.  Without a folder a file that is not text is an error; of a folder such files are
-- left out, and counted.
local function from_files(paths, folder, options)
  local checked = options.utf8
  local function whole_text()
    local texts, reason = {}, nil
    for _, path in ipairs(paths) do
      local text, message = native.read_text(path, checked)
      if not text and not folder then keywords.fail("%s", message) end
      texts[#texts + 1], reason = text, reason or message
    end
    if #texts == 0 then no_text_in(folder, reason) end
    return table.concat(texts)
  end
  local tok = tokenizer_of(options, whole_text)
  local handle = native.new(tok.vocab_size)
  local taken, reason = {}, nil
  for _, path in ipairs(paths) do
    local added, message = native.add_file(handle, tok, path, checked)
    if not added and not folder then keywords.fail("%s", message) end
    taken[#taken + 1] = added and path
    reason = reason or message
  end
  if #taken == 0 then no_text_in(folder, reason) end
  local source = folder and #taken .. " files of " .. folder or #taken == 1 and paths[1] or #taken .. " files"
  local left_out = #paths - #taken
  if left_out > 0 then source = source .. ", " .. left_out .. " left out (" .. reason .. ")" end
  return make(handle, source, tok, mark_of(tok), origin_of(taken))
end

--- A text where a path goes: no file has that name, and no path looks like it.
local function refuse_text(path)
  if path:find "\0" or not path:find "\n" and (path:find "/" or path:find "%.%w+$") then return end
  if files.kind(path) then return end
  local start = #path > 40 and path:sub(1, utf8.offset(path, 0, 38) - 1) .. "…" or path
  keywords.fail("data.text: no file is called '%s'; data.text{text = \"…\"} takes the text itself", (start:gsub("\n", "\\n")))
end

--- data.text(path | folder | {paths} | {text = "…"}[, {tokenizer = tok, utf8 = true}]) -> tokens.
-- Every file is a document; of a folder, all files in it and below it that are text.  Documents begin
-- with the bos token of the tokenizer, or else with eos, if it has one.  tokenizer: without it, every
-- byte is a token; "chars": every character of this text is one.  Text must be UTF-8 without
-- NUL bytes; utf8 = false takes any bytes.
function data.text(source, options)
  if options.text then
    if type(source) == "string" or source and #source > 0 then keywords.fail("data.text: expected paths or {text = …}, got both") end
    return from_string(options.text, options)
  end
  if type(source) == "string" then refuse_text(source) end
  if type(source) == "string" and native.is_folder(source) then
    return from_files(native.below(source), source, options)
  end
  if type(source) == "string" then return from_files({source}, nil, options) end
  if type(source) ~= "table" or #source == 0 then
    keywords.fail("data.text: expected a path, a list of paths or {text = \"…\"}, got %s",
                  type(source) == "table" and "a table without them" or keywords.show(source))
  end
  for _, path in ipairs(source) do keywords.string("data.text", "path", path) end
  return from_files(source, nil, options)
end

-- ---- from shards ----

local verified = {} -- what a shard is -> its largest id, and how many it has

--- Calls visit(i, path, format, key) for each shard.
local function each_shard(handle, visit)
  local i = 1
  local path, format, key = native.shard(handle, i)
  while path do
    visit(i, path, format, key)
    i = i + 1
    path, format, key = native.shard(handle, i)
  end
end

--- Shards that another program wrote for another tokenizer differ in their layout.
local function check_layouts(handle)
  local first, first_format
  each_shard(handle, function(_, path, format)
    first, first_format = first or path, first_format or format
    if format ~= first_format then
      keywords.fail("data.tokens: expected shards of one layout, '%s' is '%s' and '%s' is '%s'; read them one by one", first,
                    first_format, path, format)
    end
  end)
end

local FEW, TIMES = 4096, 4 -- ids of a shard that tell its vocabulary, and how much larger another one's may be

--- Checks the ids of every shard, unless these very files were checked before; returns the largest.  Without a vocabulary,
-- shards whose ids look as if they were of two are refused.
local function verify(handle, vocab_size)
  local low, high
  each_shard(handle, function(i, path, _, key)
    local known = verified[key]
    if not known or vocab_size and known.largest >= vocab_size then
      known = {}
      known.largest, known.count = native.verify(handle, i)
      verified[key] = known
    end
    local here = {path = path, largest = known.largest}
    if not high or here.largest > high.largest then high = here end
    if known.count >= FEW and (not low or here.largest < low.largest) then low = here end
  end)
  if not vocab_size and low and high.largest >= TIMES * (low.largest + 1) then
    keywords.fail("data.tokens: '%s' has no id above %d, '%s' has %d: these look like shards of two vocabularies; " ..
                  "vocab_size = %d says that they are of one", low.path, low.largest, high.path, high.largest,
                  high.largest + 1)
  end
  return high.largest
end

local function shard_paths(name, source)
  if type(source) == "table" then
    local paths = {}
    for i, path in ipairs(source) do paths[i] = keywords.string(name, "path", path) end
    if #paths == 0 then keywords.fail("%s: expected at least one path, got an empty table", name) end
    return paths
  end
  keywords.string(name, "path or pattern", source)
  if not source:find "[*?%[]" then return {source} end
  local paths = native.match(source)
  if #paths == 0 then keywords.fail("%s: no file matches '%s'", name, source) end
  return paths
end

--- Ids in memory.
local function from_tensor(ids, vocab_size, tok, bos)
  if ids.ndim ~= 1 or not tostring(ids.dtype):find "%.u?int%d" or ids:numel() == 0 then
    keywords.fail("data.tokens: expected a tensor of ids, whole numbers in one dimension, got %s %s", tostring(ids.dtype),
                  tostring(ids.shape))
  end
  local lowest, largest = ids:min():item(), ids:max():item()
  local limit = vocab_size or largest + 1
  if lowest < 0 or largest >= limit or limit > 1 << 31 then
    keywords.fail("data.tokens: expected ids from 0 to %d, got %d to %d", math.min(limit, 1 << 31) - 1, lowest, largest)
  end
  local handle = native.new(limit)
  native.add_ids(handle, ids)
  return make(handle, "a tensor", tok, bos)
end

--- data.tokens(path | "fineweb_train_*.bin" | {paths} | tensor of ids[, {vocab_size =, tokenizer =, bos =, verify =
-- true, format =}]) -> tokens from shards, one after the other, or of a tensor, which is copied.
-- Layouts: "modded" (llm.c, modded-nanogpt, parameter-golf), "llama3" (llm.c), "nanogpt" (no header);
-- without format the first bytes tell.  All ids are checked before anything else happens; verify =
-- false leaves that to each read.  Without vocab_size or tokenizer the largest id decides.  Shards of several layouts, and
-- without vocab_size or tokenizer those whose ids look like two vocabularies, are refused.
function data.tokens(source, o)
  local vocab_size = o.vocab_size or (o.tokenizer and o.tokenizer.vocab_size)
  local bos = o.bos or mark_of(o.tokenizer)
  if torch.is_tensor(source) then return from_tensor(source, vocab_size, o.tokenizer, bos) end
  local handle, paths = native.new(vocab_size or 0), shard_paths("data.tokens", source)
  for _, path in ipairs(paths) do native.add_shard(handle, path, o.format) end
  check_layouts(handle)
  if o.verify then
    local largest = verify(handle, vocab_size)
    native.vocab(handle, vocab_size or largest + 1)
  elseif not vocab_size then
    keywords.fail("data.tokens: verify = false needs vocab_size or tokenizer")
  end
  return make(handle, #paths == 1 and paths[1] or f"{#paths} shards, from {paths[1]}", o.tokenizer, bos,
              origin_of(paths))
end

-- Files that their names call text: one with a NUL byte is a bad text, not a shard.
local textual = {txt = true, text = true, md = true, csv = true, tsv = true, json = true, jsonl = true, html = true,
                 xml = true, tex = true}

--- data.open(source[, options]) -> tokens: data.text for text and folders, data.tokens for shards; the
-- first bytes of the (first) file tell, and names such as notes.txt.
function data.open(source, options)
  if options.text then return data.text(source, options) end
  if type(source) == "string" and native.is_folder(source) then return data.text(source, options) end
  local paths = shard_paths("data.open", source)
  local ending = paths[1]:match "%.(%w+)$"
  if native.is_text(paths[1]) or ending and textual[ending:lower()] then return data.text(paths, options) end
  return data.tokens(paths, options)
end

-- ---- the demo corpus ----

local jargon = "/usr/share/doc/jargon-text/jargon.txt.gz" -- named in deps.sh too
local licences = "/usr/share/common-licenses/"
local licence_names = {"Apache-2.0", "Artistic", "GFDL-1.2", "GFDL-1.3", "GPL-1", "GPL-2", "GPL-3", "LGPL-2",
                       "LGPL-2.1", "LGPL-3", "MPL-1.1", "MPL-2.0"}

local function unpacked(path)
  if files.kind(path, true) ~= "file" then return nil end
  local pipe = io.popen("gzip -cd " .. path, "r")
  local text = pipe and pipe:read "a"
  return pipe and pipe:close() and #text > 0 and text or nil
end

local function all_licences()
  local texts = {}
  for _, name in ipairs(licence_names) do
    texts[#texts + 1] = files.read(licences .. name, 1 << 20)
  end
  return #texts > 0 and table.concat(texts, "\n") or nil
end

--- data.demo([{tokenizer = tok}]) -> tokens of 1.7 MB of English: the Jargon File, which is in the public
-- domain, from the Debian package jargon-text.  Where it is not installed, the licence texts of the
-- system take its place; what was taken is printed.
function data.demo(options)
  local text, from = unpacked(jargon), "the Jargon File (Debian package jargon-text)"
  if not text then
    text, from = all_licences(), "the licences in " .. licences .. ", as jargon-text is not installed (make deps)"
  end
  if not text then keywords.fail("data.demo: no text found; install the Debian package jargon-text") end
  local tokens = data.text {text = text, tokenizer = options.tokenizer}
  tokens.source = from
  print(f"demo corpus: {from}, {#text:,} bytes")
  return tokens
end

keywords.sign(Loader, [[
  next(self: Loader)
  iter(self: Loader, n: integer[0,] = nil)
  state(self: Loader)
  load_state(self: Loader, state: table)
  clone(self: Loader)
]], "loader:")
keywords.sign(methods, [[
  slice(self: Tokens, begin: integer = nil, stop: integer = nil)
  overlaps(self: Tokens, others: Tokens)
  view(self: Tokens, begin: integer = nil, stop: integer = nil)
  split(self: Tokens, fraction: number(0,1) = 0.9)
  text(self: Tokens, begin: integer = nil, stop: integer = nil)
  save(self: Tokens, path: string, {format: "modded"|"llama3"|"nanogpt" = nil})
  loader(self: Tokens, {B: integer[1,] = 12, T: integer[1,] = 64, shuffle: boolean = false, random: boolean = false,
    seed: integer = 1337, align: "none"|"bos" = "none"})
  windows(self: Tokens, {B: integer[1,] = 12, T: integer[1,] = 64})
]])
keywords.sign(data, [[
  text(source: string|list = nil, {text: string = nil, tokenizer: Tokenizer|"bytes"|"chars" = "bytes", utf8: boolean = true})
  tokens(source: string|list|tensor, {vocab_size: integer[1,] = nil, tokenizer: any = nil, bos: integer[0,] = nil,
    verify: boolean = true, format: "modded"|"llama3"|"nanogpt" = nil})
  open(source: string|list = nil, {text: string = nil, tokenizer: any = nil, utf8: boolean = nil,
    vocab_size: integer[1,] = nil, bos: integer[0,] = nil, verify: boolean = nil, format: string = nil})
  demo({tokenizer: Tokenizer|"bytes"|"chars" = "bytes"})
]], "data.")

-- For help "tokens:loader" and help "loader:next".
data.classes = {tokens = methods, loader = Loader}

return data
