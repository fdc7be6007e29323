/* Tests of token shards and text files: the bytes of the three layouts, everything malformed
 * refused by name, files that change while they are open, more files than descriptors. */
#include "tests/core/folder.h"
#include "tests/core/toy.h"

#include "core/data/plain_text.h"
#include "core/data/tokens.h"
#include "core/tensor/rng.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_bytes(const void *data, size_t n) {
  unlink(path); /* file systems wait for the disk when a file is cut to nothing and written again */
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, n, f), n);
  assert_int_equal(fclose(f), 0);
}

static size_t read_bytes(unsigned char *data, size_t room) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  size_t n = fread(data, 1, room, f);
  fclose(f);
  return n;
}

/* A header of `magic`, `version`, `count` and then n bytes of ids, n <= 64. */
static void write_shard(uint32_t magic, uint32_t version, int32_t count, const void *ids,
                        size_t n) {
  unsigned char bytes[GT_SHARD_HEADER + 64] = {0};
  memcpy(bytes, &magic, 4);
  memcpy(bytes + 4, &version, 4);
  memcpy(bytes + 8, &count, 4);
  memcpy(bytes + GT_SHARD_HEADER, ids, n);
  write_bytes(bytes, GT_SHARD_HEADER + n);
}

static gt_tokens *sequence(gt_ctx *cx, int64_t vocab_size, const int32_t *ids, int64_t n) {
  gt_tokens *t = NULL;
  ok(gt_tokens_new(cx, vocab_size, &t));
  ok(gt_tokens_append(cx, t, ids, n));
  return t;
}

static gt_tokens *opened(gt_ctx *cx, int64_t vocab_size) {
  gt_tokens *t = NULL;
  ok(gt_tokens_new(cx, vocab_size, &t));
  ok(gt_tokens_append_shard(cx, t, path, GT_SHARD_ANY));
  return t;
}

static void writes_the_bytes_of_the_reference(void **state) {
  gt_ctx *cx = *state;
  unsigned char bytes[2048], golden[1030] = {0x88, 0xd8, 0x34, 0x01, 0x01, 0, 0, 0, 0x03};
  memcpy(golden + 1024, (unsigned char[]){0x50, 0xc4, 0x01, 0x00, 0x02, 0x00}, 6);
  gt_tokens *t = sequence(cx, 50257, (int32_t[]){50256, 1, 2}, 3);

  ok(gt_tokens_save(cx, t, path, GT_SHARD_MODDED));
  assert_int_equal(read_bytes(bytes, sizeof bytes), 1030);
  assert_memory_equal(bytes, golden, 1030);

  ok(gt_tokens_save(cx, t, path, GT_SHARD_NANOGPT));
  assert_int_equal(read_bytes(bytes, sizeof bytes), 6);
  assert_memory_equal(bytes, golden + 1024, 6);

  ok(gt_tokens_save(cx, t, path, GT_SHARD_LLAMA3));
  assert_int_equal(read_bytes(bytes, sizeof bytes), 1036);
  assert_memory_equal(bytes, ((unsigned char[]){0xa1, 0xd9, 0x34, 0x01, 7, 0, 0, 0, 3, 0, 0, 0}),
                      12);
  assert_memory_equal(bytes + 1024, ((unsigned char[]){0x50, 0xc4, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0}),
                      12);
  gt_tokens_unref(t);
}

static void reads_what_it_wrote(void **state) {
  gt_ctx *cx = *state;
  enum { N = 100000 }; /* more than is handled at a time */
  static int32_t ids[N];
  static int64_t back[N];
  for (int i = 0; i < N; i++) ids[i] = (int32_t)((int64_t)i * 7919 % 60000);
  gt_tokens *t = sequence(cx, 60000, ids, N);
  for (int f = 0; f < GT_SHARD_FORMATS; f++) {
    int64_t largest = 0;
    ok(gt_tokens_save(cx, t, path, (gt_shard_format)f));
    gt_tokens *shard = opened(cx, 60000);
    assert_int_equal(gt_tokens_shard(shard, 0)->format, f);
    assert_int_equal(gt_tokens_count(shard), N);
    ok(gt_tokens_read(cx, shard, 0, N, back));
    for (int i = 0; i < N; i++) assert_int_equal(back[i], ids[i]);
    ok(gt_tokens_verify(cx, shard, 0, &largest));
    assert_int_equal(largest, 59999);
    fails(gt_tokens_read(cx, shard, N - 1, 2, back), GT_EINDEX, "from 0 to 100000");
    fails(gt_tokens_read(cx, shard, -1, 2, back), GT_EINDEX, "got -1");
    gt_tokens_unref(shard);
  }
  gt_tokens_unref(t);
}

