/* module.c: the module tree: slots, walks, text, loading, moving. */
#include "tests/core/model.h"

/* ---- slots ---- */

static gt_module *plain(void) {
  gt_module *m = NULL;
  ok(gt_module_new(cx, &gt_class_module, &m));
  return m;
}

static gt_tensor *matrix(void) { return zeros(GT_F32, 2, (int64_t[]){2, 3}); }

static void a_name_that_changes_kind_moves_to_the_end(void **state) {
  (void)state;
  gt_module *m = plain();
  gt_module *child = plain();
  gt_tensor *a = matrix();
  gt_tensor *b = matrix();
  ok(gt_module_set_module(cx, m, "x", child));
  ok(gt_module_set_parameter(cx, m, "y", a));
  ok(gt_module_set_parameter(cx, m, "x", b)); /* was a module */
  assert_int_equal(m->slot_count, 2);
  assert_string_equal(m->slots[0].name, "y");
  assert_string_equal(m->slots[1].name, "x");
  assert_ptr_equal(m->slots[1].tensor, b);
  assert_int_equal(child->refs, 1);
  ok(gt_module_set_parameter(cx, m, "y", b)); /* the same kind stays in its place */
  assert_string_equal(m->slots[0].name, "y");
  assert_int_equal(a->refs, 1);
  ok(gt_module_set_parameter(cx, m, "y", b)); /* itself again */
  assert_int_equal(b->refs, 3);
  assert_true(b->parameter && b->boxed);
  assert_true(gt_module_remove(cx, m, "y"));
  assert_false(gt_module_remove(cx, m, "y"));
  gt_tensor_unref(cx, a);
  gt_tensor_unref(cx, b);
  gt_module_unref(cx, child);
  gt_module_unref(cx, m);
}

static void bad_slots_are_refused(void **state) {
  (void)state;
  gt_module *m = plain();
  gt_module *child = plain();
  gt_tensor *t = matrix();
  gt_tensor *y = NULL;
  refused(gt_module_set_parameter(cx, m, "a.b", t), "dot");
  refused(gt_module_set_parameter(cx, m, "", t), "empty");
  ok(gt_module_set_module(cx, m, "child", child));
  refused(gt_module_set_module(cx, child, "up", m), "contain itself");
  refused(gt_module_set_module(cx, m, "me", m), "contain itself");
  t->requires_grad = true;
  ok(gt_apply2(cx, "add", t, t, NULL, &y));
  refused(gt_module_set_parameter(cx, m, "y", y), "leaf");
  assert_int_equal(m->slot_count, 1);
  gt_arguments args = {.count = 1, .arg = {{.count = 1, .at = {t}}}};
  refused(gt_module_call(cx, m, &args, &y), "has no forward");
  gt_tensor_unref(cx, t);
  gt_tensor_unref(cx, y);
  gt_module_unref(cx, child);
  gt_module_unref(cx, m);
}

static gt_status count_visit(gt_ctx *context, const gt_entry *entry, void *data) {
  (void)context;
  (void)entry;
  ++*(int *)data;
  return GT_OK;
}

/* 100,000 levels: released in constant stack, walked with a clear error. */
static void very_deep_trees_do_not_overflow_the_stack(void **state) {
  (void)state;
  gt_module *root = plain();
  gt_module *at = root;
  int visits = 0;
  for (int i = 0; i < 100000; i++) {
    gt_module *child = plain();
    ok(gt_module_adopt(cx, at, "child", child));
    at = child;
  }
  gt_text text = {0};
  refused(gt_each_parameter(cx, root, true, count_visit, &visits), "nested deeper");
  refused(gt_each_module(cx, root, count_visit, &visits), "nested deeper");
  refused(gt_module_repr(cx, root, &text), "nested deeper");
  gt_module_train(cx, root, false);
  assert_false(at->training);
  gt_text_free(&text);
  gt_module_unref(cx, root);
}

/* ---- walks ---- */

static gt_status list_name(gt_ctx *context, const gt_entry *entry, void *data) {
  gt_text_add(context, data, "%s\n", entry->name);
  return GT_OK;
}

