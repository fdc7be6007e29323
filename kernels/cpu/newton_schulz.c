/* newton_schulz.c: the iteration of op/newton_schulz.c.
 *
 * In full precision, matrices clearly wider than tall take several steps on one small Gram matrix
 * (Dao-AILab, dao-lab.ai/blog/2026/gram-newton-schulz).  All P are polynomials of the first A and
 * commute:
 *
 *   A = X X^T,  Q = I;  `run` times:  P = a I + b A + c A A,  A <- P A P,  Q <- P Q;  X <- Q X
 *
 * With m columns and n rows, 5 steps are 3 m + 7 n instead of 7.5 m + 2.5 n times n^2 products.
 *
 * All but X are symmetric: they are computed in strips of columns, each from the diagonal down, and
 * mirrored.  Where the CPU multiplies bf16 numbers, newton_schulz_bf16.c does the iteration
 * in bf16 on bf16 storage. */
#ifndef real
#include "kernels/cpu/newton_schulz.h"
#include "core/tensor/pool.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/kernels.h"
#include "kernels/cpu/tile.h"
#include "kernels/op/attributes.h"

#include <math.h>

enum { STRIPS = 8, UNIT = 32, MAX_WIDTH = 256 };
enum { GRAIN = 16384, SMALL = 512 * 512 };
enum { MAX_RUN = 3 };
static const double GROWTH = 2048; /* of A's rounding errors in Q, at most: a^(2 run) at X = 0 */

typedef struct job job;

/* Takes n results of a symmetric product, from (row, column) on. */
typedef void sink(const job *j, const void *product, int64_t row, int64_t column, int64_t n);

struct job {
  gt_ctx *cx;
  int64_t n, m; /* X is (n, m), n <= m */
  bool transposed, round;
  gt_ns_factors f;
  const void *g;
  void *out;
  void *X, *Y; /* (n, m) */
  void *A, *B; /* (n, n); B is P of a run */
  void *S, *Q; /* (n, n); S is c A of a single step, a product of a run; Q is a run's */
  int64_t run; /* steps on one Gram matrix */
  const void *left, *right; /* (n, K) factors of the symmetric product under way */
  int64_t K;
  sink *put;
  void *to;      /* (n, n) where put_product puts it */
  int64_t width; /* of a strip */
  void *strips;  /* (threads, 2, n, width) */
  void *norms;   /* (n) squared norms of the rows */
  double divisor;
};

/* Small strips waste less above the diagonal, wide ones read X less often. */
static int64_t strip_width(int64_t n) {
  return gt_min(gt_round_up(gt_parts(n, STRIPS), UNIT), MAX_WIDTH);
}

static int64_t strip_count(const job *j) { return gt_parts(j->n, j->width); }

/* Strips from the left and from the right take turns: they get shorter towards the right, and the
 * threads are to have even parts. */
static int64_t strip_of(const job *j, int64_t turn) {
  return turn % 2 == 0 ? turn / 2 : strip_count(j) - 1 - turn / 2;
}

#include "kernels/op/typed.h"

/* Bytes of a job's matrices; with `memory` not NULL also lays them out there. */
static size_t lay_out(const gt_call *c, job *j, char *memory) {
  size_t size = gt_dtype_size(c->dtype), wide = (size_t)(j->n * j->m) * size;
  size_t square = (size_t)(j->n * j->n) * size, norms = (size_t)j->n * size;
  if (memory != NULL) {
    j->X = memory;
    j->Y = memory += wide;
    j->A = memory += wide;
    j->B = memory += square;
    j->S = memory += square;
    j->norms = memory += square;
    j->Q = memory + norms; /* in the room of a run only */
  }
  return (2 * wide + (j->run > 1 ? 4 : 3) * square + norms + 63) / 64 * 64;
}

/* Y = left X */
static void multiply_X(const gt_call *c, const job *j, const void *left) {
  gt_matrix a = {left, j->n, false, false}, b = {j->X, j->m, false, false};
  gt_gemm(c->cx, c->dtype, j->n, j->m, j->n, a, b, false, j->Y, j->m);
}

