/* lanes.h: reductions of one contiguous row over a fixed number of lanes, so that the compiler can
 * use vectors and the bits never change.  Included inside the typed part of a kernel file
 * (typed.h), hence no guard. */
enum { T(LANES) = 16 };

static inline real T(row_max)(const real *x /* (n) */, int64_t n) {
  real lane[T(LANES)], most = -INFINITY;
  for (int j = 0; j < T(LANES); j++) lane[j] = -INFINITY;
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  for (; i < n; i++) most = x[i] > most ? x[i] : most;
  for (int j = 0; j < T(LANES); j++) most = lane[j] > most ? lane[j] : most;
  return most;
}

static inline real T(row_sum)(const real *x /* (n) */, int64_t n) {
  real lane[T(LANES)] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] += x[i + j];
  for (; i < n; i++) sum += x[i];
  for (int j = 0; j < T(LANES); j++) sum += lane[j];
  return sum;
}

static inline real T(row_dot)(const real *a /* (n) */, const real *b /* (n) */, int64_t n) {
  real lane[T(LANES)] = {0}, sum = 0;
  int64_t i = 0;
  for (; i + T(LANES) <= n; i += T(LANES))
    for (int j = 0; j < T(LANES); j++) lane[j] += a[i + j] * b[i + j];
  for (; i < n; i++) sum += a[i] * b[i];
  for (int j = 0; j < T(LANES); j++) sum += lane[j];
  return sum;
}