static void names_are_those_of_the_notebook(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_text text = {0};
  ok(gt_each_parameter(cx, m, true, list_name, &text));
  assert_string_equal(text.data, "token_embedding.weight\n"
                                 "blocks.0.attn.key.weight\n"
                                 "blocks.0.attn.query.weight\n"
                                 "blocks.0.attn.value.weight\n"
                                 "blocks.0.attn.proj.weight\n"
                                 "blocks.0.ff.proj_up.weight\n"
                                 "blocks.0.ff.proj_down.weight\n"
                                 "blocks.1.attn.key.weight\n"
                                 "blocks.1.attn.query.weight\n"
                                 "blocks.1.attn.value.weight\n"
                                 "blocks.1.attn.proj.weight\n"
                                 "blocks.1.ff.proj_up.weight\n"
                                 "blocks.1.ff.proj_down.weight\n");
  gt_text_free(&text);
  ok(gt_each_buffer(cx, m, list_name, &text));
  assert_string_equal(text.data, "cos\nsin\n");
  gt_text_free(&text);
  int states = 0;
  ok(gt_each_state(cx, m, count_visit, &states)); /* the tie twice, no rotary tables */
  assert_int_equal(states, 14);
  ok(gt_apply_modules(cx, m, list_name, &text));
  assert_memory_equal(text.data, "token_embedding\nblocks.0.attn.key\n", 34); /* children first */
  assert_string_equal(text.data + text.length - 16, "blocks\nlm_head\n\n");
  gt_text_free(&text);
  gt_module_unref(cx, m);
}

static void own_parameters_come_before_those_of_children(void **state) {
  (void)state;
  gt_module *m = plain();
  gt_module *linear = NULL;
  gt_tensor *t = matrix();
  gt_text text = {0};
  ok(gt_linear_new(cx, 3, 2, true, GT_F32, cx->cpu, &linear));
  ok(gt_module_adopt(cx, m, "layer", linear));
  ok(gt_module_set_buffer(cx, m, "table", t, true));
  ok(gt_module_set_parameter(cx, m, "gain", t));
  ok(gt_each_state(cx, m, list_name, &text));
  assert_string_equal(text.data, "gain\ntable\nlayer.weight\nlayer.bias\n");
  gt_text_free(&text);
  gt_tensor_unref(cx, t);
  gt_module_unref(cx, m);
}

static void tied_parameters_count_once(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  assert_ptr_equal(weight_at(m, "lm_head"), weight_at(m, "token_embedding"));
  /* table 97 x 48; per block four 48 x 48 and two 48 x 96 */
  assert_int_equal(gt_module_parameter_count(cx, m), 97 * 48 + 2 * (4 * 48 * 48 + 2 * 48 * 96));
  gt_module_unref(cx, m);
}

/* ---- text ---- */

static void repr_collapses_equal_neighbours(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_module *norm = NULL;
  gt_text text = {0};
  ok(gt_module_repr(cx, m, &text));
  assert_string_equal(text.data,
                      "GPT(\n"
                      "  (token_embedding): Embedding(97, 48)\n"
                      "  (blocks): ModuleList(\n"
                      "    (0-1): 2 x TransformerBlock(\n"
                      "      (attn): MultiHeadAttention(\n"
                      "        (key): Linear(in_features=48, out_features=48, bias=False)\n"
                      "        (query): Linear(in_features=48, out_features=48, bias=False)\n"
                      "        (value): Linear(in_features=48, out_features=48, bias=False)\n"
                      "        (proj): Linear(in_features=48, out_features=48, bias=False)\n"
                      "      )\n"
                      "      (ff): FeedForward(\n"
                      "        (proj_up): Linear(in_features=48, out_features=96, bias=False)\n"
                      "        (proj_down): Linear(in_features=96, out_features=48, bias=False)\n"
                      "      )\n"
                      "    )\n"
                      "  )\n"
                      "  (lm_head): Linear(in_features=48, out_features=97, bias=False)\n"
                      ")");
  gt_text_free(&text);
  gt_module *list = module_at(m, "blocks");
  ok(gt_rms_norm_new(cx, 48, 1e-5, true, GT_F32, cx->cpu, &norm));
  ok(gt_module_append(cx, list, norm));
  gt_module_unref(cx, norm);
  ok(gt_module_append(cx, list, module_at(m, "blocks.0.ff.proj_up")));
  ok(gt_module_repr(cx, list, &text));
  assert_non_null(strstr(text.data, "  (0-1): 2 x TransformerBlock("));
  assert_non_null(strstr(text.data, "\n  (2): RMSNorm((48,), eps=1e-05, elementwise_affine=True)\n"
                                    "  (3): Linear(in_features=48"));
  gt_text_free(&text);
  gt_module_unref(cx, m);
  ok(gt_module_list_new(cx, &list));
  ok(gt_module_repr(cx, list, &text));
  assert_string_equal(text.data, "ModuleList()");
  gt_text_free(&text);
  gt_module_unref(cx, list);
}

