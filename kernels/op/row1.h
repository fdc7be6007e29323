/* row1.h: the row function of an elementwise op of one input, from its T(value).  No guard: it is
 * included in the typed part of an op file, once per element type. */
static void T(row)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *x = in[0];
  real *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = T(value)(x[i]);
}
