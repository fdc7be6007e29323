/* safetensors.c: reader.  A file is u64 N, N bytes of JSON, data; the JSON maps names to
 * {"dtype", "shape", "data_offsets": [begin, end]} with offsets into the data, which the tensors
 * must tile without hole or overlap.  That rule stops both small files that alias one region many
 * times and files with a second meaning hidden in a gap.
 *
 * Everything is checked before the first tensor is allocated.  Writing is safetensors_save.c. */
#include "core/data/safetensors.h"

#include "core/data/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 100000000u /* as the reference reader */
/* Of JSON values.  A tensor of 8 dimensions needs 14; the rest is for metadata. */
#define VALUES_MAX (16 * GT_SAFETENSORS_TENSORS)
#define DEPTH_MAX 128

/* What one header entry says; `name` belongs to the JSON tree. */
typedef struct entry {
  const char *name;
  const char *unsupported; /* see gt_named_tensor */
  gt_spec spec;
  uint64_t begin, end;
  int position; /* in the header: keeps the sort stable */
} entry;

typedef struct reader {
  gt_ctx *cx;
  const char *path;
  gt_file file;
  uint64_t header; /* bytes of JSON */
  char *text;
  json_t *root;
  entry *entries;
  int count;
} reader;

static gt_status bad(const reader *r, uint64_t offset, const char *reason) {
  return gt_fail(r->cx, GT_EFORMAT, "%s: offset %llu: %s", r->path, (unsigned long long)offset,
                 reason);
}

static gt_status bad_tensor(const reader *r, const char *name, const char *reason) {
  char text[GT_SHOWN];
  return gt_fail(r->cx, GT_EFORMAT, "%s: tensor '%s': %s", r->path,
                 gt_shown(name, strlen(name), text), reason);
}

/* Bounds what the JSON tree will cost before it is built: each empty list of two bytes would become
 * a block of over a hundred.  A value follows each bracket or comma, at most. */
static gt_status bound_header(const reader *r) {
  int values = 0, depth = 0;
  bool quoted = false;
  for (uint64_t i = 0; i < r->header; i++) {
    char c = r->text[i];
    if (c == '"') quoted = !quoted;
    if (quoted) {
      i += c == '\\'; /* what is escaped ends no string */
      continue;
    }
    bool opens = c == '{' || c == '[';
    values += opens || c == ',';
    depth += opens - (c == '}' || c == ']');
    if (values > VALUES_MAX) return bad(r, 8 + i, "more values than 65536 tensors need");
    if (depth > DEPTH_MAX) return bad(r, 8 + i, "nested more than 128 deep");
  }
  return GT_OK;
}

static gt_status read_header(reader *r) {
  unsigned char length[8];
  if (r->file.size < 8) return bad(r, 0, "a safetensors file has at least 8 bytes");
  GT_TRY(gt_file_read(r->cx, &r->file, 0, length, sizeof length));
  for (int i = 7; i >= 0; i--) r->header = r->header << 8 | length[i];
  if (r->header > HEADER_MAX) return bad(r, 0, "header length above 100000000: not safetensors");
  if (r->header > r->file.size - 8) return bad(r, 0, "header length beyond the end of the file");
  if (r->header == 0) return bad(r, 8, "header does not begin with '{'");
  r->text = gt_malloc(r->cx, r->header);
  if (!r->text) return GT_ENOMEM;
  GT_TRY(gt_file_read(r->cx, &r->file, 8, r->text, r->header));
  if (r->text[0] != '{') return bad(r, 8, "header does not begin with '{'");
  GT_TRY(bound_header(r));

  json_error_t error;
  r->root = json_loadb(r->text, r->header, JSON_REJECT_DUPLICATES, &error);
  if (!r->root) {
    if (json_error_code(&error) == json_error_out_of_memory)
      return gt_fail(r->cx, GT_ENOMEM, "%s: not enough memory for the header", r->path);
    char text[GT_SHOWN];
    return bad(r, 8 + (uint64_t)error.position, gt_shown(error.text, strlen(error.text), text));
  }
  gt_free(r->text);
  r->text = NULL;
  return GT_OK;
}