static void refused(gt_ctx *cx, gt_shard_format format, const char *message) {
  gt_shard shard = {.count = -7};
  gt_status status = gt_shard_open(cx, path, format, &shard);
  if (status != GT_EFORMAT || !strstr(cx->message, message))
    fail_msg("expected \"%s\", got status %d \"%s\"", message, status, cx->message);
  assert_non_null(strstr(cx->message, path));
  assert_null(strchr(cx->message, '\n'));
  assert_int_equal(shard.count, -7); /* untouched */
}

static void refuses_malformed_shards(void **state) {
  gt_ctx *cx = *state;
  const uint16_t ids[] = {50256, 1, 2};
  write_bytes("", 0);
  refused(cx, GT_SHARD_ANY, "file is empty");
  write_bytes(ids, 5);
  refused(cx, GT_SHARD_ANY, "expected ids of 2 bytes each, got 5 bytes");
  write_shard(20240520, 2, 3, ids, 6);
  refused(cx, GT_SHARD_ANY, "offset 4: expected version 1, got 2");
  write_shard(20240801, 1, 3, ids, 6);
  refused(cx, GT_SHARD_ANY, "offset 4: expected version 7, got 1");
  write_shard(20240520, 1, 0, ids, 0);
  refused(cx, GT_SHARD_ANY, "offset 8: expected a token count above 0, got 0");
  write_shard(20240520, 1, -3, ids, 6);
  refused(cx, GT_SHARD_ANY, "offset 8: expected a token count above 0, got -3");
  write_shard(20240520, 1, 3, ids, 5);
  refused(cx, GT_SHARD_ANY, "truncated: expected 1030 bytes for 3 tokens, got 1029");
  write_shard(20240520, 1, 2, ids, 6);
  refused(cx, GT_SHARD_ANY, "too long: expected 1028 bytes for 2 tokens, got 1030");
  write_shard(20240520, 1, INT32_MAX, ids, 6);
  refused(cx, GT_SHARD_ANY, "truncated: expected 4294968318 bytes");
  write_shard(20240522, 1, 3, ids, 6);
  refused(cx, GT_SHARD_ANY, "got an evaluation set of llm.c");
  write_shard(20240326, 3, 3, ids, 6);
  refused(cx, GT_SHARD_ANY, "got a model checkpoint of llm.c");
  write_shard(1234, 1, 3, ids, 6);
  refused(cx, GT_SHARD_MODDED, "offset 0: expected magic 20240520, got 1234");
  write_shard(20240520, 1, 3, ids, 6);
  truncate(path, 1000);
  refused(cx, GT_SHARD_ANY, "truncated: expected a header of 1024 bytes, got 1000");
  const char text[] = "It was the best of times, it was the worst of times; caf\xc3\xa9 and so on.";
  write_bytes(text, sizeof text - 1);
  refused(cx, GT_SHARD_ANY, "expected token ids, got text");
  write_bytes("\x1f\x8b\x08\x00 whatever.", 14);
  refused(cx, GT_SHARD_ANY, "got a gzip archive");
}

static void refuses_what_is_no_file(void **state) {
  gt_ctx *cx = *state;
  gt_shard shard;
  fails(gt_shard_open(cx, folder, GT_SHARD_ANY, &shard), GT_EIO, "not a regular file");
  fails(gt_shard_open(cx, "/nonexistent/x.bin", GT_SHARD_ANY, &shard), GT_EIO, "No such file");
  unlink(path);
  assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
  fails(gt_shard_open(cx, path, GT_SHARD_ANY, &shard), GT_EIO, "not a regular file");
  unlink(path);
}

