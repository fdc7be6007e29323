/* summary.c: the summary table, right by default and torchinfo's on request.  The expected
 * texts of the compatible mode were printed by torchinfo 1.8.0 for the notebook's modules. */
#include "tests/core/model.h"

#define RULE                                                                                       \
  "======================================================================================"         \
  "====\n"
#define HEAD                                                                                       \
  RULE "Layer (type:depth-idx)                   Output Shape              Param #\n" RULE

static gt_summary summarise(gt_module *m, const gt_arguments *args, bool compat) {
  gt_summary_options options = {.compat = compat, .depth = 3};
  gt_summary s;
  ok(gt_summary_make(cx, m, args, &options, &s));
  return s;
}

/* x (1, 1024, 1024) and the rotary pair of the default config. */
static gt_arguments layer_arguments(bool with_tables) {
  gt_arguments args = {.count = 1};
  args.arg[0] = (gt_argument){1, {meta(GT_F32, 3, (int64_t[]){1, 1024, 1024})}};
  if (!with_tables) return args;
  gt_tensor *table = meta(GT_BF16, 4, (int64_t[]){1, 1024, 1, 64});
  args.arg[1] = (gt_argument){2, {table, gt_tensor_ref(table)}};
  args.count = 2;
  return args;
}

static void drop(gt_arguments *args) {
  for (int i = 0; i < 4; i++) {
    gt_tensor_unref(cx, args->arg[i].at[0]);
    gt_tensor_unref(cx, args->arg[i].at[1]);
  }
}

static void a_block_prints_as_torchinfo_prints_it(void **state) {
  (void)state;
  gt_module *m = NULL;
  gt_arguments args = layer_arguments(true);
  gt_gpt_config config = gt_gpt_defaults();
  ok(gt_block_new(cx, &config, &gt_backend_meta, &m));
  gt_summary s = summarise(m, &args, true);
  assert_string_equal(
      s.text.data, HEAD
      "TransformerBlock                         [1, 1024, 1024]           --\n"
      "├─MultiHeadAttention: 1-1                [1, 1024, 1024]           --\n"
      "│    └─Linear: 2-1                       [1, 1024, 1024]           1,048,576\n"
      "│    └─Linear: 2-2                       [1, 1024, 1024]           1,048,576\n"
      "│    └─Linear: 2-3                       [1, 1024, 1024]           1,048,576\n"
      "│    └─Linear: 2-4                       [1, 1024, 1024]           1,048,576\n"
      "├─FeedForward: 1-2                       [1, 1024, 1024]           --\n"
      "│    └─Linear: 2-5                       [1, 1024, 3072]           3,145,728\n"
      "│    └─Linear: 2-6                       [1, 1024, 1024]           3,145,728\n" RULE
      "Total params: 10,485,760\n"
      "Trainable params: 10,485,760\n"
      "Non-trainable params: 0\n"
      "Total mult-adds (Units.MEGABYTES): 10.49\n" RULE "Input size (MB): 4.46\n"
      "Forward/backward pass size (MB): 67.11\n"
      "Params size (MB): 41.94\n"
      "Estimated Total Size (MB): 113.51\n"
      "=========================================================================================="
      "");
  gt_summary_free(&s);
  drop(&args);
  gt_module_unref(cx, m);
}

/* FNV-1a of the text and a final newline; the 90 lines of the notebook's model have the sha256
 * b86886873036eeb67a07ce37ccbdd054bd3ba3f1933c0c09ce7842c763cc9839. */
static uint64_t fingerprint(const gt_text *text) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i <= text->length; i++) {
    unsigned char byte = i < text->length ? (unsigned char)text->data[i] : '\n';
    h = (h ^ byte) * 1099511628211u;
  }
  return h;
}

static gt_arguments tokens(void) {
  gt_arguments args = {.count = 1};
  args.arg[0] = (gt_argument){1, {meta(GT_I64, 2, (int64_t[]){1, 1024})}};
  return args;
}

static void the_whole_model_prints_as_torchinfo_prints_it(void **state) {
  (void)state;
  gt_module *m = NULL;
  gt_arguments args = tokens();
  gt_gpt_config config = gt_gpt_defaults();
  ok(gt_gpt_new(cx, &config, &gt_backend_meta, &m));
  gt_summary s = summarise(m, &args, true);
  assert_true(fingerprint(&s.text) == 0x940f57d3351ade8du);
  gt_summary_free(&s);
  drop(&args);
  gt_module_unref(cx, m);
}

static void default_figures_count_a_tied_table_once(void **state) {
  (void)state;
  gt_module *m = NULL;
  gt_arguments args = tokens();
  gt_gpt_config config = gt_gpt_defaults();
  ok(gt_gpt_new(cx, &config, &gt_backend_meta, &m));
  gt_summary s = summarise(m, &args, false);
  assert_int_equal(s.total_params, 285212672);
  assert_int_equal(s.trainable_params, 285212672);
  assert_int_equal(s.tied_params, 33554432);
  assert_int_equal(s.mult_adds, 285212672LL * 1024);
  const char *tail =
      "├─Linear: 1-3                            [1, 1024, 32768]          (tied)\n" RULE
      "Total params: 285,212,672\n"
      "Trainable params: 285,212,672\n"
      "Non-trainable params: 0\n"
      "Tied params counted once: 33,554,432 (lm_head.weight = token_embedding.weight)\n"
      "Total mult-adds (G): 292.06\n" RULE "Input size (MB): 0.01\n"
      "Forward/backward pass size (MB): 1887.44\n"
      "Params size (MB): 1140.85\n"
      "Estimated Total Size (MB): 3028.30\n";
  assert_non_null(strstr(s.text.data, tail));
  gt_summary_free(&s);
  drop(&args);
  gt_module_unref(cx, m);
}