static void the_dtype_table_has_a_line_per_tensor(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_text text = {0};
  ok(gt_dtype_table(cx, m, &text));
  const char *head = "Layer Name                               | Type            | Dtype\n"
                     "----------------------------------------------------------------------\n"
                     "token_embedding.weight                   | Parameter       | torch.float32\n";
  assert_memory_equal(text.data, head, strlen(head));
  const char *tail =
      "\nsin                                      | Buffer          | torch.bfloat16";
  assert_string_equal(text.data + text.length - strlen(tail), tail);
  gt_text_free(&text);
  gt_module_unref(cx, m);
}

/* ---- loading ---- */

typedef struct dict {
  const char *names[32];
  gt_tensor *tensors[32];
  int count;
} dict;

static char *kept_names[32];

static gt_status collect(gt_ctx *context, const gt_entry *entry, void *data) {
  dict *d = data;
  kept_names[d->count] = gt_strdup(context, entry->name);
  d->names[d->count] = kept_names[d->count];
  d->tensors[d->count] = gt_tensor_ref(entry->slot->tensor);
  d->count++;
  return GT_OK;
}

static dict state_of(gt_module *m) {
  dict d = {.count = 0};
  ok(gt_each_state(cx, m, collect, &d));
  return d;
}

static void dict_free(dict *d) {
  for (int i = 0; i < d->count; i++) {
    gt_tensor_unref(cx, d->tensors[i]);
    free(kept_names[i]);
  }
}

static gt_status load(gt_module *m, const dict *d, bool strict) {
  return gt_module_load(cx, m, d->count, d->names, d->tensors, strict);
}

static void a_state_dict_moves_between_models(void **state) {
  (void)state;
  gt_module *from = small_gpt();
  gt_module *to = small_gpt();
  dict d = state_of(from);
  assert_string_equal(d.names[d.count - 1], "lm_head.weight");
  d.names[1] = "_orig_mod.module.blocks.0.attn.key.weight"; /* as compilers and wrappers write it */
  dict short_of_one = d;
  short_of_one.count--; /* without the alias of the tied table */
  ok(load(to, &short_of_one, true));
  gt_tensor *a = weight_at(from, "blocks.0.attn.key");
  gt_tensor *b = weight_at(to, "blocks.0.attn.key");
  assert_memory_equal(gt_data(a), gt_data(b), 48 * 48 * sizeof(float));
  a = weight_at(from, "token_embedding");
  assert_memory_equal(gt_data(a), gt_data(weight_at(to, "lm_head")), 97 * 48 * sizeof(float));
  dict_free(&d);
  gt_module_unref(cx, from);
  gt_module_unref(cx, to);
}

static void loading_is_all_or_nothing(void **state) {
  (void)state;
  gt_module *from = small_gpt();
  gt_module *to = small_gpt();
  dict d = state_of(from);
  float before = (float)element(weight_at(to, "token_embedding"), 0);
  gt_tensor *right = d.tensors[3];
  gt_tensor *wrong = zeros(GT_F32, 2, (int64_t[]){64, 64});
  d.names[2] = "blocks.7.nothing";
  d.tensors[3] = wrong;
  refused(load(to, &d, true), "missing: blocks.0.attn.query.weight");
  assert_non_null(strstr(cx->message, "unexpected: blocks.7.nothing"));
  assert_non_null(
      strstr(cx->message, "blocks.0.attn.value.weight is (48, 48) in the model, (64, 64) given"));
  assert_true(element(weight_at(to, "token_embedding"), 0) == before);
  refused(load(to, &d, false), "of another shape");
  d.tensors[3] = right;
  d.names[4] = d.names[5];
  refused(load(to, &d, false), "given twice: blocks.0.ff.proj_up.weight");
  d.names[4] = kept_names[4];
  ok(load(to, &d, false)); /* not strict: missing and unexpected names are passed over */
  assert_true(element(weight_at(to, "token_embedding"), 0) != before);
  gt_tensor_unref(cx, wrong);
  dict_free(&d);
  gt_module_unref(cx, from);
  gt_module_unref(cx, to);
}