/* Ids are checked when all are looked through and, again, by every read. */
static void names_ids_beyond_the_vocabulary(void **state) {
  gt_ctx *cx = *state;
  int64_t out[3], largest = -7;
  write_shard(20240520, 1, 3, (uint16_t[]){5, 300, 2}, 6);
  gt_tokens *t = opened(cx, 300);
  fails(gt_tokens_verify(cx, t, 0, &largest), GT_EFORMAT,
        "offset 1026: expected ids below 300, got 300");
  assert_int_equal(largest, -7);
  fails(gt_tokens_read(cx, t, 1, 2, out), GT_EFORMAT, "offset 1026: expected ids below 300");
  ok(gt_tokens_read(cx, t, 2, 1, out));
  gt_tokens_set_vocab(t, 301);
  ok(gt_tokens_verify(cx, t, 0, &largest));
  assert_int_equal(largest, 300);
  gt_tokens_unref(t);

  ok(gt_tokens_new(cx, 10, &t));
  fails(gt_tokens_append(cx, t, (int32_t[]){3, 10}, 2), GT_EINDEX, "from 0 to 9, got 10");
  fails(gt_tokens_append(cx, t, (int32_t[]){-1}, 1), GT_EINDEX, "got -1");
  assert_int_equal(gt_tokens_count(t), 0);
  gt_tokens_unref(t);
}

static void notices_files_that_change(void **state) {
  gt_ctx *cx = *state;
  const uint16_t ids[] = {1, 2, 3};
  const struct timespec later[] = {{.tv_sec = 1}, {.tv_sec = 1}};
  int64_t out[3];
  for (int way = 0; way < 3; way++) {
    write_shard(20240520, 1, 3, ids, 6);
    gt_tokens *t = opened(cx, 10);
    ok(gt_tokens_read(cx, t, 0, 3, out));
    if (way == 0) truncate(path, 1025);
    if (way == 1) truncate(path, 2000);
    if (way == 2) utimensat(AT_FDCWD, path, later, 0); /* as if its content were rewritten */
    fails(gt_tokens_read(cx, t, 0, 3, out), GT_EIO, "file was changed since it was opened");
    gt_tokens_unref(t);
  }
}

static int open_descriptors(void) {
  int n = 0;
  for (int fd = 0; fd < 1024; fd++) n += fcntl(fd, F_GETFD) != -1;
  return n;
}

/* Of 100 shards only some are open at a time; one that was replaced meanwhile is refused. */
static void many_shards_need_few_descriptors(void **state) {
  gt_ctx *cx = *state;
  enum { SHARDS = 100 };
  gt_tokens *t = NULL;
  int64_t out[SHARDS * 2];
  int before = open_descriptors();
  ok(gt_tokens_new(cx, 1000, &t));
  for (int i = 0; i < SHARDS; i++) {
    snprintf(path, sizeof path, "%s/%d.bin", folder, i);
    write_shard(20240520, 1, 2, (uint16_t[]){(uint16_t)i, (uint16_t)(i + 500)}, 4);
    ok(gt_tokens_append_shard(cx, t, path, GT_SHARD_ANY));
  }
  assert_true(open_descriptors() - before <= 32);
  assert_int_equal(gt_tokens_shards(t), SHARDS);
  for (int round = 0; round < 2; round++) {
    ok(gt_tokens_read(cx, t, 0, 2 * SHARDS, out));
    for (int i = 0; i < SHARDS; i++) {
      assert_int_equal(out[2 * i], i);
      assert_int_equal(out[2 * i + 1], i + 500);
    }
  }
  assert_true(open_descriptors() - before <= 32);
  snprintf(path, sizeof path, "%s/0.bin", folder);
  unlink(path);
  write_shard(20240520, 1, 2, (uint16_t[]){7, 7}, 4);
  fails(gt_tokens_read(cx, t, 0, 1, out), GT_EIO, "0.bin: file was changed since it was opened");
  ok(gt_tokens_read(cx, t, 2, 2 * SHARDS - 2, out)); /* the others are still there */
  gt_tokens_unref(t);
  assert_int_equal(open_descriptors(), before);
  for (int i = 0; i < SHARDS; i++) {
    snprintf(path, sizeof path, "%s/%d.bin", folder, i);
    unlink(path);
  }
  snprintf(path, sizeof path, "%s/" TEST_FILE, folder);
}

