/* safetensors_save.c: writer.  Byte for byte what the reference writes: "__metadata__" first,
 * tensors by dtype rank descending, then by name, compact JSON, spaces up to a multiple of 8.  (The
 * reference writes metadata in random order; here "format" comes first, then the keys sorted.) */
#include "core/data/atomic.h"
#include "core/data/json_text.h"
#include "core/data/safetensors.h"
#include "core/data/utf8.h"
#include "core/tensor/text.h"

#include <stdlib.h>
#include <string.h>

/* One tensor to write; an alias has `kept`, the name under which its memory is written. */
typedef struct item {
  const char *name;
  gt_tensor *tensor;
  const char *kept;
} item;

typedef struct pair {
  const char *key, *value;
} pair;

/* Position of each dtype in the format's own order of dtypes. */
static int rank(gt_dtype dtype) {
  static const gt_dtype order[] = {GT_BOOL, GT_U8,  GT_I8,  GT_I16, GT_U16, GT_F16,
                                   GT_BF16, GT_I32, GT_F32, GT_F64, GT_I64};
  int i = 0;
  while (order[i] != dtype) i++;
  return i;
}

static int compare(uint64_t a, uint64_t b) { return (a > b) - (a < b); }

/* 0 when two tensors are the same view of the same memory, that is, tied. */
static int compare_views(const gt_tensor *a, const gt_tensor *b) {
  int order = compare((uintptr_t)a->storage, (uintptr_t)b->storage);
  if (!order) order = compare((uint64_t)a->offset, (uint64_t)b->offset);
  if (!order) order = (int)a->dtype - (int)b->dtype;
  if (!order) order = a->ndim - b->ndim;
  for (int i = 0; !order && i < a->ndim; i++) {
    order = compare((uint64_t)a->shape[i], (uint64_t)b->shape[i]);
    if (!order) order = compare((uint64_t)a->stride[i], (uint64_t)b->stride[i]);
  }
  return order;
}

static int by_view_then_name(const void *left, const void *right) {
  const item *a = left, *b = right;
  int order = compare_views(a->tensor, b->tensor);
  return order ? order : strcmp(a->name, b->name);
}

static int by_name(const void *left, const void *right) {
  return strcmp(((const item *)left)->name, ((const item *)right)->name);
}

/* Aliases last, the rest in file order. */
static int by_file_order(const void *left, const void *right) {
  const item *a = left, *b = right;
  if (!a->kept != !b->kept) return a->kept ? 1 : -1;
  int order = rank(b->tensor->dtype) - rank(a->tensor->dtype);
  return order ? order : strcmp(a->name, b->name);
}

static int by_key(const void *left, const void *right) {
  return strcmp(((const pair *)left)->key, ((const pair *)right)->key);
}

static bool is_utf8(const char *text) { return gt_utf8_span(text, strlen(text)) == strlen(text); }

static gt_status check_names(gt_ctx *cx, const gt_tensor_file *file, item *items) {
  if (file->count > GT_SAFETENSORS_TENSORS)
    return gt_fail(cx, GT_EARG, "save: %d tensors, at most %d fit", file->count,
                   GT_SAFETENSORS_TENSORS);
  for (int i = 0; i < file->count; i++) {
    const gt_tensor *t = file->items[i].tensor;
    items[i] = (item){.name = file->items[i].name, .tensor = file->items[i].tensor};
    if (!t || !gt_device_of(t)->data)
      return gt_fail(cx, GT_EARG, "save: '%s' has no data to save", items[i].name);
    if (!is_utf8(items[i].name))
      return gt_fail(cx, GT_EARG, "save: name %d is not valid UTF-8", i + 1);
    if (strlen(items[i].name) > GT_SAFETENSORS_NAME)
      return gt_fail(cx, GT_EARG, "save: name of %zu bytes, at most %d fit", strlen(items[i].name),
                     GT_SAFETENSORS_NAME);
    if (strcmp(items[i].name, "__metadata__") == 0)
      return gt_fail(cx, GT_EARG, "save: '__metadata__' cannot be the name of a tensor");
  }
  for (int i = 0; i < 2 * file->metadata_count; i++)
    if (!is_utf8(file->metadata[i]))
      return gt_fail(cx, GT_EARG, "save: metadata is not valid UTF-8");
  qsort(items, (size_t)file->count, sizeof *items, by_name);
  for (int i = 1; i < file->count; i++)
    if (strcmp(items[i - 1].name, items[i].name) == 0)
      return gt_fail(cx, GT_EARG, "save: two tensors are named '%s'", items[i].name);
  return GT_OK;
}

