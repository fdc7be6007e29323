/* init.c: the initializers of one tensor; one row of the table each.
 *
 * fan_out = shape[0], fan_in = the rest.  Sources: Glorot & Bengio 2010 (xavier), He et al. 2015
 * (kaiming), Saxe et al. 2014 (orthogonal), Yang et al. arXiv 2310.17813 (spectral). */
#include "core/model/init.h"

#include "core/tensor/frame.h"
#include "core/tensor/pool.h"
#include "core/tensor/rng.h"
#include "core/tensor/text.h"

#include <math.h>

typedef struct fans {
  double in, out;
} fans;

static gt_status fans_of(gt_ctx *cx, const gt_tensor *t, const char *name, fans *out) {
  gt_spec spec = gt_spec_of(t);
  char text[GT_SHAPE_TEXT];
  if (t->ndim < 2)
    return gt_fail(cx, GT_ESHAPE, "%s: expected a matrix (out, in), got %s", name,
                   gt_shape_text(&spec, text));
  double in = 1;
  for (int i = 1; i < t->ndim; i++) in *= (double)t->shape[i];
  *out = (fans){.in = in, .out = (double)t->shape[0]};
  return GT_OK;
}

/* ---- truncated normal ---- */

/* x with Phi(x) = p: Newton from 0, which approaches the root from one side because Phi is convex
 * on the negative half. */
static double normal_quantile(double p) {
  if (p > 0.5) return -normal_quantile(1 - p);
  double x = 0;
  for (int i = 0; i < 60; i++) {
    double density = exp(-0.5 * x * x) / sqrt(2 * M_PI);
    double step = (0.5 * erfc(-x / sqrt(2)) - p) / density;
    x -= step;
    if (fabs(step) < 1e-15 * (1 + fabs(x))) break;
  }
  return x;
}

typedef struct truncation {
  double *x; /* (n) uniform in, truncated normal out */
  double mean, std, low, high;
} truncation;

static void truncate_chunk(void *argument, int64_t begin, int64_t end) {
  const truncation *job = argument;
  for (int64_t i = begin; i < end; i++) {
    double x = job->mean + job->std * normal_quantile(job->x[i]);
    job->x[i] = fmin(fmax(x, job->low), job->high);
  }
}

/* Cut at -2 and 2, PyTorch's defaults, which are absolute and not in units of std. */
static gt_status fill_trunc_normal(gt_ctx *cx, gt_tensor *t, double mean, double std) {
  truncation job = {.mean = mean, .std = std, .low = -2, .high = 2};
  char text[GT_NUMBER_TEXT];
  if (!(std > 0))
    return gt_fail(cx, GT_EARG, "trunc_normal_: expected std > 0, got %s",
                   gt_number_text(std, text));
  if (!gt_device_of(t)->data) return GT_OK;
  gt_frame f = {.cx = cx};
  gt_spec spec = gt_spec_make(GT_F64, t->ndim, t->shape);
  gt_tensor *draws = gt_new(&f, &spec, cx->cpu);
  double below = 0.5 * erfc(-(job.low - mean) / (std * sqrt(2)));
  double above = 0.5 * erfc(-(job.high - mean) / (std * sqrt(2)));
  if (draws) f.status = gt_fill_uniform(cx, draws, below, above);
  if (f.status == GT_OK) {
    job.x = gt_data(draws);
    gt_parallel(cx, gt_count(draws), 4096, truncate_chunk, &job);
    f.status = gt_poll(cx);
  }
  if (f.status == GT_OK) f.status = gt_copy(cx, t, draws);
  return gt_frame_end(&f);
}

/* ---- orthogonal ---- */

/* n vectors of length m, n <= m. */
typedef struct basis {
  double *v; /* (n, m) */
  int64_t n, m, pivot;
} basis;

