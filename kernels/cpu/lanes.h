/* lanes.h: reductions of one contiguous row over a fixed number of lanes, so that the compiler can
 * use vectors and the bits never change.  Included inside the typed part of a kernel file
 * (typed.h), hence no guard. */
enum { T(LANES) = 32 }; /* at least two accumulators, so additions do not depend on each other */

/* Half onto half; in arrays of their own the compiler keeps the halves in registers. */
static inline real T(fold)(const real lane[]) {
  real a[16], b[8], c[4];
  for (int j = 0; j < 16; j++) a[j] = lane[j] + lane[j + 16];
  for (int j = 0; j < 8; j++) b[j] = a[j] + a[j + 8];
  for (int j = 0; j < 4; j++) c[j] = b[j] + b[j + 4];
  return (c[0] + c[2]) + (c[1] + c[3]);
}

static inline real T(max)(real x, real y) { return y > x ? y : x; }

static inline real T(fold_max)(const real lane[]) {
  real a[16], b[8], c[4];
  for (int j = 0; j < 16; j++) a[j] = T(max)(lane[j], lane[j + 16]);
  for (int j = 0; j < 8; j++) b[j] = T(max)(a[j], a[j + 8]);
  for (int j = 0; j < 4; j++) c[j] = T(max)(b[j], b[j + 4]);
  return T(max)(T(max)(c[0], c[2]), T(max)(c[1], c[3]));
}

/* Skips NaN; -infinity when n == 0. */
static inline real T(row_max)(const real *x /* (n) */, int64_t n) {
  real lane[T(LANES)];
  for (int j = 0; j < T(LANES); j++) lane[j] = -INFINITY;
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] = T(max)(lane[j], x[i + j]);
  for (int j = 0; i + j < n; j++) lane[j] = T(max)(lane[j], x[i + j]);
  return T(fold_max)(lane);
}

static inline real T(row_sum)(const real *x /* (n) */, int64_t n) {
  real lane[T(LANES)] = {0};
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] += x[i + j];
  for (int j = 0; i + j < n; j++) lane[j] += x[i + j];
  return T(fold)(lane);
}

static inline real T(row_dot)(const real *a /* (n) */, const real *b /* (n) */, int64_t n) {
  real lane[T(LANES)] = {0};
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] += a[i + j] * b[i + j];
  for (int j = 0; i + j < n; j++) lane[j] += a[i + j] * b[i + j];
  return T(fold)(lane);
}

/* Sum of a b c. */
static inline real T(row_dot3)(const real *a /* (n) */, const real *b /* (n) */,
                               const real *c /* (n) */, int64_t n) {
  real lane[T(LANES)] = {0};
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] += a[i + j] * b[i + j] * c[i + j];
  for (int j = 0; i + j < n; j++) lane[j] += a[i + j] * b[i + j] * c[i + j];
  return T(fold)(lane);
}
