/* model.h: what the tests of core/model and core/train share: a context with the real ops and short
 * forms of common calls. */
#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include "core/model/block.h"
#include "core/model/gpt.h"
#include "core/model/inspect.h"
#include "core/model/nn.h"
#include "core/tensor/allocator.h"
#include "core/tensor/graph.h"
#include "core/tensor/level.h"
#include "core/tensor/rng.h"
#include "core/tensor/run.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static gt_ctx *cx;

static int open_context(void **state) {
  (void)state;
  const gt_cpu_level *level = gt_cpu_level_best();
  gt_config config = {
      .cpu = level->cpu, .ops = level->ops, .op_count = level->op_count, .threads = 2};
  return gt_ctx_new(&config, &cx);
}

/* Every byte that a test took must be back. */
static int close_context(void **state) {
  (void)state;
  size_t live = gt_memory(cx, cx->cpu).live;
  if (live) fprintf(stderr, "%zu bytes of tensors were not released\n", live);
  gt_ctx_free(cx);
  return live != 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_context, close_context)

static inline void ok(gt_status status) {
  if (status != GT_OK) fail_msg("%s", cx->message);
}

/* The call failed with this text somewhere in its message. */
static inline void refused(gt_status status, const char *text) {
  assert_int_not_equal(status, GT_OK);
  if (!strstr(cx->message, text)) fail_msg("expected '%s' in: %s", text, cx->message);
}

/* The notebook's settings with other sizes. */
static inline gt_gpt_config gpt_config(int64_t width, int64_t layers, int64_t heads, int64_t ratio,
                                       int64_t vocab, int64_t length) {
  gt_gpt_config config = gt_gpt_defaults();
  config.hidden_dim = width;
  config.n_layers = layers;
  config.n_heads = heads;
  config.mlp_ratio = ratio;
  config.vocab_size = vocab;
  config.sequence_len = length;
  return config;
}

static inline gt_module *small_gpt(void) {
  gt_gpt_config config = gpt_config(48, 2, 3, 2, 97, 16);
  gt_module *m = NULL;
  ok(gt_gpt_new(cx, &config, cx->cpu, &m));
  return m;
}

static inline gt_tensor *zeros(gt_dtype dtype, int ndim, const int64_t *shape) {
  gt_spec spec = gt_spec_make(dtype, ndim, shape);
  gt_tensor *t = NULL;
  ok(gt_tensor_zeros(cx, &spec, cx->cpu, &t));
  return t;
}

static inline gt_tensor *meta(gt_dtype dtype, int ndim, const int64_t *shape) {
  gt_spec spec = gt_spec_make(dtype, ndim, shape);
  gt_tensor *t = NULL;
  ok(gt_tensor_new(cx, &spec, &gt_backend_meta, &t));
  return t;
}

/* The module at a dotted path. */
static inline gt_module *module_at(gt_module *m, const char *path) {
  char part[64];
  while (m && *path) {
    size_t n = strcspn(path, ".");
    snprintf(part, sizeof part, "%.*s", (int)n, path);
    m = gt_module_child(m, part);
    path += n + (path[n] == '.');
  }
  return m;
}

static inline gt_tensor *weight_at(gt_module *m, const char *path) {
  const gt_slot *slot = gt_module_slot(module_at(m, path), "weight");
  return slot ? slot->tensor : NULL;
}

static inline double element(const gt_tensor *t, int64_t i) { return ((float *)gt_data(t))[i]; }

/* Standard deviation around zero. */
static inline double spread(const gt_tensor *t) {
  double sum = 0;
  for (int64_t i = 0; i < gt_count(t); i++) sum += element(t, i) * element(t, i);
  return sqrt(sum / (double)gt_count(t));
}

static inline void assert_near(double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance)) fail_msg("expected %.17g, got %.17g", want, got);
}

#endif