/* 256 MiB of zeros that take no room on disk: looking through them takes no memory either. */
static void large_shards_stay_on_disk(void **state) {
  gt_ctx *cx = *state;
  enum { COUNT = 128 << 20 };
  struct rusage before, after;
  int64_t largest = -1;
  write_shard(20240520, 1, COUNT, "", 0);
  assert_int_equal(truncate(path, GT_SHARD_HEADER + 2ll * COUNT), 0);
  getrusage(RUSAGE_SELF, &before);
  gt_tokens *t = opened(cx, 1);
  ok(gt_tokens_verify(cx, t, 0, &largest));
  assert_int_equal(largest, 0);
  gt_interrupt(cx);
  fails(gt_tokens_verify(cx, t, 0, &largest), GT_EINTR, "");
  gt_interrupt_clear(cx);
  gt_tokens_unref(t);
  getrusage(RUSAGE_SELF, &after);
  assert_true(after.ru_maxrss - before.ru_maxrss < 8 << 10); /* KB */
}

/* Thousands of shards with flipped bytes and wrong lengths: each is refused with its path, or is
 * one whose size fits its header; nothing is read outside of it. */
static void survives_damaged_shards(void **state) {
  gt_ctx *cx = *state;
  unsigned char good[1030] = {0x88, 0xd8, 0x34, 0x01, 1, 0, 0, 0, 3}, bytes[1100];
  int64_t out[512];
  int taken = 0;
  memcpy(good + 1024, (unsigned char[]){0x50, 0xc4, 1, 0, 2, 0}, 6);
  for (uint64_t i = 0; i < 4000; i++) {
    uint32_t word[4];
    gt_philox(20240520, 0, i, word);
    size_t n = word[0] % 3 ? sizeof good : word[1] % 1100;
    memset(bytes, 0, sizeof bytes);
    memcpy(bytes, good, sizeof good);
    bytes[word[2] % 4 ? word[2] % 12 : word[2] % 1030] ^= (unsigned char)(word[3] >> 8);
    write_bytes(bytes, n);
    gt_tokens *t = NULL;
    ok(gt_tokens_new(cx, 50257, &t));
    gt_status status = gt_tokens_append_shard(cx, t, path, GT_SHARD_ANY);
    int64_t count = gt_tokens_count(t), largest = 0;
    assert_true(status == GT_OK || (status == GT_EFORMAT && strstr(cx->message, path)));
    assert_true((status == GT_OK) == (count > 0));
    if (status == GT_OK && gt_tokens_verify(cx, t, 0, &largest) == GT_OK) {
      taken++;
      for (int64_t at = 0; at < count; at += 512)
        ok(gt_tokens_read(cx, t, at, count - at < 512 ? count - at : 512, out));
    }
    gt_tokens_unref(t);
  }
  assert_true(taken > 100 && taken < 3900); /* both kinds were met */
}

static void saves_only_what_fits(void **state) {
  gt_ctx *cx = *state;
  gt_tokens *t = sequence(cx, 70000, (int32_t[]){1, 65536}, 2), *none = NULL;
  unlink(path);
  fails(gt_tokens_save(cx, t, path, GT_SHARD_MODDED), GT_EARG,
        "expected ids up to 65535 in a 'modded' shard, got 65536");
  assert_int_equal(access(path, F_OK), -1); /* nothing left behind */
  ok(gt_tokens_save(cx, t, path, GT_SHARD_LLAMA3));
  ok(gt_tokens_view(cx, t, 1, 1, &none));
  fails(gt_tokens_save(cx, none, path, GT_SHARD_LLAMA3), GT_EARG, "at least one token");
  fails(gt_tokens_view(cx, t, 1, 3, &none), GT_EINDEX, "end <= 2, got 1 and 3");
  gt_tokens_unref(none);
  gt_tokens_unref(t);
}

