/* core/data when memory runs out anywhere: an error that says so, results untouched, nothing left
 * behind.  Shards and loaders have tests of their own. */
#include "tests/core/toy.h"

#include "core/data/bpe_train.h"
#include "core/data/digest.h"
#include "core/data/folder.h"
#include "core/data/paths.h"
#include "core/data/plain_text.h"
#include "core/data/tokenizer_file.h"
#include "tests/core/faults.h"

#include <stdio.h>
#include <unistd.h>

#define TOKENIZERS "tests/golden/tokenizers/"

static char folder[] = "/tmp/gptsh-data-XXXXXX";
static char path[128], below[128];

static const char text[] =
    "The rain in Spain falls, the rain in Spain; <|end|> falls and falls again."
    " caf\xc3\xa9 caf\xc3\xa9 \xff the rain in Spain stays mainly in the plain,"
    " and again and again: the rain in Spain falls where it always falls and"
    " where it always stays.  In Spain?  In Spain!  Mainly, mainly, in Spain."
    " 1234 12345 123456";

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder)) return -1;
  snprintf(path, sizeof path, "%s/file", folder);
  snprintf(below, sizeof below, "%s/a/b", folder);
  return 0;
}

static int remove_folder(void **state) {
  char command[160];
  (void)state;
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

static void write_text(void) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  fputs(text, f);
  assert_int_equal(fclose(f), 0);
}

/* ---- digests ---- */

static gt_status hash_tensor(gt_ctx *cx, void *argument) {
  gt_digest *hash = NULL;
  char digits[GT_DIGEST_TEXT];
  gt_status status = gt_digest_new(cx, &hash);
  if (!status) status = gt_digest_tensor(cx, hash, argument);
  if (!status) assert_int_equal(strlen(gt_digest_text(hash, digits)), GT_DIGEST_TEXT - 1);
  gt_digest_free(hash);
  return status;
}

static gt_status hash_file(gt_ctx *cx, void *argument) {
  char digits[GT_DIGEST_TEXT] = "before";
  int64_t size = -7;
  (void)argument;
  gt_status status = gt_digest_file(cx, path, &size, digits);
  assert_int_equal(size, status == GT_OK ? (int64_t)sizeof text - 1 : -7);
  if (status) assert_string_equal(digits, "before");
  return status;
}

static void digests(void **state) {
  gt_ctx *cx = *state;
  gt_tensor *t = make(cx, GT_F32, 2, 3, (double[]){1, 2, 3, 4, 5, 6}), *turned = NULL;
  ok(gt_tensor_view(cx, t, 2, (int64_t[]){3, 2}, (int64_t[]){1, 3}, 0, &turned));
  write_text();
  assert_int_equal(fail_every_allocation(cx, hash_tensor, NULL, t), 4);
  assert_true(fail_every_allocation(cx, hash_tensor, NULL, turned) > 4); /* through a copy */
  assert_int_equal(fail_every_allocation(cx, hash_file, NULL, NULL), 8);
  DROP(t, turned);
}

/* ---- folders ---- */

/* A checkpoint's way: a temporary folder with a file, renamed; twice, so that one is replaced. */
static gt_status publish(gt_ctx *cx, void *argument) {
  gt_text names = {0};
  char temporary[160], target[160];
  (void)argument;
  snprintf(temporary, sizeof temporary, "%s/new", folder);
  snprintf(target, sizeof target, "%s/whole", folder);
  gt_status status = gt_folder_remove(cx, temporary);
  if (!status) status = gt_folder_make(cx, temporary);
  if (!status) status = gt_folder_publish(cx, temporary, target);
  if (!status) status = gt_folder_list(cx, folder, &names);
  gt_text_free(&names);
  return status;
}

static gt_status make_and_lock(gt_ctx *cx, void *argument) {
  int lock = -1;
  bool held = false;
  (void)argument;
  gt_status status = gt_folder_make(cx, below);
  if (!status) status = gt_folder_lock(cx, below, &lock, &held);
  assert_true(held == (status == GT_OK) && (lock >= 0) == held);
  gt_folder_unlock(lock);
  return status;
}

static gt_status find_files(gt_ctx *cx, void *argument) {
  gt_paths found = {0};
  char pattern[160];
  (void)argument;
  snprintf(pattern, sizeof pattern, "%s/fil?", folder);
  gt_status status = gt_paths_match(cx, pattern, &found);
  if (!status) status = gt_paths_below(cx, folder, &found);
  if (!status) assert_int_equal(found.count, 2);
  gt_paths_free(&found);
  return status;
}

static void folders(void **state) {
  gt_ctx *cx = *state;
  write_text();
  assert_true(fail_every_allocation(cx, publish, NULL, NULL) > 4);
  assert_true(fail_every_allocation(cx, make_and_lock, NULL, NULL) > 2);
  assert_true(fail_every_allocation(cx, find_files, NULL, NULL) > 4);
}

