/* safetensors.c: the bytes the reference writes, every malformed file refused by name, ties,
 * atomic saves, allocation faults. */
#include "core/data/safetensors.h"
#include "core/data/atomic.h"
#include "core/tensor/allocator.h"
#include "core/tensor/level.h"
#include "tests/core/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static gt_ctx *cx;

static int set_up(void **state) {
  return gt_ctx_new(&(gt_config){.cpu = gt_cpu_level_best()->cpu, .threads = 1}, &cx)
             ? -1
             : make_folder(state);
}

static int tear_down(void **state) {
  gt_ctx_free(cx);
  return remove_folder(state);
}

static void write_bytes(const void *data, size_t n) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

static size_t read_bytes(char *data, size_t room) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  size_t n = fread(data, 1, room, f);
  fclose(f);
  return n;
}

/* A file of header length `n`, header text and `space` zero bytes of data. */
static void write_file(uint64_t n, const char *header, size_t space) {
  size_t length = strlen(header);
  char *bytes = calloc(1, 8 + length + space);
  for (int i = 0; i < 8; i++) bytes[i] = (char)(n >> 8 * i & 0xff);
  memcpy(bytes + 8, header, length);
  write_bytes(bytes, 8 + length + space);
  free(bytes);
}

static gt_tensor *tensor(gt_dtype dtype, int ndim, const int64_t *shape, const void *data) {
  gt_spec spec = gt_spec_make(dtype, ndim, shape);
  gt_tensor *t;
  assert_int_equal(gt_tensor_new(cx, &spec, cx->cpu, &t), GT_OK);
  if (data) memcpy(gt_data(t), data, (size_t)gt_count(t) * gt_dtype_size(dtype));
  return t;
}

static void expect_refused(const char *header, size_t space, const char *message) {
  gt_tensor_file file = {.count = -7};
  size_t live = gt_memory(cx, cx->cpu).live;
  write_file(strlen(header), header, space);
  gt_status status = gt_safetensors_load(cx, path, &file);
  if (status != GT_EFORMAT || !strstr(cx->message, message))
    fail_msg("%.500s\nexpected \"%s\", got status %d \"%s\"", header, message, status, cx->message);
  assert_non_null(strstr(cx->message, path));
  assert_int_equal(file.count, -7); /* untouched */
  assert_int_equal(gt_memory(cx, cx->cpu).live, live);
}

/* The 104 bytes that the reference library writes for {"x": [1.0, 2.0]} with format = "pt". */
static const char golden[104] = "\x58\0\0\0\0\0\0\0"
                                "{\"__metadata__\":{\"format\":\"pt\"},"
                                "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}   "
                                "\0\0\x80\x3f\0\0\0\x40";

static void saves_the_bytes_of_the_reference(void **state) {
  (void)state;
  char bytes[128];
  gt_tensor *x = tensor(GT_F32, 1, (int64_t[]){2}, (float[]){1, 2});
  gt_tensor_file file = {.items = &(gt_named_tensor){"x", x, NULL}, .count = 1};
  assert_int_equal(gt_safetensors_save(cx, path, &file), GT_OK);
  assert_int_equal(read_bytes(bytes, sizeof bytes), sizeof golden);
  assert_memory_equal(bytes, golden, sizeof golden);
  gt_tensor_unref(cx, x);
}

/* Order (dtype rank descending, then name), escapes, rank 0, empty tensors, every dtype: bytes made
 * with the Python package safetensors 0.8.0 by
 *   save({"b": f32 [1, 2], "a\x01é\"\\/\x7f": i64 [[1, 2]], "h": f16 [1, 1, 1], "q": u8 [1, 1],
 *         "z": bf16 3.0, "e": f32 zeros(0, 3), "t": bool [True]}, {"format": "pt"}) */
static const char golden_order[] =
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"a\\u0001\xc3\xa9\\\"\\\\/\x7f\":{\"dtype\":\"I64\",\"shape\":[1,2],\"data_offsets\":[0,16]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[16,24]},"
    "\"e\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[24,24]},"
    "\"z\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]},"
    "\"h\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[26,32]},"
    "\"q\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[32,34]},"
    "\"t\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[34,35]}}";

