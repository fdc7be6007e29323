-- train.new{live = "loss.svg"}: the picture that follows a run, with gnuplots that work, are missing, sleep, fail or flood.
local test = require "harness"
local support = require "train.support"

local GPTSH = os.getenv "GPTSH" or "./gptsh"
local folder = support.folder()
os.execute("mkdir " .. folder)

local plain = support.trainer()
plain:run()
local hash = plain:hash()

--- stderr of a run in a process of its own, whose gnuplot is the shell script `fake` ("": none), or the real one (nil), and has so many seconds;
-- and what it prints: how many children are left, whether the weights are those of a run without pictures, its last step.
local function run(fake, options, seconds)
  local bin, path = folder .. "/bin", os.getenv "PATH"
  os.execute(("rm -rf %s && mkdir %s"):format(bin, bin))
  if fake then
    for tool in ("sh sleep cat yes mkdir rmdir env kill"):gmatch "%a+" do
      os.execute(("ln -s $(command -v %s) %s/"):format(tool, bin))
    end
    path = bin
  end
  if fake and fake ~= "" then
    support.write(bin .. "/gnuplot", "#!/bin/sh\n" .. fake .. "\n")
    os.execute("chmod +x " .. bin .. "/gnuplot")
  end
  support.write(folder .. "/run.lua", ([[
    package.path = "tests/?.lua;" .. package.path
    local s, picture = require "train.support", require "gt.train.picture"
    picture.every, require "plot.gnuplot".seconds = 0, SECONDS
    local t = s.trainer {live = "%s/loss.svg", %s}
    t:run()
    local status = io.open("/proc/self/stat"):read "a"
    local children = io.open("/proc/self/task/" .. status:match "^%%d+" .. "/children"):read "a"
    print(#children, t:hash() == HASH, t.step_count)
  ]]):format(folder, options or ""))
  local command = ("PATH=%s '%s' -e 'HASH, SECONDS = \"%s\", %g' %s/run.lua 2>%s/errors"):format(path, GPTSH, hash, seconds or 20,
    folder, folder)
  local pipe = io.popen(command)
  local out = pipe:read "a"
  local _, _, code = pipe:close()
  test.equal(code, 0)
  return support.read(folder .. "/errors"), out
end

test("the file is drawn while the run goes on, and at its end with numbers and script", function()
  -- the steps of this model are faster than gnuplot: the run goes on until a picture was seen
  local follow = ('on_step = function(t) local f = io.open("%s/loss.svg") if f then assert(f:read "a":find "</svg>%%s*$") '
    .. 'f:close() else t.steps = math.max(30, t.step_count + 2) end end'):format(folder)
  local errors, out = run(nil, follow)
  test.equal(errors, "")
  local children, last = out:match "^(%d+)\t%a+\t(%d+)"
  test.equal(children, "0")
  local svg = support.read(folder .. "/loss.svg")
  assert(svg:find("<metadata>", 1, true) and svg:find("train", 1, true))
  assert(support.read(folder .. "/loss.tsv"):find(f"train\t{last}.0\t", 1, true))
  assert(support.read(folder .. "/loss.gp"):find("plot $d1", 1, true))
end)

test("there are never two gnuplots at once", function()
  local lock = folder .. "/lock"
  local errors, out = run(("mkdir %s || { echo two >&2; exit 1; }; cat >%s/last; rmdir %s; echo '<?xml?><svg></svg>'")
    :format(lock, folder, lock), "steps = 300")
  test.equal(errors, "")
  test.equal(out:match "^%d+", "0")
end)

test("a gnuplot that is missing, fails, sleeps or floods is one line, and the run ends as without it", function()
  for fake, message in pairs{
    [""] = "gnuplot not found (Debian: apt install gnuplot-nox)", ["exit 1"] = "gnuplot ended with code 1",
    ["sleep 1000"] = "gnuplot gave no answer in 0.3 seconds", ["echo junk"] = "gnuplot drew nothing",
    ["kill -SEGV $$"] = "gnuplot died of signal 11", ["yes"] = "gnuplot gave no answer in 0.3 seconds",
  } do
    os.remove(folder .. "/loss.svg")
    local errors, out = run(fake, nil, message:find "answer" and 0.3)
    test.equal(errors, ("live: %s; %s/loss.svg is no longer drawn\n"):format(message, folder))
    test.equal(out, "0\ttrue\t30\n")
    test.equal(io.open(folder .. "/loss.svg"), nil)
  end
end)

test("a picture that cannot be written does not stop the run", function()
  local errors = run("cat >/dev/null; echo '<?xml?><svg></svg>'", ("live = '%s/missing/loss.svg'"):format(folder))
  test.equal(select(2, errors:gsub("\n", "")), 1)
  assert(errors:find("is no longer drawn", 1, true))
end)

test("live takes true, false or the name of a picture", function()
  test.raises(function() support.trainer {live = "loss.bmp"} end, "expected live to be true, false or the name of an .svg")
  test.raises(function() support.trainer {live = 3} end, "live expects true or false or a string, got 3")
end)

os.execute("rm -rf " .. folder)