/* ---- tokenizers ---- */

/* Loads a file, encodes and decodes where it can. */
static gt_status load(gt_ctx *cx, void *argument) {
  const char *name = argument;
  gt_tokenizer *tok = NULL;
  gt_tokenizer_format format;
  gt_ids ids = {0};
  gt_text back = {0};
  gt_status status = gt_tokenizer_load(cx, name, &tok, &format);
  assert_true((tok != NULL) == (status == GT_OK));
  if (!status && tok->kind != GT_TOKENIZER_SENTENCEPIECE) {
    status = gt_tokenizer_set_pattern(cx, tok, "test", "gpt2", 4);
    if (!status) status = gt_tokenizer_encode(cx, tok, text, sizeof text - 1, true, &ids);
    assert_true((ids.count > 0) == (status == GT_OK));
  }
  int64_t token = 70;
  if (!status) status = gt_tokenizer_decode(cx, tok, &token, 1, &back);
  gt_text_free(&back);
  gt_ids_free(&ids);
  gt_tokenizer_unref(tok);
  return status;
}

static void loading_tokenizers(void **state) {
  gt_ctx *cx = *state;
  static char *const files[] = {TOKENIZERS "ranks.tiktoken", TOKENIZERS "vocab.json",
                                TOKENIZERS "golf.model", TOKENIZERS "unigram.model"};
  for (int i = 0; i < GT_COUNT(files); i++)
    assert_true(fail_every_allocation(cx, load, NULL, files[i]) > 8);
}

static gt_status train(gt_ctx *cx, gt_tokenizer **out) {
  gt_bpe_trainer *trainer = NULL;
  gt_status status = gt_bpe_trainer_new(cx, "gpt2", 4, NULL, NULL, &trainer);
  if (!status) status = gt_bpe_trainer_add(cx, trainer, text, sizeof text - 1);
  if (!status) status = gt_bpe_trainer_add_file(cx, trainer, path);
  if (!status) status = gt_bpe_trainer_run(cx, trainer, 280, 2, out);
  gt_bpe_trainer_free(trainer);
  return status;
}

/* Each format that can be written, over a file that holds something else. */
static gt_status train_and_save(gt_ctx *cx, void *argument) {
  gt_tokenizer *tok = NULL, *again = NULL;
  gt_tokenizer_format format;
  char file[160];
  (void)argument;
  snprintf(file, sizeof file, "%s/tokenizer", folder);
  gt_status status = train(cx, &tok);
  for (int f = 0; f < 2 && !status; f++) {
    again = NULL;
    status = gt_tokenizer_save(cx, tok, file, f ? GT_FORMAT_MINBPE : GT_FORMAT_GPTSH);
    if (!status) status = gt_tokenizer_load(cx, file, &again, &format);
    if (!status) assert_int_equal(again->vocabulary.size, tok->vocabulary.size);
    gt_tokenizer_unref(again);
  }
  gt_tokenizer_unref(tok);
  return status;
}

static gt_status characters(gt_ctx *cx, void *argument) {
  gt_tokenizer *tok = NULL;
  gt_tokens *tokens = NULL;
  (void)argument;
  gt_status status = gt_tokenizer_chars(cx, text, sizeof text - 1, &tok);
  if (!status) status = gt_tokenizer_add_special(cx, tok, "test", "<|bos|>", 7, -1);
  if (!status) status = gt_tokens_new(cx, tok->vocabulary.size, &tokens);
  if (!status) status = gt_tokens_append_text(cx, tokens, tok, text, sizeof text - 1);
  gt_tokens_unref(tokens);
  gt_tokenizer_unref(tok);
  return status;
}

static gt_status read_text(gt_ctx *cx, void *argument) {
  char *bytes = NULL;
  size_t size = 0;
  bool begins;
  (void)argument;
  gt_status status = gt_text_begins(cx, path, &begins);
  if (!status) status = gt_text_read(cx, path, false, &bytes, &size);
  assert_true((bytes != NULL) == (status == GT_OK));
  gt_free(bytes);
  return status;
}

static void making_tokenizers_and_tokens(void **state) {
  gt_ctx *cx = *state;
  write_text();
  assert_true(fail_every_allocation(cx, train_and_save, NULL, NULL) > 40);
  assert_true(fail_every_allocation(cx, characters, NULL, NULL) > 10);
  assert_int_equal(fail_every_allocation(cx, read_text, NULL, NULL), 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(digests),
      TEST(folders),
      TEST(loading_tokenizers),
      TEST(making_tokenizers_and_tokens),
  };
  return cmocka_run_group_tests_name("data", tests, make_folder, remove_folder);
}
