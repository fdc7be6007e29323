return require "extreme".pair(function(b, a) return b < a end)
