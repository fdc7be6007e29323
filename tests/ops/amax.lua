return require "extreme".value(function(b, a) return b > a end)
