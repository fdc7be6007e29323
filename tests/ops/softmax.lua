return require "softmax"("softmax", function(x, most, sum) return math.exp(x - most) / sum end)
