--- units.lua: quantities as short texts, the same in every table.

local units = {}

--- 12.0 KiB, 3.5 MiB, 1.25 GiB.
function units.bytes(n)
  if n < 2 ^ 20 then return n < 1024 and ("%d B"):format(n) or ("%.1f KiB"):format(n / 1024) end
  return n < 2 ^ 30 and ("%.1f MiB"):format(n / 2 ^ 20) or ("%.2f GiB"):format(n / 2 ^ 30)
end

--- A duration with three digits: 21.2 ms.
function units.seconds(seconds)
  for _, unit in ipairs {{1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}} do
    if seconds >= unit[1] then return ("%.3g %s"):format(seconds / unit[1], unit[2]) end
  end
  return ("%.3g ns"):format(seconds / 1e-9)
end

--- A large number with three digits and the letter of its power of ten before the unit, if any: 1.86 G, 42.7 GFLOP/s.
function units.scaled(x, unit)
  local letter = ""
  for _, step in ipairs {"k", "M", "G", "T", "P"} do
    if x < 999.5 then break end
    x, letter = x / 1000, step
  end
  local number = (x < 9.995 and "%.2f" or x < 99.95 and "%.1f" or "%.0f"):format(x)
  local suffix = letter .. (unit or "")
  return suffix == "" and number or number .. " " .. suffix
end

return units