/* The dtypes of the format that tensors here do not have. */
static const struct {
  const char *name;
  int bits;
} others[] = {{"U64", 64},    {"U32", 32},        {"C64", 64},       {"F8_E4M3", 8},
              {"F8_E5M2", 8}, {"F8_E8M0", 8},     {"F4", 4},         {"F6_E2M3", 6},
              {"F6_E3M2", 6}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}};

/* The dtype, or one of the others, and how many bits an element has. */
static gt_status parse_dtype(reader *r, const json_t *value, entry *e, gt_dtype *out, int *bits) {
  const char *text = json_string_value(value);
  if (!text) return bad_tensor(r, e->name, "\"dtype\" is missing or not a string");
  for (int d = 0; d < GT_NDTYPE; d++)
    if (strcmp(text, gt_dtype_safetensors((gt_dtype)d)) == 0) {
      *out = (gt_dtype)d;
      *bits = 8 * (int)gt_dtype_size((gt_dtype)d);
      return GT_OK;
    }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (strcmp(text, others[i].name) == 0) {
      e->unsupported = others[i].name;
      *bits = others[i].bits;
      return GT_OK;
    }
  char quoted[GT_SHOWN], where[GT_SHOWN];
  return gt_fail(r->cx, GT_EFORMAT, "%s: tensor '%s': unknown dtype '%s'", r->path,
                 gt_shown(e->name, strlen(e->name), where), gt_shown(text, strlen(text), quoted));
}

static gt_status parse_entry(reader *r, const char *name, const json_t *value, entry *out) {
  entry e = {.name = name};
  gt_dtype dtype = GT_F32;
  int64_t shape[GT_MAX_DIM], count = 1, bits;
  int width = 0; /* bits of an element */

  if (strlen(name) > GT_SAFETENSORS_NAME) return bad_tensor(r, name, "name longer than 512 bytes");
  if (!json_is_object(value)) return bad_tensor(r, name, "expected an object");
  GT_TRY(parse_dtype(r, json_object_get(value, "dtype"), &e, &dtype, &width));

  const json_t *dims = json_object_get(value, "shape");
  if (!json_is_array(dims)) return bad_tensor(r, name, "\"shape\" is missing or not a list");
  size_t ndim = json_array_size(dims);
  if (ndim > GT_MAX_DIM) return bad_tensor(r, name, "more than 8 dimensions");
  for (size_t i = 0; i < ndim; i++) {
    const json_t *dim = json_array_get(dims, i);
    if (!json_is_integer(dim) || json_integer_value(dim) < 0)
      return bad_tensor(r, name, "\"shape\" must hold integers >= 0");
    shape[i] = json_integer_value(dim);
    if (__builtin_mul_overflow(count, shape[i], &count))
      return bad_tensor(r, name, "number of elements overflows");
  }
  if (__builtin_mul_overflow(count, (int64_t)width, &bits))
    return bad_tensor(r, name, "number of bytes overflows");
  e.spec = gt_spec_make(dtype, (int)ndim, shape);

  const json_t *offsets = json_object_get(value, "data_offsets");
  const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
  if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
      json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
    return bad_tensor(r, name, "\"data_offsets\" must be two integers, 0 <= begin <= end");
  e.begin = (uint64_t)json_integer_value(begin);
  e.end = (uint64_t)json_integer_value(end);
  if (bits % 8 || e.end - e.begin != (uint64_t)bits / 8)
    return bad_tensor(r, name, "\"data_offsets\" and shape disagree about the size");
  *out = e;
  return GT_OK;
}

static int by_offset(const void *left, const void *right) {
  const entry *a = left, *b = right;
  if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
  if (a->end != b->end) return a->end < b->end ? -1 : 1;
  return a->position - b->position;
}

static gt_status check_metadata(reader *r, json_t *metadata) {
  const char *key;
  json_t *value;
  if (!json_is_object(metadata)) return bad(r, 8, "__metadata__ is not an object");
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value)) return bad(r, 8, "__metadata__ holds something else than strings");
  }
  return GT_OK;
}