static double dot(const double *x, const double *y, int64_t n) {
  double lane[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; k++) lane[k] += x[i + k] * y[i + k];
  }
  for (; i < n; i++) lane[0] += x[i] * y[i];
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* Takes the pivot's direction out of the vectors pivot + 1 + [begin, end). */
static void project_out(void *argument, int64_t begin, int64_t end) {
  const basis *b = argument;
  const double *q = b->v + b->pivot * b->m;
  for (int64_t j = b->pivot + 1 + begin; j < b->pivot + 1 + end; j++) {
    double *v = b->v + j * b->m;
    double along = dot(q, v, b->m);
    for (int64_t i = 0; i < b->m; i++) v[i] -= along * q[i];
  }
}

/* Modified Gram-Schmidt: the Q of a QR decomposition whose R has a positive diagonal, so a Gaussian
 * basis gives a uniformly distributed orthogonal matrix. */
static gt_status orthonormalise(gt_ctx *cx, basis *b) {
  for (b->pivot = 0; b->pivot < b->n; b->pivot++) {
    double *q = b->v + b->pivot * b->m;
    double norm = sqrt(dot(q, q, b->m));
    for (int64_t i = 0; i < b->m; i++) q[i] /= norm;
    gt_parallel(cx, b->n - b->pivot - 1, 1 + 8192 / b->m, project_out, b);
    GT_TRY(gt_poll(cx));
  }
  return GT_OK;
}

/* The smaller side of (rows, cols) becomes orthonormal. */
static gt_status fill_orthogonal(gt_ctx *cx, gt_tensor *t, double gain, double unused) {
  (void)unused;
  fans fan;
  GT_TRY(fans_of(cx, t, "orthogonal_", &fan));
  if (!gt_device_of(t)->data || gt_count(t) == 0) return GT_OK;
  int64_t rows = t->shape[0];
  int64_t cols = gt_count(t) / rows;
  basis b = {.n = rows < cols ? rows : cols, .m = rows < cols ? cols : rows};
  gt_spec work_spec = gt_spec_make(GT_F64, 2, (int64_t[]){b.n, b.m});
  gt_spec spec = gt_spec_make(GT_F64, t->ndim, t->shape);
  gt_frame f = {.cx = cx};
  gt_tensor *work = gt_new(&f, &work_spec, cx->cpu);
  gt_tensor *result = gt_new(&f, &spec, cx->cpu);
  if (result) f.status = gt_fill_normal(cx, work, 0, 1);
  if (f.status == GT_OK) {
    b.v = gt_data(work);
    f.status = orthonormalise(cx, &b);
  }
  if (f.status == GT_OK) {
    double *w = gt_data(result); /* (rows, cols) */
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = 0; c < cols; c++)
        w[r * cols + c] = gain * (rows <= cols ? b.v[r * b.m + c] : b.v[c * b.m + r]);
    }
    f.status = gt_copy(cx, t, result);
  }
  return gt_frame_end(&f);
}

/* ---- the other initializers ---- */

static gt_status fill_zeros(gt_ctx *cx, gt_tensor *t, double a, double b) {
  (void)a;
  (void)b;
  return gt_fill_value(cx, t, 0);
}

static gt_status fill_ones(gt_ctx *cx, gt_tensor *t, double a, double b) {
  (void)a;
  (void)b;
  return gt_fill_value(cx, t, 1);
}

static gt_status fill_xavier_uniform(gt_ctx *cx, gt_tensor *t, double gain, double unused) {
  (void)unused;
  fans fan;
  GT_TRY(fans_of(cx, t, "xavier_uniform_", &fan));
  double bound = gain * sqrt(6 / (fan.in + fan.out));
  return gt_fill_uniform(cx, t, -bound, bound);
}

static gt_status fill_xavier_normal(gt_ctx *cx, gt_tensor *t, double gain, double unused) {
  (void)unused;
  fans fan;
  GT_TRY(fans_of(cx, t, "xavier_normal_", &fan));
  return gt_fill_normal(cx, t, 0, gain * sqrt(2 / (fan.in + fan.out)));
}

