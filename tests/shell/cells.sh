# cells.sh: notebooks: markers, persistent locals, the display rule.
. tests/tap.sh
nl='
'
file="$tap_dir/nb.lua"

# cells NAME OUTPUT TEXT: runs TEXT as a notebook file.
cells() {
  printf '%s' "$3" >"$file"
  gives "$1" 0 "$2" "" "$GPTSH" nb.lua
}
# fails NAME OUTPUT ERROR TEXT: the same for one that ends in an error.
fails() {
  printf '%s' "$4" >"$file"
  gives "$1" 1 "$2" "$3" "$GPTSH" nb.lua
}

# ---- locals ----
cells "locals persist" "3$nl" '-- %% a
local a, b = 1, 2
-- %% b
a + b
'
cells "closures share a local across cells" "1${nl}2${nl}10${nl}11$nl" '-- %%
local n = 0
local function inc() n = n + 1 return n end
-- %%
inc()
-- %%
inc()
-- %%
n = 9
inc()
-- %%
inc()
'
cells "a local without value is nil again" "nil$nl" '-- %%
local a = 1
-- %%
local a
-- %%
print(a)
'
cells "a local of a block stays there" "nil$nl" '-- %%
do local a = 1 end
for i = 1, 2 do local b = i end
if true then local c = 1 end
repeat local d = 1 until d
while true do local e = 1 break end
local function f() local g = 1 return g end
f()
;
-- %%
print(a or b or c or d or e or g)
'
cells "attributes are accepted" "5${nl}closed$nl" '-- %%
local a <const>, b <const> = 5, 6
local guard <close> = setmetatable({}, {__close = function() print("closed") end})
print(a)
'
cells "locals do not leak into _G" "nil	5$nl" '-- %%
local hidden = 5
-- %%
print(_G.hidden, hidden)
'
cells "globals go to _G, and modules see them" "4	4$nl" '-- %%
seen = 4
-- %%
print(_G.seen, load("return seen")())
'
cells "a local named like a library function harms nobody" "number${nl}3$nl" '-- %%
local kind = type
local type = 3
-- %%
print(kind(1))
print(type)
'
cells "local x = x keeps the value" "1$nl" '-- %%
local print = print
-- %%
print(1)
'
cells "declarations in strings and comments are text" "local a = 1${nl}nil$nl" '-- %%
local s = [[local a = 1]] -- local b = 2
--[==[
local c = 3
]==]
print(s)
print(a or b or c)
'
cells "several statements share a line" "6$nl" '-- %%
local a = 1 local b = 2; local c = 3
-- %%
a + b + c
'
cells "a \\z string and nested functions do not confuse the depth" "ab	7$nl" '-- %%
local s = "a\z
           b"
local function f() return function() local x = 7 return x end end
local t = {f = function() if true then return 1 end end, g = [[end end]]}
-- %%
print(s, f()())
'
cells "goto and labels work in a cell" "3$nl" '-- %%
local i = 0
::again::
i = i + 1
if i < 3 then goto again end
i
'
fails "the line number of an error is the line in the file" "" 'gptsh: nb.lua:5: boom' '-- %% first
local a = 1

-- %% second
error("boom")
'
fails "a syntax error names its line" "" 'gptsh: nb.lua:3: ' '-- %% first
-- %% second
x = = 1
'
fails "the failing cell is named" "1$nl" 'in cell 2 train' '-- %% load
print(1)
-- %% train [code] id="x"
error("boom")
-- %% never
print(2)
'
fails "an open block ends with its cell" "" "nb.lua:2: cell 1 ends inside 'function' opened at line 2" '-- %% a
function f()
-- %% b
end
'

# ---- markers ----
cells "text before the first marker is a cell" "0${nl}1$nl" 'print(0)
-- %% a
print(1)
'
cells "--%% and %%% are markers, %%time is none" "1${nl}2$nl" '--%%
local a = 1
-- %%time
a
-- %%% sub
a + 1
'
cells "a marker in a long string or comment is text" "12$nl" '-- %% a
local s = [[
-- %% no
a
]]
--[[
-- %% no
]]
#s + 1
'
cells "text cells do not run" "1$nl" '-- %% Title [markdown]
-- print("text")
-- %% code
print(1)
'
fails "code in a text cell is an error" "" "nb.lua:2: code in a text cell" '-- %% Title [markdown]
print("text")
'
printf '\357\273\277#!/usr/bin/env gptsh\r\n-- %%%% a\r\nlocal a = 2\r\na\r\n' >"$file"
gives "BOM, #! and CRLF are accepted" 0 "2$nl" "" "$GPTSH" nb.lua

# ---- the display rule ----
cells "a call is shown, one that returns nothing is not" "0.0${nl}1$nl" '-- %%
math.sin(0)
-- %%
print(1)
'
cells "a semicolon hides the value" "" '-- %%
math.sin(0);
-- %%
1 + 1; -- comment
'
cells "comments and blank lines may follow" "3$nl" '-- %%
local a = 3
a -- the value

-- end
'
cells "an assignment shows nothing" "" '-- %%
x = 1
-- %%
local y = 2
'
cells "an expression may span lines" "6${nl}3$nl" '-- %%
1 +
2 +
3
-- %%
math.max(
  1,
  3
)
'
cells "all values are shown, nil too" "1	nil	nil$nl" '-- %%
1, nil, nil
'
cells "a parenthesis continues the statement before it" "5$nl" '-- %%
local f = function(x) return x end
x = f
(5)
-- %%
x
'
cells "a minus continues the statement before it" "3$nl" '-- %%
x = 5
- 2
-- %%
x
'
cells "a minus may begin the only expression" "-5$nl" '-- %%
-5
'
cells "the value of the last expression after a semicolon" "6$nl" '-- %%
x = 5; x + 1
'
cells "a return shows its values" "1	2$nl" '-- %%
return 1, 2
'
cells "the value of a block is not shown" "" '-- %%
for i = 1, 2 do math.sin(i) end
'
cells "a value can be nil" "nil$nl" '-- %%
undefined_name
'
cells "a varied last line: string, not, length" "false${nl}2$nl" '-- %%
not 1
-- %%
#{1, 2}
'
cells "_ is the last value shown" "5${nl}6$nl" '-- %%
5
-- %%
_ + 1
'
fails "an error in the last expression has its frames" "" "nb.lua:4: in main chunk" '-- %%
local function f()
  error("in f")
end f()
'
tap_done