/* "format", the caller's keys and one alias -> kept name each, sorted after the first. */
static void add_metadata(gt_ctx *cx, const gt_tensor_file *file, const item *items, pair *pairs,
                         gt_text *out) {
  int n = 0;
  for (int i = 0; i < file->metadata_count; i++) {
    const char *key = file->metadata[2 * i];
    bool shadowed = strcmp(key, "format") == 0;
    for (int j = 0; j < file->count; j++)
      shadowed |= items[j].kept && strcmp(items[j].name, key) == 0;
    if (!shadowed) pairs[n++] = (pair){key, file->metadata[2 * i + 1]};
  }
  for (int i = 0; i < file->count; i++)
    if (items[i].kept) pairs[n++] = (pair){items[i].name, items[i].kept};
  qsort(pairs, (size_t)n, sizeof *pairs, by_key);

  gt_text_add(cx, out, "\"__metadata__\":{\"format\":\"pt\"");
  for (int i = 0; i < n; i++) {
    gt_text_append(cx, out, ",", 1);
    gt_json_string(cx, out, pairs[i].key, strlen(pairs[i].key));
    gt_text_append(cx, out, ":", 1);
    gt_json_string(cx, out, pairs[i].value, strlen(pairs[i].value));
  }
  gt_text_append(cx, out, "}", 1);
}

static void add_entry(gt_ctx *cx, const item *entry, uint64_t *offset, gt_text *out) {
  const gt_tensor *t = entry->tensor;
  uint64_t end = *offset + (uint64_t)gt_count(t) * gt_dtype_size(t->dtype);
  gt_text_append(cx, out, ",", 1);
  gt_json_string(cx, out, entry->name, strlen(entry->name));
  gt_text_add(cx, out, ":{\"dtype\":\"%s\",\"shape\":[", gt_dtype_safetensors(t->dtype));
  for (int i = 0; i < t->ndim; i++)
    gt_text_add(cx, out, "%s%lld", i ? "," : "", (long long)t->shape[i]);
  gt_text_add(cx, out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*offset,
              (unsigned long long)end);
  *offset = end;
}

/* The header with its length in front; items end up in file order, *written of them not aliases. */
static gt_status make_header(gt_ctx *cx, const gt_tensor_file *file, item *items, int *written,
                             gt_text *out) {
  size_t n = (size_t)file->count;
  qsort(items, n, sizeof *items, by_view_then_name);
  for (int i = 1; i < file->count; i++)
    if (gt_count(items[i].tensor) && !compare_views(items[i - 1].tensor, items[i].tensor))
      items[i].kept = items[i - 1].kept ? items[i - 1].kept : items[i - 1].name;
  qsort(items, n, sizeof *items, by_file_order);

  pair *pairs = gt_calloc(cx, n + (size_t)file->metadata_count + 1, sizeof *pairs);
  if (!pairs) return GT_ENOMEM;
  gt_text_append(cx, out, "12345678{", 9); /* room for the length */
  add_metadata(cx, file, items, pairs, out);
  gt_free(pairs);

  uint64_t offset = 0;
  for (*written = 0; *written < file->count && !items[*written].kept; ++*written)
    add_entry(cx, &items[*written], &offset, out);
  gt_text_append(cx, out, "}", 1);
  while (!out->failed && out->length % 8) gt_text_append(cx, out, " ", 1);
  if (out->failed) return GT_ENOMEM;
  for (int i = 0; i < 8; i++) out->data[i] = (char)((out->length - 8) >> 8 * i & 0xff);
  return GT_OK;
}

static gt_status write_tensor(gt_ctx *cx, gt_atomic *out, gt_tensor *t) {
  size_t bytes = (size_t)gt_count(t) * gt_dtype_size(t->dtype);
  if (gt_device_of(t)->host && gt_is_contiguous(t))
    return gt_atomic_write(cx, out, gt_data(t), bytes);
  void *copy = gt_malloc(cx, bytes ? bytes : 1);
  if (!copy) return GT_ENOMEM;
  gt_status status = gt_read(cx, t, t->dtype, copy);
  if (!status) status = gt_atomic_write(cx, out, copy, bytes);
  gt_free(copy);
  return status;
}

gt_status gt_safetensors_save(gt_ctx *cx, const char *path, const gt_tensor_file *file) {
  gt_text header = {0};
  gt_atomic out = {.folder = -1, .fd = -1};
  int written = 0;
  gt_status status = GT_ENOMEM;

  item *items = gt_calloc(cx, (size_t)file->count + 1, sizeof *items);
  if (!items) goto out;
  status = check_names(cx, file, items);
  if (!status) status = make_header(cx, file, items, &written, &header);
  if (!status) status = gt_atomic_open(cx, path, &out);
  if (!status) status = gt_atomic_write(cx, &out, header.data, header.length);
  for (int i = 0; i < written && !status; i++) status = write_tensor(cx, &out, items[i].tensor);
  if (!status) status = gt_atomic_commit(cx, &out);

out:
  gt_atomic_abort(&out);
  gt_text_free(&header);
  gt_free(items);
  return status;
}