static void swap(void **a, void **b) {
  void *kept = *a;
  *a = *b;
  *b = kept;
}

/* Gives left right^T, which is symmetric, to `put`; both are (n, K). */
static void multiply_symmetric(const gt_call *c, job *j, const void *left, const void *right,
                               int64_t K, sink *put) {
  j->left = left, j->right = right, j->K = K, j->put = put;
  gt_parallel(c->cx, strip_count(j), 1, GT_PICK(c, symmetric_strips), j);
}

static void iterate(const gt_call *c, job *j) {
  multiply_symmetric(c, j, j->X, j->X, j->m, GT_PICK(c, put_gram));
  multiply_symmetric(c, j, j->S, j->A, j->n, GT_PICK(c, put_polynomial));
  multiply_X(c, j, j->B);
  gt_parallel(c->cx, j->n, 1 + GRAIN / (j->m + 1), GT_PICK(c, update_rows), j);
}

/* to = left right^T */
static void multiply_to(const gt_call *c, job *j, const void *left, const void *right, int64_t K,
                        void *to) {
  j->to = to;
  multiply_symmetric(c, j, left, right, K, GT_PICK(c, put_product));
}

/* X = Q X, where Q holds all the steps. */
static void iterate_run(const gt_call *c, job *j, int64_t steps) {
  multiply_to(c, j, j->X, j->X, j->m, j->A);
  for (int64_t step = 0; step < steps; step++) {
    multiply_symmetric(c, j, j->A, j->A, j->n, GT_PICK(c, put_factor));
    if (step > 0) {
      multiply_to(c, j, j->B, j->Q, j->n, j->S);
      swap(&j->Q, &j->S);
    }
    if (step < steps - 1) {
      multiply_to(c, j, j->B, j->A, j->n, j->S);
      multiply_to(c, j, j->S, j->B, j->n, j->A);
    }
    if (step == 0) swap(&j->Q, &j->B); /* the first P is Q */
  }
  multiply_X(c, j, j->Q);
  swap(&j->X, &j->Y);
}

static void orthogonalise(const gt_call *c, job *j) {
  gt_parallel(c->cx, j->n, 1 + GRAIN / (j->m + 1), GT_PICK(c, load_rows), j);
  GT_PICK(c, find_divisor)(j);
  gt_parallel(c->cx, j->n, 1 + GRAIN / (j->m + 1), GT_PICK(c, divide_rows), j);
  for (int64_t steps = c->attr[GT_NS_STEPS].i; steps > 0; steps -= j->run) {
    if (j->run > 1)
      iterate_run(c, j, gt_min(steps, j->run));
    else
      iterate(c, j);
  }
  int64_t rows = j->transposed ? j->m : j->n;
  gt_parallel(c->cx, rows, 1 + GRAIN / (j->n * j->m / rows + 1), GT_PICK(c, store_rows), j);
}

/* Matrices one after the other. */
typedef struct stack {
  const gt_call *c;
  job job; /* what all have in common */
  int64_t rows, columns, matrices;
  bool spread;        /* one matrix to a worker */
  char *memory;       /* (workers, each) */
  size_t each, strip; /* bytes of a matrix, of a worker's strips */
  size_t threads;
} stack;

static void orthogonalise_stack(void *argument, int64_t begin, int64_t end) {
  const stack *s = argument;
  job j = s->job;
  size_t bytes = (size_t)(s->rows * s->columns) * gt_dtype_size(s->c->dtype);
  char *memory = s->memory + (size_t)gt_worker() * s->each;
  for (int64_t i = begin; i < end; i++) {
    j.g = (const char *)gt_data(s->c->in[0]) + (size_t)i * bytes;
    j.out = (char *)gt_data(s->c->out[0]) + (size_t)i * bytes;
    if (gt_ns_bf16_bytes(s->rows, s->columns) > 0 && j.round && s->c->dtype == GT_F32) {
      gt_ns_bf16(s->c->cx, j.g, j.out, s->rows, s->columns, s->c->attr[GT_NS_STEPS].i, j.f, memory);
    } else {
      lay_out(s->c, &j, memory);
      orthogonalise(s->c, &j);
    }
  }
}