static void orders_and_escapes_as_the_reference(void **state) {
  (void)state;
  char bytes[1024];
  gt_named_tensor items[] = {
      {"b", tensor(GT_F32, 1, (int64_t[]){2}, (float[]){1, 2}), NULL},
      {"a\x01\xc3\xa9\"\\/\x7f", tensor(GT_I64, 2, (int64_t[]){1, 2}, (int64_t[]){1, 2}), NULL},
      {"h", tensor(GT_F16, 1, (int64_t[]){3}, (uint16_t[]){0x3c00, 0x3c00, 0x3c00}), NULL},
      {"q", tensor(GT_U8, 1, (int64_t[]){2}, "\1\1"), NULL},
      {"z", tensor(GT_BF16, 0, NULL, (uint16_t[]){0x4040}), NULL},
      {"e", tensor(GT_F32, 2, (int64_t[]){0, 3}, NULL), NULL},
      {"t", tensor(GT_BOOL, 1, (int64_t[]){1}, "\1"), NULL}};
  int count = sizeof items / sizeof *items;
  gt_tensor_file file = {.items = items, .count = count}, back;
  assert_int_equal(gt_safetensors_save(cx, path, &file), GT_OK);
  size_t n = read_bytes(bytes, sizeof bytes), header = strlen(golden_order);
  assert_memory_equal(bytes + 8, golden_order, header);
  size_t padded = (header + 7) / 8 * 8;
  for (size_t i = header; i < padded; i++) assert_int_equal(bytes[8 + i], ' ');
  assert_int_equal((unsigned char)bytes[0] + 256 * (unsigned char)bytes[1], padded);
  assert_int_equal(n, 8 + padded + 35);

  assert_int_equal(gt_safetensors_load(cx, path, &back), GT_OK);
  static const int order[] = {1, 0, 5, 4, 2, 3, 6}; /* position in `items` */
  assert_int_equal(back.count, count);
  assert_string_equal(back.metadata[0], "format");
  for (int i = 0; i < count; i++) {
    gt_tensor *want = items[order[i]].tensor, *got = back.items[i].tensor;
    gt_spec want_spec = gt_spec_of(want), got_spec = gt_spec_of(got);
    assert_string_equal(back.items[i].name, items[order[i]].name);
    assert_int_equal(got->dtype, want->dtype);
    assert_true(gt_same_shape(&want_spec, &got_spec));
    assert_memory_equal(gt_data(got), gt_data(want),
                        (size_t)gt_count(want) * gt_dtype_size(want->dtype));
  }
  gt_tensor_file_free(cx, &back);
  for (int i = 0; i < count; i++) gt_tensor_unref(cx, items[i].tensor);
}

static void writes_tied_tensors_once(void **state) {
  (void)state;
  int64_t shape[] = {2, 3}, turned[] = {3, 2}, steps[] = {1, 3};
  gt_tensor *a = tensor(GT_F32, 2, shape, (float[]){0, 1, 2, 3, 4, 5}), *view, *transposed;
  gt_tensor_view(cx, a, 2, shape, (int64_t[]){3, 1}, 0, &view);
  gt_tensor_view(cx, a, 2, turned, steps, 0, &transposed);
  gt_named_tensor items[] = {
      {"token_embedding.weight", a, NULL}, {"turned", transposed, NULL}, {"lm_head", view, NULL}};
  char *metadata[] = {"step", "7", "format", "np"};
  gt_tensor_file file = {items, 3, metadata, 2}, back;
  assert_int_equal(gt_safetensors_save(cx, path, &file), GT_OK);
  assert_int_equal(gt_safetensors_load(cx, path, &back), GT_OK);
  assert_int_equal(back.count, 2);
  assert_string_equal(back.items[0].name, "lm_head");
  assert_string_equal(back.items[1].name, "turned");
  const float *t = gt_data(back.items[1].tensor);
  const float want[] = {0, 3, 1, 4, 2, 5};
  for (int i = 0; i < 6; i++) assert_true(t[i] == want[i]);
  static const char *const pairs[] = {"format",  "pt", "step", "7", "token_embedding.weight",
                                      "lm_head", NULL};
  assert_int_equal(back.metadata_count, 3);
  for (int i = 0; i < 6; i++) assert_string_equal(back.metadata[i], pairs[i]);
  gt_tensor_file_free(cx, &back);
  gt_tensor_unref(cx, a);
  gt_tensor_unref(cx, view);
  gt_tensor_unref(cx, transposed);
}

