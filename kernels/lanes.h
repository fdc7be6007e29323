/* lanes.h: reductions of one contiguous row over a fixed number of lanes, so that the compiler can
 * use vectors and the bits never change.  Included inside the typed part of a kernel file
 * (typed.h), hence no guard. */
enum { T(LANES) = 32 }; /* two or more vectors: additions of one wait for nobody */

static inline real T(fold)(real lane[]) {
  for (int width = T(LANES) / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; j++) lane[j] += lane[j + width];
  }
  return lane[0];
}

/* NaN are passed over; -infinity when n == 0. */
static inline real T(row_max)(const real *x /* (n) */, int64_t n) {
  real lane[T(LANES)];
  for (int j = 0; j < T(LANES); j++) lane[j] = -INFINITY;
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  for (int j = 0; i + j < n; j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  for (int width = T(LANES) / 2; width > 0; width /= 2) {
    for (int j = 0; j < width; j++) lane[j] = lane[j + width] > lane[j] ? lane[j + width] : lane[j];
  }
  return lane[0];
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
