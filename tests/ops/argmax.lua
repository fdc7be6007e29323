return require "extreme".place(function(b, a) return b > a end)