#define X(offsets) "\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}"

static void refuses_malformed_headers(void **state) {
  (void)state;
  expect_refused("", 0, "begin with '{'");
  expect_refused("[]", 0, "begin with '{'");
  expect_refused(" {}", 0, "begin with '{'");
  expect_refused("{", 0, "offset");
  expect_refused("{} x", 0, "offset");
  expect_refused("{\"\xff\":1}", 0, "offset");
  expect_refused("{\"a\\u0000b\":1}", 0, "offset");
  expect_refused("{" X("[0,8]") "," X("[0,8]") "}", 8, "duplicate");
  expect_refused("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "duplicate");
  expect_refused("{\"__metadata__\":3}", 0, "__metadata__ is not an object");
  expect_refused("{\"__metadata__\":{\"step\":3}}", 0, "else than strings");
  expect_refused("{\"x\":3}", 0, "'x': expected an object");
  expect_refused("{\"x\":{}}", 0, "\"dtype\" is missing");
}

static void refuses_malformed_entries(void **state) {
  (void)state;
#define ENTRY(dtype, shape, offsets)                                                               \
  "{\"x\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"
  expect_refused(ENTRY("3", "[2]", "[0,8]"), 8, "\"dtype\"");
  expect_refused(ENTRY("\"F33\"", "[2]", "[0,8]"), 8, "dtype 'F33'");
  expect_refused(ENTRY("\"F32\"", "2", "[0,8]"), 8, "\"shape\"");
  expect_refused(ENTRY("\"F32\"", "[2.0]", "[0,8]"), 8, "integers >= 0");
  expect_refused(ENTRY("\"F32\"", "[-2]", "[0,8]"), 8, "integers >= 0");
  expect_refused(ENTRY("\"F32\"", "[\"2\"]", "[0,8]"), 8, "integers >= 0");
  expect_refused(ENTRY("\"F32\"", "[99999999999999999999]", "[0,8]"), 8, "offset");
  expect_refused(ENTRY("\"F32\"", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), 8, "8 dimensions");
  expect_refused(ENTRY("\"F32\"", "[4294967296,4294967296]", "[0,0]"), 0, "elements overflows");
  expect_refused(ENTRY("\"F32\"", "[4611686018427387904]", "[0,0]"), 0, "bytes overflows");
  expect_refused(ENTRY("\"F32\"", "[2]", "[0]"), 8, "two integers");
  expect_refused(ENTRY("\"F32\"", "[2]", "[0,8,8]"), 8, "two integers");
  expect_refused(ENTRY("\"F32\"", "[2]", "[8,0]"), 8, "begin <= end");
  expect_refused(ENTRY("\"F32\"", "[2]", "[-8,0]"), 8, "begin <= end");
  expect_refused(ENTRY("\"F32\"", "[2]", "[0,8.0]"), 8, "two integers");
  expect_refused(ENTRY("\"F32\"", "[2]", "[0,4]"), 4, "disagree");
  expect_refused(ENTRY("\"F32\"", "[2]", "[0,8]"), 4, "beyond the end");
  expect_refused(ENTRY("\"F32\"", "[2]", "[0,8]"), 9, "belong to no tensor");
  expect_refused(ENTRY("\"F32\"", "[2]", "[8,16]"), 16, "hole or overlap");
#undef ENTRY
#define Y(offsets) "\"y\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":" offsets "}"
  expect_refused("{" X("[0,8]") "," Y("[0,8]") "}", 8, "'y': \"data_offsets\" leave a hole");
  expect_refused("{" X("[0,8]") "," Y("[4,12]") "}", 12, "hole or overlap");
  expect_refused("{" X("[0,8]") "," Y("[9,17]") "}", 17, "hole or overlap");
  expect_refused("{" X("[0,8]") "}", 0, "beyond the end");
}

static void refuses_bad_lengths_and_names(void **state) {
  (void)state;
  gt_tensor_file file;
  static const uint64_t lengths[] = {3, 1000, 100000001, (uint64_t)1 << 63, UINT64_MAX};
  for (int i = 0; i < 5; i++) {
    write_file(lengths[i], "{}", 0);
    assert_int_equal(gt_safetensors_load(cx, path, &file), GT_EFORMAT);
    assert_non_null(strstr(cx->message, "header length"));
  }
  char header[700] = "{\"";
  memset(header + 2, 'n', 513);
  strcat(header, "\":{}}");
  expect_refused(header, 0, "longer than 512");
  /* hostile names are shown without control characters */
  expect_refused("{\"a\\u001b[2J\":3}", 0, "'a?[2J'");
}

/* A header of 2^20 empty lists, "[]," each, would cost 80 times its size as a JSON tree.  Nothing
 * of it may be built: the text is refused where the count is passed. */
static void refuses_headers_that_would_grow(void **state) {
  (void)state;
  enum { LISTS = 1 << 20, DEEP = 129 };
  char *header = malloc(16 + 3 * LISTS), *at = header + sprintf(header, "{\"a\":[");
  for (int i = 0; i < LISTS; i++) at += sprintf(at, "[],");
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  strcpy(at, "1]}");
  expect_refused(header, 0, "offset 1572875: more values than");
  getrusage(RUSAGE_SELF, &after);
  assert_true(after.ru_maxrss - before.ru_maxrss < 32 << 10); /* KB */

  /* brackets and escaped quotes in strings do not count */
  at = header + sprintf(header, "{\"__metadata__\":{\"a\":\"\\\\\",\"b\":\"\\\"");
  memset(at, '[', 2 * LISTS);
  strcpy(at + 2 * LISTS, "\"}}");
  gt_tensor_file file;
  write_file(strlen(header), header, 0);
  assert_int_equal(gt_safetensors_load(cx, path, &file), GT_OK);
  assert_int_equal(strlen(file.metadata[3]), 1 + 2 * LISTS);
  gt_tensor_file_free(cx, &file);

  at = header + sprintf(header, "{\"x\":");
  memset(at, '[', DEEP);
  memset(at + DEEP, ']', DEEP);
  strcpy(at + 2 * DEEP, "}");
  expect_refused(header, 0, "nested more than 128");
  free(header);
}

static void accepts_unusual_but_valid_files(void **state) {
  (void)state;
  static const char *const headers[] = {
      "{}",
      "{}      ",
      "{\"__metadata__\":{}}",
      "{\"x\":{\"data_offsets\":[0,0],\"extra\":1,\"shape\":[0,5],\"dtype\":\"F32\"}}",
  };
  for (int i = 0; i < 4; i++) {
    gt_tensor_file file;
    write_file(strlen(headers[i]), headers[i], 0);
    assert_int_equal(gt_safetensors_load(cx, path, &file), GT_OK);
    assert_int_equal(file.count, i == 3);
    gt_tensor_file_free(cx, &file);
  }
  /* entries in another order than their data */
  gt_tensor_file file;
  const char *swapped = "{" Y("[8,16]") "," X("[0,8]") "}";
  write_file(strlen(swapped), swapped, 16);
  assert_int_equal(gt_safetensors_load(cx, path, &file), GT_OK);
  assert_string_equal(file.items[0].name, "x");
  gt_tensor_file_free(cx, &file);
}

/* Every prefix is refused; every single flipped bit is refused or read, never worse. */
static void survives_truncation_and_bit_flips(void **state) {
  (void)state;
  size_t live = gt_memory(cx, cx->cpu).live;
  for (size_t n = 0; n < sizeof golden; n++) {
    gt_tensor_file file;
    write_bytes(golden, n);
    assert_int_equal(gt_safetensors_load(cx, path, &file), GT_EFORMAT);
  }
  char bytes[sizeof golden];
  for (size_t bit = 0; bit < 8 * sizeof golden; bit++) {
    gt_tensor_file file;
    memcpy(bytes, golden, sizeof golden);
    bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    write_bytes(bytes, sizeof bytes);
    gt_status status = gt_safetensors_load(cx, path, &file);
    assert_true(status == GT_OK || status == GT_EFORMAT);
    if (!status) gt_tensor_file_free(cx, &file);
  }
  assert_int_equal(gt_memory(cx, cx->cpu).live, live);
}

static void names_what_cannot_be_opened(void **state) {
  (void)state;
  gt_tensor_file file;
  assert_int_equal(gt_safetensors_load(cx, "/nowhere/x", &file), GT_EIO);
  assert_string_equal(cx->message, "cannot open '/nowhere/x': No such file or directory");
  assert_int_equal(gt_safetensors_load(cx, folder, &file), GT_EIO);
  assert_non_null(strstr(cx->message, "not a regular file"));
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0);
  assert_int_equal(gt_safetensors_load(cx, path, &file), GT_EIO); /* and does not hang */
  unlink(path);
}

