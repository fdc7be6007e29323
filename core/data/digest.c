/* digest.c: XXH3-128 of bytes, tensors and files, by libxxhash. */
#include "core/data/digest.h"

#include "core/data/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define PIECE ((size_t)1 << 20)

struct gt_digest {
  XXH3_state_t *state;
};

gt_status gt_digest_new(gt_ctx *cx, gt_digest **out) {
  gt_digest *hash = gt_calloc(cx, 1, sizeof *hash);
  if (!hash) return GT_ENOMEM;
  if (!gt_fault(cx)) hash->state = XXH3_createState();
  if (!hash->state) {
    gt_free(hash);
    return gt_fail(cx, GT_ENOMEM, "out of memory: the state of a hash");
  }
  XXH3_128bits_reset(hash->state);
  *out = hash;
  return GT_OK;
}

void gt_digest_free(gt_digest *hash) {
  if (!hash) return;
  XXH3_freeState(hash->state);
  gt_free(hash);
}

void gt_digest_bytes(gt_digest *hash, const void *data, size_t n) {
  if (n) XXH3_128bits_update(hash->state, data, n);
}

gt_status gt_digest_tensor(gt_ctx *cx, gt_digest *hash, gt_tensor *t) {
  size_t bytes = (size_t)gt_count(t) * gt_dtype_size(t->dtype);
  const char *dtype = gt_dtype_name(t->dtype);
  gt_digest_bytes(hash, dtype, strlen(dtype) + 1);
  gt_digest_bytes(hash, &(int64_t){t->ndim}, sizeof(int64_t));
  gt_digest_bytes(hash, t->shape, (size_t)t->ndim * sizeof *t->shape);
  if (gt_device_of(t)->host && gt_is_contiguous(t)) {
    gt_digest_bytes(hash, gt_data(t), bytes);
    return GT_OK;
  }
  void *copy = gt_malloc(cx, bytes);
  if (!copy) return GT_ENOMEM;
  gt_status status = gt_read(cx, t, t->dtype, copy);
  if (status == GT_OK) gt_digest_bytes(hash, copy, bytes);
  gt_free(copy);
  return status;
}

const char *gt_digest_text(const gt_digest *hash, char text[GT_DIGEST_TEXT]) {
  XXH128_hash_t value = XXH3_128bits_digest(hash->state);
  snprintf(text, GT_DIGEST_TEXT, "%016llx%016llx", (unsigned long long)value.high64,
           (unsigned long long)value.low64);
  return text;
}

/* Hashes the file, through `buffer` of PIECE bytes. */
static gt_status hash_all(gt_ctx *cx, const gt_file *file, char *buffer, gt_digest *hash) {
  for (uint64_t at = 0, n; at < file->size; at += n) {
    n = file->size - at < PIECE ? file->size - at : PIECE;
    GT_TRY(gt_file_read(cx, file, at, buffer, n));
    gt_digest_bytes(hash, buffer, (size_t)n);
  }
  return GT_OK;
}

gt_status gt_digest_file(gt_ctx *cx, const char *path, int64_t *size, char text[GT_DIGEST_TEXT]) {
  gt_digest *hash = NULL;
  gt_file file = {.fd = -1};
  char *buffer = gt_malloc(cx, PIECE);
  gt_status status = buffer ? gt_digest_new(cx, &hash) : GT_ENOMEM;
  if (status == GT_OK) status = gt_file_open(cx, path, &file);
  if (status == GT_OK) status = hash_all(cx, &file, buffer, hash);
  if (status == GT_OK) {
    *size = (int64_t)file.size;
    gt_digest_text(hash, text);
  }
  gt_file_close(&file);
  gt_digest_free(hash);
  gt_free(buffer);
  return status;
}