/* ---- moving ---- */

static void moving_keeps_identity_and_ties(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  gt_tensor *table = weight_at(m, "token_embedding");
  float before = (float)element(table, 5);
  ok(gt_module_to(cx, m, &(gt_dtype){GT_F64}, NULL));
  assert_ptr_equal(weight_at(m, "lm_head"), table);
  assert_int_equal(table->dtype, GT_F64);
  assert_true(((double *)gt_data(table))[5] == (double)before);
  assert_int_equal(gt_module_slot(m, "cos")->tensor->dtype, GT_F64);
  refused(gt_module_to(cx, m, &(gt_dtype){GT_I64}, NULL), "float dtype");
  gt_module_unref(cx, m);
}

/* Every allocation of construction and init_weights fails once, alone and with all that follow;
 * close_context sees what is left behind. */
static void allocation_faults_undo_construction(void **state) {
  (void)state;
  gt_gpt_config config = gpt_config(48, 2, 3, 2, 97, 16);
  for (int persist = 0; persist < 2; persist++) {
    bool reached = true; /* a request for a large segment that fails is followed by a smaller one */
    int failures = 0;
    for (int n = 0; reached; n++) {
      assert_true(n < 5000);
      gt_module *m = NULL;
      gt_memory_trim(cx, cx->cpu);
      cx->fail_after = n;
      cx->fail_persist = persist;
      gt_status status = gt_gpt_new(cx, &config, cx->cpu, &m);
      assert_true((status == GT_OK) == (m != NULL));
      if (status == GT_OK) status = gt_gpt_init_weights(cx, m);
      reached = cx->fail_after <= 0;
      cx->fail_after = -1;
      assert_true(status == GT_OK || status == GT_ENOMEM);
      failures += status != GT_OK;
      gt_module_unref(cx, m);
      assert_int_equal(gt_memory(cx, cx->cpu).live, 0);
    }
    assert_true(failures > 100);
  }
}

/* Every allocation of moving and loading fails once: an error, nothing changed, nothing lost. */
static void allocation_faults_leave_the_model_whole(void **state) {
  (void)state;
  gt_module *m = small_gpt();
  dict d = state_of(m);
  gt_status status = GT_ENOMEM;
  for (int n = 0; status != GT_OK; n++) {
    assert_true(n < 2000);
    cx->fail_after = n;
    status = load(m, &d, true);
    if (status == GT_OK) status = gt_module_to(cx, m, &(gt_dtype){GT_BF16}, NULL);
    cx->fail_after = -1;
    if (status != GT_OK) assert_int_equal(weight_at(m, "blocks.1.attn.key")->dtype, GT_F32);
  }
  assert_int_equal(weight_at(m, "blocks.1.attn.key")->dtype, GT_BF16);
  dict_free(&d);
  gt_module_unref(cx, m);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_name_that_changes_kind_moves_to_the_end),
      TEST(bad_slots_are_refused),
      TEST(very_deep_trees_do_not_overflow_the_stack),
      TEST(names_are_those_of_the_notebook),
      TEST(own_parameters_come_before_those_of_children),
      TEST(tied_parameters_count_once),
      TEST(repr_collapses_equal_neighbours),
      TEST(the_dtype_table_has_a_line_per_tensor),
      TEST(a_state_dict_moves_between_models),
      TEST(loading_is_all_or_nothing),
      TEST(moving_keeps_identity_and_ties),
      TEST(allocation_faults_undo_construction),
      TEST(allocation_faults_leave_the_model_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
