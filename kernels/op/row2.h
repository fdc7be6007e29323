/* row2.h: the row function of an elementwise op of two inputs, from its T(value).  No guard: it is
 * included in the typed part of an op file, once per element type. */
static void T(row)(int64_t n, const void *const *in, void *out, const gt_value *attr) {
  const real *a = in[0], *b = in[1];
  real *y = out;
  (void)attr;
  GT_IVDEP for (int64_t i = 0; i < n; i++) y[i] = T(value)(a[i], b[i]);
}
