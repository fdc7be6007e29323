/* safetensors.h: reading and writing .safetensors, with every check of the reference reader and its
 * byte layout as writer. Layout: u64 little-endian header length N, N bytes of JSON, data; offsets
 * relative to the data. */
#ifndef GT_SAFETENSORS_H
#define GT_SAFETENSORS_H

#include "core/tensor/tensor.h"

/* Limits, for readers and writers alike; names are counted in bytes. */
#define GT_SAFETENSORS_TENSORS 65536
#define GT_SAFETENSORS_NAME 512

typedef struct gt_named_tensor {
  char *name;
  gt_tensor *tensor;       /* NULL for a dtype of the format that tensors here do not have, */
  const char *unsupported; /* which this names: "F8_E4M3"; NULL otherwise */
} gt_named_tensor;

typedef struct gt_tensor_file {
  gt_named_tensor *items; /* in the order of their data in the file */
  int count;
  char **metadata;    /* key, value, key, value … */
  int metadata_count; /* pairs */
} gt_tensor_file;

/* Nothing is kept on failure.  Errors name the file, the tensor and the offset. */
gt_status gt_safetensors_load(gt_ctx *cx, const char *path, gt_tensor_file *out);
/* Atomic: temporary file next to it, fsync, rename, fsync of the folder; the old file survives any
 * failure. Tensors that are the same view of the same memory (ties) are written once, under the
 * name that sorts first; metadata records alias -> kept name. Always writes format = "pt". */
gt_status gt_safetensors_save(gt_ctx *cx, const char *path, const gt_tensor_file *file);
void gt_tensor_file_free(gt_ctx *cx, gt_tensor_file *file);

#endif