static void frozen_and_repeated_modules_are_marked(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_arguments args = {.count = 1};
  args.arg[0] = (gt_argument){1, {meta(GT_I64, 2, (int64_t[]){2, 5})}};
  gt_module_requires_grad(cx, module_at(m, "blocks.0.ff"), false);
  ok(gt_module_append(cx, module_at(m, "blocks"), module_at(m, "blocks.0")));
  gt_summary s = summarise(m, &args, false);
  assert_int_equal(s.total_params, 97 * 48 + 2 * (4 * 48 * 48 + 2 * 48 * 96));
  assert_int_equal(s.trainable_params, s.total_params - 2 * 48 * 96);
  assert_non_null(strstr(s.text.data, "[2, 5, 48]                (9,216)\n"));
  assert_non_null(strstr(s.text.data, "(recursive)\n"));
  gt_summary_free(&s);
  drop(&args);
  gt_module_unref(cx, m);
}

static gt_status failing_forward(gt_ctx *context, gt_module *m, const gt_arguments *args,
                                 gt_tensor **out) {
  (void)m;
  (void)args;
  (void)out;
  return gt_fail(context, GT_EARG, "no luck today");
}

/* The model lives on the CPU: its weights must come back whatever happens, and no byte be taken. */
static void the_model_is_restored_after_success_and_failure(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_tensor *w = weight_at(m, "blocks.0.attn.key");
  gt_storage *storage = w->storage;
  gt_arguments args = {.count = 1};
  args.arg[0] = (gt_argument){1, {zeros(GT_I64, 2, (int64_t[]){2, 5})}};
  gt_memory_reset_peak(cx, cx->cpu);
  size_t before = gt_memory(cx, cx->cpu).peak;
  gt_summary s = summarise(m, &args, false);
  assert_int_equal(gt_memory(cx, cx->cpu).peak, before);
  assert_ptr_equal(w->storage, storage);
  assert_true(cx->grad_enabled && !cx->observer);
  gt_summary_free(&s);
  module_at(m, "blocks.1.ff")->forward = failing_forward;
  refused(gt_summary_make(cx, m, &args, &(gt_summary_options){.depth = 3}, &s),
          "summary: forward of GPT failed: no luck today");
  assert_null(strstr(cx->message, "input_data"));
  assert_ptr_equal(w->storage, storage);
  assert_ptr_equal(gt_device_of(w), cx->cpu);
  assert_true(cx->grad_enabled && !cx->observer);
  drop(&args);
  gt_module_unref(cx, m);
}

static void a_missing_argument_is_named(void **state) {
  (void)state;
  gt_module *m = NULL;
  gt_summary s;
  gt_arguments args = layer_arguments(false);
  gt_gpt_config config = gt_gpt_defaults();
  ok(gt_attention_new(cx, &config, &gt_backend_meta, &m));
  refused(gt_summary_make(cx, m, &args, &(gt_summary_options){.depth = 3}, &s),
          "summary: forward of MultiHeadAttention failed: MultiHeadAttention: expected cos_sin, a "
          "pair of tensors, got nil\n  forward takes (x, cos_sin); 1 input supplied. Pass the rest "
          "with input_data = {...}");
  drop(&args);
  gt_module_unref(cx, m);
}

/* Every allocation fails once: an error, and the model as before. */
static void allocation_faults_leave_the_model_whole(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_tensor *w = weight_at(m, "blocks.1.ff.proj_up");
  gt_storage *storage = w->storage;
  gt_arguments args = {.count = 1};
  args.arg[0] = (gt_argument){1, {meta(GT_I64, 2, (int64_t[]){2, 5})}};
  gt_summary_options options = {.depth = 3};
  gt_summary s;
  gt_status status = GT_ENOMEM;
  for (int n = 0; status != GT_OK; n++) {
    assert_true(n < 20000);
    cx->fail_after = n;
    status = gt_summary_make(cx, m, &args, &options, &s);
    cx->fail_after = -1;
    assert_ptr_equal(w->storage, storage);
  }
  gt_summary_free(&s);
  drop(&args);
  gt_module_unref(cx, m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_block_prints_as_torchinfo_prints_it),
      TEST(the_whole_model_prints_as_torchinfo_prints_it),
      TEST(default_figures_count_a_tied_table_once),
      TEST(frozen_and_repeated_modules_are_marked),
      TEST(the_model_is_restored_after_success_and_failure),
      TEST(a_missing_argument_is_named),
      TEST(allocation_faults_leave_the_model_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