static void refuses_to_save_nonsense(void **state) {
  (void)state;
  gt_tensor *x = tensor(GT_F32, 0, NULL, (float[]){1}), *meta;
  gt_spec spec = gt_spec_of(x);
  assert_int_equal(gt_tensor_new(cx, &spec, &gt_backend_meta, &meta), GT_OK);
  struct {
    gt_named_tensor items[2];
    const char *message;
  } cases[] = {{{{"a", x, NULL}, {"a", meta, NULL}}, "'a' has no data"},
               {{{"a", x, NULL}, {"a", x, NULL}}, "two tensors are named 'a'"},
               {{{"a\xff", x, NULL}, {"b", x, NULL}}, "not valid UTF-8"},
               {{{"\xed\xa0\x80", x, NULL}, {"b", x, NULL}}, "not valid UTF-8"},
               {{{"__metadata__", x, NULL}, {"b", x, NULL}}, "'__metadata__'"}};
  unlink(path);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gt_tensor_file file = {.items = cases[i].items, .count = 2};
    assert_int_equal(gt_safetensors_save(cx, path, &file), GT_EARG);
    assert_non_null(strstr(cx->message, cases[i].message));
  }
  gt_tensor_file file = {.items = &(gt_named_tensor){"x", x, NULL}, .count = 1};
  static const char *const paths[] = {"/nowhere/x", "", "/dev/full", "/tmp/", "/"};
  for (int i = 0; i < 5; i++) {
    assert_int_equal(gt_safetensors_save(cx, paths[i], &file), GT_EIO);
    assert_non_null(strstr(cx->message, "cannot save '"));
  }
  assert_int_equal(entries_of(folder), 0);
  gt_tensor_unref(cx, x);
  gt_tensor_unref(cx, meta);
}