/* slope: of the leaky relu that follows. */
static gt_status fill_kaiming_uniform(gt_ctx *cx, gt_tensor *t, double slope, double unused) {
  (void)unused;
  fans fan;
  GT_TRY(fans_of(cx, t, "kaiming_uniform_", &fan));
  double bound = sqrt(3 * 2 / (1 + slope * slope) / fan.in);
  return gt_fill_uniform(cx, t, -bound, bound);
}

static gt_status fill_kaiming_normal(gt_ctx *cx, gt_tensor *t, double slope, double unused) {
  (void)unused;
  fans fan;
  GT_TRY(fans_of(cx, t, "kaiming_normal_", &fan));
  return gt_fill_normal(cx, t, 0, sqrt(2 / (1 + slope * slope) / fan.in));
}

/* std = min(1, sqrt(fan_out / fan_in)) / sqrt(fan_in) */
static gt_status fill_spectral(gt_ctx *cx, gt_tensor *t, double a, double b) {
  (void)a;
  (void)b;
  fans fan;
  GT_TRY(fans_of(cx, t, "spectral_", &fan));
  return gt_fill_normal(cx, t, 0, 1 / sqrt(fan.in) * fmin(1, sqrt(fan.out / fan.in)));
}

/* ---- the table ---- */

typedef struct row {
  const char *name;
  gt_status (*fill)(gt_ctx *cx, gt_tensor *t, double a, double b);
  double a, b; /* defaults; the comment of a row says what they mean */
} row;

static const row initializers[] = {
    [GT_INIT_ZEROS] = {"zeros_", fill_zeros, 0, 0},
    [GT_INIT_ONES] = {"ones_", fill_ones, 0, 0},
    [GT_INIT_NORMAL] = {"normal_", gt_fill_normal, 0, 1},                   /* mean, std */
    [GT_INIT_UNIFORM] = {"uniform_", gt_fill_uniform, 0, 1},                /* low, high */
    [GT_INIT_TRUNC_NORMAL] = {"trunc_normal_", fill_trunc_normal, 0, 1},    /* mean, std */
    [GT_INIT_XAVIER_UNIFORM] = {"xavier_uniform_", fill_xavier_uniform, 1}, /* gain */
    [GT_INIT_XAVIER_NORMAL] = {"xavier_normal_", fill_xavier_normal, 1},    /* gain */
    [GT_INIT_KAIMING_UNIFORM] = {"kaiming_uniform_", fill_kaiming_uniform}, /* slope */
    [GT_INIT_KAIMING_NORMAL] = {"kaiming_normal_", fill_kaiming_normal},    /* slope */
    [GT_INIT_ORTHOGONAL] = {"orthogonal_", fill_orthogonal, 1},             /* gain */
    [GT_INIT_SPECTRAL] = {"spectral_", fill_spectral},
};

gt_status gt_init(gt_ctx *cx, gt_tensor *t, gt_initializer kind, double a, double b) {
  if (!gt_dtype_is_float(t->dtype))
    return gt_fail(cx, GT_EDTYPE, "%s: expected a float tensor, got %s", initializers[kind].name,
                   gt_dtype_name(t->dtype));
  if (!isfinite(a) || !isfinite(b)) {
    char a_text[GT_NUMBER_TEXT];
    char b_text[GT_NUMBER_TEXT];
    return gt_fail(cx, GT_EARG, "%s: expected finite settings, got %s and %s",
                   initializers[kind].name, gt_number_text(a, a_text), gt_number_text(b, b_text));
  }
  return initializers[kind].fill(cx, t, a, b);
}

void gt_init_defaults(gt_initializer kind, double *a, double *b) {
  *a = initializers[kind].a;
  *b = initializers[kind].b;
}

int gt_init_find(const char *name) {
  for (int kind = 0; kind < GT_COUNT(initializers); kind++) {
    if (!strcmp(initializers[kind].name, name)) return kind;
  }
  return -1;
}

const char *gt_init_name(int kind) {
  return kind >= 0 && kind < GT_COUNT(initializers) ? initializers[kind].name : NULL;
}