/* All entries into r->entries, in the order of their data; they must tile it. */
static gt_status parse_entries(reader *r) {
  const char *name;
  json_t *value;

  if (json_object_size(r->root) > GT_SAFETENSORS_TENSORS)
    return bad(r, 8, "more than 65536 tensors");
  r->entries = gt_calloc(r->cx, json_object_size(r->root) + 1, sizeof *r->entries);
  if (!r->entries) return GT_ENOMEM;
  json_object_foreach(r->root, name, value) {
    if (strcmp(name, "__metadata__") == 0) {
      GT_TRY(check_metadata(r, value));
      continue;
    }
    GT_TRY(parse_entry(r, name, value, &r->entries[r->count]));
    r->entries[r->count].position = r->count;
    r->count++;
  }
  qsort(r->entries, (size_t)r->count, sizeof *r->entries, by_offset);

  uint64_t next = 0, space = r->file.size - 8 - r->header;
  for (int i = 0; i < r->count; i++) {
    if (r->entries[i].begin != next)
      return bad_tensor(r, r->entries[i].name, "\"data_offsets\" leave a hole or overlap");
    next = r->entries[i].end;
    if (next > space)
      return bad_tensor(r, r->entries[i].name, "\"data_offsets\" beyond the end of the file");
  }
  if (next != space) return bad(r, 8 + r->header + next, "bytes that belong to no tensor");
  return GT_OK;
}

static gt_status copy_metadata(reader *r, gt_tensor_file *file) {
  json_t *metadata = json_object_get(r->root, "__metadata__"), *value;
  const char *key;
  if (!json_object_size(metadata)) return GT_OK;
  file->metadata = gt_calloc(r->cx, 2 * json_object_size(metadata), sizeof *file->metadata);
  if (!file->metadata) return GT_ENOMEM;
  json_object_foreach(metadata, key, value) {
    char **pair = file->metadata + 2 * (ptrdiff_t)file->metadata_count++;
    pair[0] = gt_strdup(r->cx, key);
    pair[1] = gt_strdup(r->cx, json_string_value(value));
    if (!pair[0] || !pair[1]) return GT_ENOMEM;
  }
  return GT_OK;
}

static gt_status read_tensor(reader *r, const entry *e, gt_named_tensor *out) {
  out->name = gt_strdup(r->cx, e->name);
  if (!out->name) return GT_ENOMEM;
  out->unsupported = e->unsupported;
  if (e->unsupported) return GT_OK;
  GT_TRY(gt_tensor_new(r->cx, &e->spec, r->cx->cpu, &out->tensor));
  unsigned char *data = gt_data(out->tensor);
  uint64_t n = e->end - e->begin;
  GT_TRY(gt_file_read(r->cx, &r->file, 8 + r->header + e->begin, data, n));
  if (e->spec.dtype == GT_BOOL) /* kernels rely on 0 and 1 */
    for (uint64_t i = 0; i < n; i++) data[i] = data[i] != 0;
  return GT_OK;
}

static gt_status load(reader *r, gt_tensor_file *file) {
  GT_TRY(gt_file_open(r->cx, r->path, &r->file));
  GT_TRY(read_header(r));
  GT_TRY(parse_entries(r));
  GT_TRY(copy_metadata(r, file));
  file->items = gt_calloc(r->cx, (size_t)r->count + 1, sizeof *file->items);
  if (!file->items) return GT_ENOMEM;
  while (file->count < r->count) {
    int i = file->count++;
    GT_TRY(read_tensor(r, &r->entries[i], &file->items[i]));
  }
  return GT_OK;
}

gt_status gt_safetensors_load(gt_ctx *cx, const char *path, gt_tensor_file *out) {
  reader r = {.cx = cx, .path = path, .file = {.fd = -1}};
  gt_tensor_file file = {0};
  gt_status status = load(&r, &file);

  gt_file_close(&r.file);
  json_decref(r.root);
  gt_free(r.text);
  gt_free(r.entries);
  if (status)
    gt_tensor_file_free(cx, &file);
  else
    *out = file;
  return status;
}

void gt_tensor_file_free(gt_ctx *cx, gt_tensor_file *file) {
  for (int i = 0; i < file->count; i++) {
    gt_free(file->items[i].name);
    gt_tensor_unref(cx, file->items[i].tensor);
  }
  for (int i = 0; i < 2 * file->metadata_count; i++) gt_free(file->metadata[i]);
  gt_free(file->items);
  gt_free(file->metadata);
  *file = (gt_tensor_file){0};
}