static void text_is_checked(void **state) {
  gt_ctx *cx = *state;
  char *text;
  size_t size;
  bool yes;
  ok(gt_text_check(cx, "x", "h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x99\x82\n", 13));
  fails(gt_text_check(cx, "x", "", 0), GT_EFORMAT, "x: no text: it is empty");
  fails(gt_text_check(cx, "x", "ab\0c", 4), GT_EFORMAT, "x: offset 2: a NUL byte");
  const char *const bad[] = {
      "ab\xff",     "ab\xc3", "ab\xc0\x80", "ab\xed\xa0\x80", "ab\xf4\x90\x80\x80",
      "ab\xe2\x82", "ab\x80"};
  for (int i = 0; i < GT_COUNT(bad); i++)
    fails(gt_text_check(cx, "x", bad[i], strlen(bad[i])), GT_EFORMAT, "x: offset 2: invalid UTF-8");

  write_bytes("caf\xe9", 4);
  fails(gt_text_read(cx, path, true, &text, &size), GT_EFORMAT, "offset 3: invalid UTF-8");
  ok(gt_text_read(cx, path, false, &text, &size));
  assert_int_equal(size, 4);
  gt_free(text);
  ok(gt_text_begins(cx, path, &yes));
  assert_false(yes);

  char long_text[5000]; /* a character lies across the border of what is looked at */
  for (int i = 0; i < 5000; i++) long_text[i] = i == 0 ? 'a' : i % 2 ? '\xc3' : '\xa9';
  write_bytes(long_text, 4999);
  ok(gt_text_begins(cx, path, &yes));
  assert_true(yes);
}

/* bos before each document, or eos where there is no bos. */
static void documents_are_marked(void **state) {
  gt_ctx *cx = *state;
  const char *const marks[] = {"<|bos|>", "</s>"};
  const int64_t expected[] = {256, 'a', 'b', 256, 'c'};
  for (int i = 0; i < 2; i++) {
    gt_tokenizer *tok = NULL;
    gt_tokens *t = NULL;
    int64_t out[5];
    ok(gt_tokenizer_bytes(cx, &tok));
    ok(gt_tokenizer_add_special(cx, tok, "test", marks[i], strlen(marks[i]), -1));
    ok(gt_tokens_new(cx, 257, &t));
    ok(gt_tokens_append_text(cx, t, tok, "ab", 2));
    ok(gt_tokens_append_text(cx, t, tok, "c", 1));
    assert_int_equal(gt_tokens_count(t), 5);
    ok(gt_tokens_read(cx, t, 0, 5, out));
    assert_memory_equal(out, expected, sizeof out);
    gt_tokens_unref(t);
    gt_tokenizer_unref(tok);
  }
}

/* Every allocation on the way fails once: an error each time, and nothing is left. */
static void survives_failing_allocations(void **state) {
  gt_ctx *cx = *state;
  gt_status status = GT_ENOMEM;
  write_shard(20240520, 1, 3, (uint16_t[]){1, 2, 3}, 6);
  for (int n = 0; status == GT_ENOMEM; n++) {
    gt_tokens *t = NULL, *view = NULL;
    int64_t largest;
    assert_true(n < 100);
    cx->fail_after = n;
    status = gt_tokens_new(cx, 10, &t);
    if (!status) status = gt_tokens_append_shard(cx, t, path, GT_SHARD_ANY);
    if (!status) status = gt_tokens_append(cx, t, (int32_t[]){4, 5}, 2);
    if (!status) status = gt_tokens_view(cx, t, 1, 5, &view);
    if (!status) status = gt_tokens_verify(cx, t, 0, &largest);
    if (!status) status = gt_tokens_save(cx, view, path, GT_SHARD_MODDED);
    cx->fail_after = -1;
    assert_true(status == GT_OK || status == GT_ENOMEM);
    gt_tokens_unref(view);
    gt_tokens_unref(t);
  }
  gt_tokens *t = opened(cx, 10); /* written over itself: 2 3 4 5 */
  int64_t out[4];
  ok(gt_tokens_read(cx, t, 0, 4, out));
  assert_memory_equal(out, ((int64_t[]){2, 3, 4, 5}), sizeof out);
  gt_tokens_unref(t);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(writes_the_bytes_of_the_reference),
      TEST(reads_what_it_wrote),
      TEST(refuses_malformed_shards),
      TEST(refuses_what_is_no_file),
      TEST(names_ids_beyond_the_vocabulary),
      TEST(notices_files_that_change),
      TEST(many_shards_need_few_descriptors),
      TEST(large_shards_stay_on_disk),
      TEST(survives_damaged_shards),
      TEST(saves_only_what_fits),
      TEST(text_is_checked),
      TEST(documents_are_marked),
      TEST(survives_failing_allocations),
  };
  return cmocka_run_group_tests_name("shard", tests, make_folder, remove_folder);
}
