return require "softmax"("log_softmax", function(x, most, sum) return x - most - math.log(sum) end)
