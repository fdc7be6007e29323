/* shard.c: see shard.h. */
#include "core/data/shard.h"

#include "core/data/what.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "token shards are little endian and read as they lie"
#endif

#define COUNT_FIELD 8 /* offset of the count in the header */

typedef struct layout {
  const char *name;
  uint32_t magic, version; /* 0: no header */
  int width;
} layout;

static const layout layouts[GT_SHARD_FORMATS] = {
    [GT_SHARD_MODDED] = {"modded", 20240520, 1, 2},
    [GT_SHARD_LLAMA3] = {"llama3", 20240801, 7, 4},
    [GT_SHARD_NANOGPT] = {"nanogpt", 0, 0, 2},
};

const char *gt_shard_format_name(gt_shard_format format) { return layouts[format].name; }

int64_t gt_shard_largest(gt_shard_format format) {
  return layouts[format].width == 2 ? UINT16_MAX : INT32_MAX;
}

static uint32_t field(const unsigned char *bytes, int at) {
  uint32_t value;
  memcpy(&value, bytes + at, sizeof value);
  return value;
}

static gt_status bad(gt_ctx *cx, const gt_file *file, int offset, const char *what, int64_t got,
                     int64_t expected) {
  return gt_fail(cx, GT_EFORMAT, "%s: offset %d: expected %s %lld, got %lld", file->path, offset,
                 what, (long long)expected, (long long)got);
}

/* Text reads as ids below 32768, so no later check would stop it.  64 printable bytes in a row come
 * about in no file of ids that has any use. */
static bool looks_like_text(const unsigned char *bytes, size_t n) {
  if (n < 64) return false;
  for (size_t i = 0; i < 64; i++) {
    unsigned char c = bytes[i];
    if (c == 0x7f || (c < 0x20 && c != '\n' && c != '\t' && c != '\r')) return false;
    if (c >= 0x80 && (i == 0 || bytes[i - 1] < 0x80) && (c < 0xc2 || c > 0xf4)) return false;
  }
  return true;
}

static gt_status refuse_others(gt_ctx *cx, const gt_file *file, const unsigned char *head,
                               size_t n) {
  const char *what = gt_what((const char *)head, n);
  if (what) return gt_fail(cx, GT_EFORMAT, "%s: expected token ids, got %s", file->path, what);
  if (looks_like_text(head, n))
    return gt_fail(cx, GT_EFORMAT, "%s: expected token ids, got text", file->path);
  return GT_OK;
}

static gt_status check_header(gt_ctx *cx, gt_shard *shard, const layout *l,
                              const unsigned char *head) {
  const gt_file *file = &shard->file;
  const int64_t size = (int64_t)file->size;
  if (size < GT_SHARD_HEADER)
    return gt_fail(cx, GT_EFORMAT, "%s: truncated: expected a header of %d bytes, got %lld",
                   file->path, GT_SHARD_HEADER, (long long)size);
  if (field(head, 0) != l->magic) return bad(cx, file, 0, "magic", field(head, 0), l->magic);
  if (field(head, 4) != l->version) return bad(cx, file, 4, "version", field(head, 4), l->version);
  int64_t count = (int32_t)field(head, COUNT_FIELD);
  if (count <= 0)
    return gt_fail(cx, GT_EFORMAT, "%s: offset %d: expected a token count above 0, got %lld",
                   file->path, COUNT_FIELD, (long long)count);
  int64_t expected = GT_SHARD_HEADER + count * l->width;
  if (size != expected)
    return gt_fail(cx, GT_EFORMAT, "%s: %s: expected %lld bytes for %lld tokens, got %lld",
                   file->path, size < expected ? "truncated" : "too long", (long long)expected,
                   (long long)count, (long long)size);
  shard->offset = GT_SHARD_HEADER;
  shard->count = count;
  return GT_OK;
}

/* A few numbers and then nothing but zeros, as a header has: ids of text do not look like this. */
static bool looks_like_header(const unsigned char *head, size_t n) {
  if (n < GT_SHARD_HEADER || field(head, 0) == 0) return false;
  for (size_t i = 64; i < GT_SHARD_HEADER; i++)
    if (head[i]) return false;
  return true;
}