/* Steps to take on one Gram matrix.  Only full precision bears it, only wide matrices gain. */
static int64_t run_length(const job *j) {
  int64_t run = 1;
  if (j->round || 2 * j->m < 3 * j->n) return run;
  for (double a = fabs(j->f.a); run < MAX_RUN && pow(a, 2. * (double)(run + 1)) <= GROWTH;) run++;
  return run;
}

/* Small matrices go one to a worker, without a barrier between their products; large ones take all
 * workers in turn. */
static stack stack_of(const gt_call *c) {
  const gt_spec *g = &c->in_spec[0];
  int64_t rows = g->shape[g->ndim - 2], columns = g->shape[g->ndim - 1];
  stack s = {.c = c,
             .job = {.cx = c->cx,
                     .transposed = rows > columns,
                     .round = c->attr[GT_NS_DTYPE].i == GT_BF16,
                     .n = rows > columns ? columns : rows,
                     .m = gt_max(rows, columns),
                     .f = {c->attr[GT_NS_A].f, c->attr[GT_NS_B].f, c->attr[GT_NS_C].f}},
             .rows = rows,
             .columns = columns,
             .matrices = rows * columns > 0 ? gt_spec_count(g) / (rows * columns) : 0,
             .threads = (size_t)gt_pool_threads(c->cx)};
  s.spread = s.matrices > 1 && rows * columns <= SMALL;
  s.job.run = run_length(&s.job);
  s.each = lay_out(c, &s.job, NULL);
  size_t narrow = gt_ns_bf16_bytes(rows, columns);
  if (narrow > s.each) s.each = narrow;
  s.job.width = strip_width(s.job.n);
  s.strip = (size_t)(2 * gt_round_up(s.job.n, UNIT) * s.job.width) * gt_dtype_size(c->dtype);
  return s;
}

static size_t matrices_bytes(const stack *s) { return (s->spread ? s->threads : 1) * s->each; }

size_t gt_cpu_newton_schulz_scratch(const gt_call *c, bool backward) {
  (void)backward;
  stack s = stack_of(c);
  return s.matrices > 0 ? matrices_bytes(&s) + s.threads * s.strip : 0;
}

gt_status gt_cpu_newton_schulz_forward(gt_call *c) {
  stack s = stack_of(c);
  if (s.matrices == 0) return GT_OK;
  GT_TRY(gt_scratch(c->cx, c->device, matrices_bytes(&s), (void **)&s.memory));
  GT_TRY(gt_scratch(c->cx, c->device, s.threads * s.strip, &s.job.strips));
  if (s.spread) {
    gt_parallel(c->cx, s.matrices, 1, orthogonalise_stack, &s);
    return gt_poll(c->cx);
  }
  for (int64_t i = 0; i < s.matrices; i++) {
    orthogonalise_stack(&s, i, i + 1);
    GT_TRY(gt_poll(c->cx));
  }
  return GT_OK;
}

#else
#include "kernels/cpu/lanes.h"

static real T(rounded)(const job *j, real x) {
  return j->round ? (real)gt_from_bf16(gt_to_bf16((float)x)) : x;
}

/* ---- start and end ---- */

static void T(load_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *g = j->g;
  int64_t row_step = j->transposed ? 1 : j->m, column_step = j->transposed ? j->n : 1;
  for (int64_t i = begin; i < end; i++) {
    real *x = (real *)j->X + i * j->m;
    for (int64_t k = 0; k < j->m; k++) x[k] = T(rounded)(j, g[i * row_step + k * column_step]);
    ((real *)j->norms)[i] = T(row_dot)(x, x, j->m);
  }
}

static void T(find_divisor)(job *j) {
  double sum = 0;
  for (int64_t i = 0; i < j->n; i++) sum += (double)((const real *)j->norms)[i];
  j->divisor = (double)T(rounded)(j, T(rounded)(j, (real)sqrt(sum)) + REAL(1e-7));
}

static void T(divide_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  real *x = j->X, divisor = (real)j->divisor;
  for (int64_t i = begin * j->m; i < end * j->m; i++) x[i] = T(rounded)(j, x[i] / divisor);
}

