/* sample.c: temperature, then top-k, then top-p over what is left, then one draw.
 *
 * Candidates are kept as (logit, token) pairs.  They are sorted only when a choice among the
 * largest is asked for, and never more of them than can matter: quickselect leaves the k largest;
 * tokens below (1 - p) / V hold less than 1 - p together and lie outside any nucleus. */
#include "core/model/sample.h"

#include "core/tensor/op.h"
#include "core/tensor/rng.h"
#include "core/tensor/rng_math.h"
#include "core/tensor/text.h"

#include <math.h>
#include <stdlib.h>

typedef struct candidate {
  float logit;
  int32_t token;
} candidate;

typedef struct candidates {
  candidate *at;
  double *weight; /* (V) exp((logit - top) / temperature) */
  int64_t count;
} candidates;

gt_status gt_sampling_check(gt_ctx *cx, const gt_sampling *s) {
  char text[GT_NUMBER_TEXT];
  if (!(s->temperature >= 0 && s->temperature < INFINITY))
    return gt_fail(cx, GT_EARG, "sample: expected temperature >= 0, got %s",
                   gt_number_text(s->temperature, text));
  if (s->top_k < 0)
    return gt_fail(cx, GT_EARG, "sample: expected top_k >= 1, got %lld", (long long)s->top_k);
  if (!(s->top_p > 0 && s->top_p <= 1))
    return gt_fail(cx, GT_EARG, "sample: expected top_p in (0, 1], got %s",
                   gt_number_text(s->top_p, text));
  return GT_OK;
}

/* ---- order: larger logits first, smaller tokens first among equals ---- */

static bool precedes(candidate a, candidate b) {
  return a.logit > b.logit || (a.logit == b.logit && a.token < b.token);
}

static int compare(const void *x, const void *y) {
  return precedes(*(const candidate *)x, *(const candidate *)y) ? -1 : 1;
}

static void swap(candidate *a, candidate *b) {
  candidate kept = *a;
  *a = *b;
  *b = kept;
}

/* The k first in order come to the front, in any order (Hoare's quickselect). */
static void select_first(candidate *at, int64_t count, int64_t k) {
  int64_t low = 0, high = count - 1;
  while (low < high) {
    candidate pivot = at[low + (high - low) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (precedes(at[i], pivot)) i++;
      while (precedes(pivot, at[j])) j--;
      if (i <= j) swap(&at[i++], &at[j--]);
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      return;
  }
}

/* ---- one row ---- */

/* The logits as candidates, without those of -infinity; *best is the largest. */
static gt_status read_row(gt_ctx *cx, const float *logits, int64_t V, candidates *c,
                          candidate *best) {
  c->count = 0;
  *best = (candidate){-INFINITY, 0};
  for (int64_t i = 0; i < V; i++) {
    if (logits[i] == -INFINITY) continue;
    if (!isfinite(logits[i]))
      return gt_fail(cx, GT_EARG, "sample: expected finite logits, got %s for token %lld",
                     isnan(logits[i]) ? "nan" : "inf", (long long)i);
    c->at[c->count] = (candidate){logits[i], (int32_t)i};
    if (c->count == 0 || logits[i] > best->logit) *best = c->at[c->count];
    c->count++;
  }
  if (c->count > 0) return GT_OK;
  return gt_fail(cx, GT_EARG, "sample: expected a logit above -inf, got none");
}

/* Sets the weights; returns their sum. */
static double weigh(candidates *c, double top, double temperature) {
  double sum = 0;
  for (int64_t i = 0; i < c->count; i++) {
    c->weight[i] = exp((c->at[i].logit - top) / temperature);
    sum += c->weight[i];
  }
  return sum;
}

/* Keeps the fewest largest candidates that hold the share p; returns the new sum of weights. */
static double keep_nucleus(candidates *c, double top, const gt_sampling *s, double sum) {
  double least = (1 - s->top_p) / (double)c->count * sum, held = 0;
  int64_t kept = 0;
  for (int64_t i = 0; i < c->count; i++) {
    if (c->weight[i] >= least) c->at[kept++] = c->at[i];
  }
  c->count = kept;
  qsort(c->at, (size_t)c->count, sizeof *c->at, compare);
  weigh(c, top, s->temperature);
  for (kept = 0; kept < c->count && held < s->top_p * sum; kept++) held += c->weight[kept];
  c->count = kept;
  return held;
}

/* A token with probability weight / sum. */
static int64_t draw(const candidates *c, double sum, uint64_t seed, uint64_t position,
                    uint64_t row) {
  uint32_t word[4];
  gt_philox(seed, position, row, word);
  double left = gt_unit_f64((uint64_t)word[0] << 32 | word[1]) * sum;
  int64_t last = 0;
  for (int64_t i = 0; i < c->count; i++) {
    if (c->weight[i] == 0) continue;
    last = i;
    left -= c->weight[i];
    if (left < 0) break;
  }
  return c->at[last].token;
}

static gt_status sample_row(gt_ctx *cx, const float *logits, int64_t V, const gt_sampling *s,
                            uint64_t position, uint64_t row, candidates *c, int64_t *out) {
  candidate best;
  GT_TRY(read_row(cx, logits, V, c, &best));
  if (s->temperature == 0) {
    *out = best.token;
    return GT_OK;
  }
  if (s->top_k > 0 && s->top_k < c->count) {
    select_first(c->at, c->count, s->top_k - 1);
    c->count = s->top_k;
    qsort(c->at, (size_t)c->count, sizeof *c->at, compare);
  }
  double sum = weigh(c, best.logit, s->temperature);
  if (s->top_p < 1) sum = keep_nucleus(c, best.logit, s, sum);
  *out = draw(c, sum, s->seed, position, row);
  return GT_OK;
}

gt_status gt_sample(gt_ctx *cx, gt_tensor *logits, const gt_sampling *s, uint64_t position,
                    int64_t *out) {
  gt_spec spec = gt_spec_of(logits);
  char text[GT_SHAPE_TEXT];
  GT_TRY(gt_sampling_check(cx, s));
  if (spec.ndim != 2 || spec.shape[1] < 1 || spec.shape[1] > INT32_MAX ||
      !gt_dtype_is_float(spec.dtype))
    return gt_fail(cx, GT_ESHAPE, "sample: expected float logits (B, V), got %s %s",
                   gt_dtype_name(spec.dtype), gt_shape_text(&spec, text));
  size_t B = (size_t)spec.shape[0], V = (size_t)spec.shape[1];
  candidates c = {0};
  float *values = gt_malloc(cx, B * V * sizeof *values);
  if (values) c.weight = gt_malloc(cx, V * sizeof *c.weight);
  if (c.weight) c.at = gt_malloc(cx, V * sizeof *c.at);
  gt_status status = c.at ? gt_read(cx, logits, GT_F32, values) : GT_ENOMEM;
  for (size_t b = 0; b < B && status == GT_OK; b++)
    status = sample_row(cx, values + b * V, (int64_t)V, s, position, b, &c, &out[b]);
  gt_free(values);
  gt_free(c.weight);
  gt_free(c.at);
  return status;
}
