/* shard.h: files of token ids, little endian, in the three layouts in use:
 *
 *   name      header of 256 int32                    ids      written by
 *   modded    20240520, 1, count, 0 …                uint16   llm.c for GPT-2, modded-nanogpt,
 *                                                             parameter-golf
 *   llama3    20240801, 7, count, 0 …                uint32   llm.c for Llama 3
 *   nanogpt   none                                   uint16   nanoGPT
 */
#ifndef GT_SHARD_H
#define GT_SHARD_H

#include "core/data/file.h"

typedef enum gt_shard_format {
  GT_SHARD_MODDED,
  GT_SHARD_LLAMA3,
  GT_SHARD_NANOGPT,
  GT_SHARD_FORMATS,
  GT_SHARD_ANY = GT_SHARD_FORMATS /* for opening: by its first bytes */
} gt_shard_format;

typedef struct gt_shard {
  gt_file file;
  gt_shard_format format;
  int64_t offset; /* bytes before the first id */
  int64_t count;
  int width; /* bytes of an id */
} gt_shard;

/* "modded", "llama3", "nanogpt". */
const char *gt_shard_format_name(gt_shard_format format);

/* Checks magic, version, count and the exact size; ids are checked by the readers.  Refuses
 * what is recognised as something else, text above all: read as ids it would pass.  GT_EIO or
 * GT_EFORMAT with path and offset. */
gt_status gt_shard_open(gt_ctx *cx, const char *path, gt_shard_format format, gt_shard *out);
/* ids [at, at + count), which must lie in the shard; values are whatever the file holds. */
gt_status gt_shard_read(gt_ctx *cx, const gt_shard *shard, int64_t at, int64_t count, int64_t *out);
void gt_shard_close(gt_shard *shard);

/* Fills the header for `count` ids (0 bytes for nanogpt); GT_EARG when the layout cannot hold so
 * many. */
#define GT_SHARD_HEADER 1024
gt_status gt_shard_header(gt_ctx *cx, gt_shard_format format, int64_t count,
                          unsigned char header[GT_SHARD_HEADER], size_t *size);
/* Largest id that the format can hold. */
int64_t gt_shard_largest(gt_shard_format format);
/* Widens n little-endian ids of `width` bytes; narrows them. */
void gt_ids_widen(int width, const void *from, int64_t n, int64_t *to);
void gt_ids_narrow(int width, const int64_t *from, int64_t n, void *to);

#endif
