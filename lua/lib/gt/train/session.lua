--- session.lua: what a prompt asks of trainers and tells them.

return {
  begun = setmetatable({}, {__mode = "k"}), -- trainer -> its step when the last input began, or when it was made or restored
  stopped = setmetatable({}, {__mode = "v"}), -- [1]: the trainer whose run stopped last before its end
  told = setmetatable({}, {__mode = "v"}), -- [1]: the same trainer once the prompt has said so
  replaying = false, -- inputs of an earlier session run again: train.new continues from the last checkpoint of a folder
}