static gt_status check(gt_ctx *cx, gt_shard *shard, gt_shard_format format) {
  unsigned char head[GT_SHARD_HEADER] = {0};
  const gt_file *file = &shard->file;
  size_t n = file->size < GT_SHARD_HEADER ? (size_t)file->size : GT_SHARD_HEADER;

  if (file->size == 0) return gt_fail(cx, GT_EFORMAT, "%s: file is empty", file->path);
  GT_TRY(gt_file_read(cx, file, 0, head, n));
  GT_TRY(refuse_others(cx, file, head, n));
  if (format == GT_SHARD_ANY) {
    format = GT_SHARD_NANOGPT;
    for (int f = 0; f < GT_SHARD_FORMATS; f++)
      if (layouts[f].magic && n >= 4 && field(head, 0) == layouts[f].magic)
        format = (gt_shard_format)f;
    if (format == GT_SHARD_NANOGPT && looks_like_header(head, n))
      return gt_fail(
          cx, GT_EFORMAT,
          "%s: offset 0: expected magic %u or %u, got %u ({format = 'nanogpt'} when this "
          "is not a header)",
          file->path, layouts[GT_SHARD_MODDED].magic, layouts[GT_SHARD_LLAMA3].magic,
          field(head, 0));
  }
  shard->format = format;
  shard->width = layouts[format].width;
  if (layouts[format].magic) return check_header(cx, shard, &layouts[format], head);
  if (file->size % (size_t)shard->width)
    return gt_fail(cx, GT_EFORMAT, "%s: expected ids of %d bytes each, got %lld bytes", file->path,
                   shard->width, (long long)file->size);
  shard->count = (int64_t)file->size / shard->width;
  return GT_OK;
}

gt_status gt_shard_open(gt_ctx *cx, const char *path, gt_shard_format format, gt_shard *out) {
  gt_shard shard = {.file = {.fd = -1}};
  GT_TRY(gt_file_open(cx, path, &shard.file));
  gt_status status = check(cx, &shard, format);
  if (status)
    gt_shard_close(&shard);
  else
    *out = shard;
  return status;
}

gt_status gt_shard_read(gt_ctx *cx, const gt_shard *shard, int64_t at, int64_t count,
                        int64_t *out) {
  unsigned char piece[1 << 14];
  const int64_t most = (int64_t)sizeof piece / shard->width;
  while (count) {
    int64_t n = count < most ? count : most;
    GT_TRY(gt_file_read(cx, &shard->file, (uint64_t)(shard->offset + at * shard->width), piece,
                        (uint64_t)(n * shard->width)));
    gt_ids_widen(shard->width, piece, n, out);
    at += n;
    out += n;
    count -= n;
  }
  return GT_OK;
}

void gt_shard_close(gt_shard *shard) { gt_file_close(&shard->file); }

gt_status gt_shard_header(gt_ctx *cx, gt_shard_format format, int64_t count,
                          unsigned char header[GT_SHARD_HEADER], size_t *size) {
  const layout *l = &layouts[format];
  if (l->magic && count > INT32_MAX)
    return gt_fail(cx, GT_EARG, "save: expected at most %d tokens in a '%s' shard, got %lld",
                   INT32_MAX, l->name, (long long)count);
  uint32_t fields[] = {l->magic, l->version, (uint32_t)count};
  memset(header, 0, GT_SHARD_HEADER);
  memcpy(header, fields, sizeof fields);
  *size = l->magic ? GT_SHARD_HEADER : 0;
  return GT_OK;
}

#define WIDEN(type)                                                                                \
  for (int64_t i = 0; i < n; i++) to[i] = ((const type *)from)[i]
#define NARROW(type)                                                                               \
  for (int64_t i = 0; i < n; i++) ((type *)to)[i] = (type)from[i]

void gt_ids_widen(int width, const void *from, int64_t n, int64_t *to) {
  if (width == 1)
    WIDEN(uint8_t);
  else if (width == 2)
    WIDEN(uint16_t);
  else
    WIDEN(uint32_t);
}

void gt_ids_narrow(int width, const int64_t *from, int64_t n, void *to) {
  if (width == 1)
    NARROW(uint8_t);
  else if (width == 2)
    NARROW(uint16_t);
  else
    NARROW(uint32_t);
}