/* A full disk is imitated by a limit on the file size (SIGXFSZ ignored: write answers EFBIG). */
static void a_failed_save_keeps_the_old_file(void **state) {
  (void)state;
  char bytes[128];
  gt_tensor *x = tensor(GT_F32, 1, (int64_t[]){100000}, NULL);
  memset(gt_data(x), 0, 400000);
  gt_tensor_file file = {.items = &(gt_named_tensor){"x", x, NULL}, .count = 1};
  write_bytes(golden, sizeof golden);

  struct rlimit old, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small = (struct rlimit){65536, old.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  gt_status status = gt_safetensors_save(cx, path, &file);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
  assert_int_equal(status, GT_EIO);
  assert_non_null(strstr(cx->message, strerror(EFBIG)));
  assert_non_null(strstr(cx->message, path));

  gt_interrupt(cx);
  assert_int_equal(gt_safetensors_save(cx, path, &file), GT_EINTR);
  gt_interrupt_clear(cx);

  assert_int_equal(read_bytes(bytes, sizeof bytes), sizeof golden);
  assert_memory_equal(bytes, golden, sizeof golden);
  assert_int_equal(entries_of(folder), 1);
  gt_tensor_unref(cx, x);
}

static void saving_keeps_mode_and_symbolic_link(void **state) {
  (void)state;
  char link[160];
  struct stat info;
  snprintf(link, sizeof link, "%s/link", folder);
  gt_tensor *x = tensor(GT_F32, 0, NULL, (float[]){1});
  gt_tensor_file file = {.items = &(gt_named_tensor){"x", x, NULL}, .count = 1};
  write_bytes("old", 3);
  assert_int_equal(chmod(path, 0640), 0);
  assert_int_equal(symlink(TEST_FILE, link), 0);
  assert_int_equal(gt_safetensors_save(cx, link, &file), GT_OK);
  assert_int_equal(lstat(link, &info), 0);
  assert_true(S_ISLNK(info.st_mode));
  assert_int_equal(stat(path, &info), 0);
  assert_int_equal(info.st_mode & 07777, 0640);
  assert_true(info.st_size > 3);
  unlink(link);
  gt_tensor_unref(cx, x);
}

/* Fails the n-th allocation, n = 1, 2, …, until the operation no longer notices. */
static void survives_every_allocation_fault(void **state) {
  (void)state;
  gt_tensor *x = tensor(GT_F32, 1, (int64_t[]){2}, (float[]){1, 2}), *turned;
  int64_t one = 2, step = 0;
  gt_tensor_view(cx, x, 1, &one, &step, 0, &turned); /* not contiguous: copied to be written */
  char *metadata[] = {"note", "kept"};
  gt_named_tensor items[] = {{"x", x, NULL}, {"y", x, NULL}, {"t", turned, NULL}};
  gt_tensor_file file = {items, 3, metadata, 1};
  size_t live = gt_memory(cx, cx->cpu).live;
  int faults = 0;
  for (int saving = 1; saving >= 0; saving--) {
    gt_status status = GT_ENOMEM;
    for (int n = 0; status != GT_OK; n++, faults++) {
      gt_tensor_file back;
      assert_true(n < 1000);
      if (saving) write_bytes(golden, sizeof golden);
      cx->fail_after = n;
      status = saving ? gt_safetensors_save(cx, path, &file) : gt_safetensors_load(cx, path, &back);
      cx->fail_after = -1;
      assert_true(status == GT_OK || status == GT_ENOMEM);
      if (status && saving) {
        char bytes[128];
        assert_int_equal(read_bytes(bytes, sizeof bytes), sizeof golden);
      }
      assert_int_equal(entries_of(folder), 1);
      if (!status && !saving) gt_tensor_file_free(cx, &back);
      assert_int_equal(gt_memory(cx, cx->cpu).live, live);
    }
  }
  assert_true(faults > 10);
  gt_tensor_unref(cx, x);
  gt_tensor_unref(cx, turned);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(saves_the_bytes_of_the_reference),
      cmocka_unit_test(orders_and_escapes_as_the_reference),
      cmocka_unit_test(writes_tied_tensors_once),
      cmocka_unit_test(refuses_malformed_headers),
      cmocka_unit_test(refuses_malformed_entries),
      cmocka_unit_test(refuses_bad_lengths_and_names),
      cmocka_unit_test(refuses_headers_that_would_grow),
      cmocka_unit_test(accepts_unusual_but_valid_files),
      cmocka_unit_test(survives_truncation_and_bit_flips),
      cmocka_unit_test(names_what_cannot_be_opened),
      cmocka_unit_test(refuses_to_save_nonsense),
      cmocka_unit_test(a_failed_save_keeps_the_old_file),
      cmocka_unit_test(saving_keeps_mode_and_symbolic_link),
      cmocka_unit_test(survives_every_allocation_fault),
  };
  return cmocka_run_group_tests_name("safetensors", tests, set_up, tear_down);
}
