/* digest.h: XXH3 with 128 bits (xxdigest.com): tells whether a file or a state is the one that was
 * written.  Against accidents, not against forgery. */
#ifndef GT_DIGEST_H
#define GT_DIGEST_H

#include "core/tensor/tensor.h"

#define GT_DIGEST_TEXT 33 /* 32 hexadecimal digits and the end */

typedef struct gt_digest gt_digest;

gt_status gt_digest_new(gt_ctx *cx, gt_digest **out);
void gt_digest_free(gt_digest *hash);
void gt_digest_bytes(gt_digest *hash, const void *data, size_t n);
/* dtype, shape and elements in row-major order: the same for every device and stride. */
gt_status gt_digest_tensor(gt_ctx *cx, gt_digest *hash, gt_tensor *t);
/* The hash of what came so far.  Returns text. */
const char *gt_digest_text(const gt_digest *hash, char text[GT_DIGEST_TEXT]);

/* Size and hash of a whole file; polls the interrupt flag.  GT_EIO names path and reason. */
gt_status gt_digest_file(gt_ctx *cx, const char *path, int64_t *size, char text[GT_DIGEST_TEXT]);

#endif