static void T(store_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *x = j->X;
  real *out = j->out;
  if (!j->transposed) {
    memcpy(out + begin * j->m, x + begin * j->m, (size_t)((end - begin) * j->m) * sizeof(real));
    return;
  }
  for (int64_t i = begin; i < end; i++) {
    for (int64_t k = 0; k < j->n; k++) out[i * j->n + k] = x[k * j->m + i];
  }
}

/* ---- one iteration ---- */

/* The strip of the product whose turn it is, and its mirror image. */
static void T(symmetric_strip)(const job *j, int64_t turn) {
  enum { panel = T(gt_tile_n) };
  const real *left = j->left, *right = j->right;
  int64_t K = j->K;
  int64_t first = strip_of(j, turn) * j->width, rows = j->n - first;
  int64_t width = gt_min(rows, j->width);
  int64_t room = gt_round_up(j->n, UNIT) * j->width;
  real *strip = (real *)j->strips + gt_worker() * 2 * room, *mirror = strip + room;
  gt_matrix a = {left + first * K, K, false, false}, b = {right + first * K, K, true, false};
  gt_gemm(j->cx, sizeof(real) == 8 ? GT_F64 : GT_F32, rows, width, K, a, b, false, strip, width);
  T(gt_pack_transposed)(strip, width, 1, rows, width, mirror);
  for (int64_t i = 0; i < rows; i++) j->put(j, strip + i * width, first + i, first, width);
  for (int64_t i = 0; i < rows; i += panel) {
    int64_t n = gt_min(rows - i, panel);
    for (int64_t k = 0; k < width; k++, mirror += panel) j->put(j, mirror, first + k, first + i, n);
  }
}

/* A = X X^T and S = c A. */
static void T(put_gram)(const job *j, const void *from, int64_t row, int64_t column, int64_t n) {
  const real *product = from;
  real *A = (real *)j->A + row * j->n + column, *cA = (real *)j->S + row * j->n + column;
  real c = (real)j->f.c;
  for (int64_t i = 0; i < n; i++) {
    A[i] = T(rounded)(j, product[i]);
    cA[i] = T(rounded)(j, c * A[i]);
  }
}

/* B = b A + (cA) A. */
static void T(put_polynomial)(const job *j, const void *from, int64_t row, int64_t column,
                              int64_t n) {
  const real *product = from;
  const real *A = (const real *)j->A + row * j->n + column;
  real *B = (real *)j->B + row * j->n + column, b = (real)j->f.b;
  for (int64_t i = 0; i < n; i++)
    B[i] = T(rounded)(j, T(rounded)(j, b * A[i]) + T(rounded)(j, product[i]));
}

/* to = the product. */
static void T(put_product)(const job *j, const void *from, int64_t row, int64_t column, int64_t n) {
  memcpy((real *)j->to + row * j->n + column, from, (size_t)n * sizeof(real));
}

/* B = a I + b A + c A A. */
static void T(put_factor)(const job *j, const void *from, int64_t row, int64_t column, int64_t n) {
  const real *product = from;
  const real *A = (const real *)j->A + row * j->n + column;
  real *B = (real *)j->B + row * j->n + column, b = (real)j->f.b, c = (real)j->f.c;
  for (int64_t i = 0; i < n; i++) B[i] = b * A[i] + c * product[i];
  if (row >= column && row < column + n) B[row - column] += (real)j->f.a;
}

static void T(symmetric_strips)(void *argument, int64_t begin, int64_t end) {
  for (int64_t turn = begin; turn < end; turn++) T(symmetric_strip)(argument, turn);
}

/* X = a X + Y, where Y = B X. */
static void T(update_rows)(void *argument, int64_t begin, int64_t end) {
  const job *j = argument;
  const real *y = j->Y;
  real *x = j->X, a = (real)j->f.a;
  for (int64_t i = begin * j->m; i < end * j->m; i++)
    x[i] = T(rounded)(j, T(rounded)(j, a * x[i]) + T(rounded)(j, y[i]));
}

#endif
