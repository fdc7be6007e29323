/* parametrization.c: the table of rules and its arithmetic.
 *
 * A formula is a product of powers, "0.2 larger^1/2", with whole or half exponents.  Numerators and
 * denominators are multiplied up apart and divided once, so that 1 / sqrt(fan_in) and
 * fan_out / fan_in / 64 have the bits of these expressions. */
#include "core/model/parametrization.h"

#include "core/tensor/op.h"
#include "core/tensor/text.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- the table ---- */

enum {
  SGD = 1 << GT_FAMILY_SGD,
  ADAM = 1 << GT_FAMILY_ADAM,
  MUON = 1 << GT_FAMILY_MUON,
  ANY = SGD | ADAM | MUON
};

/* The rules, as bits of a mask. */
enum {
  STANDARD = 1 << 0,
  MUP8 = 1 << 1,
  MUP3 = 1 << 2,
  MUP9 = 1 << 3,
  LEVANTER_STANDARD = 1 << 4,
  LEVANTER_MUP = 1 << 5,
  SPECTRAL_SGD = 1 << 6,
  SPECTRAL_ADAM = 1 << 7,
  SPECTRAL_MUON = 1 << 8,
  MEGATRON = 1 << 9,
  NOTEBOOK = 1 << 10,
  KELLER_JORDAN = 1 << 11,
  MOONLIGHT = 1 << 12,
  COMPLETEP = 1 << 13,
  COMPLETEP_HALF = 1 << 14,
  UMUP = 1 << 15,
  MUP = MUP3 | MUP8 | MUP9,
  DEEP = COMPLETEP | COMPLETEP_HALF,
  MUON_FACTOR = SPECTRAL_MUON | MEGATRON | KELLER_JORDAN | MOONLIGHT,
  SPECTRAL = SPECTRAL_SGD | SPECTRAL_ADAM | NOTEBOOK | MUON_FACTOR,
  EVERY = (1 << 16) - 1
};

const gt_parametrization gt_parametrizations[] = {
    {"standard", "sp", "std 1/sqrt(fan_in), one learning rate for all", ANY, false},
    {"mup8", "mup", "Tensor Programs V (arXiv 2203.03466), Table 8", ANY, true},
    {"mup3", NULL, "Tensor Programs V, Table 3: no multipliers", ANY, true},
    {"mup9", NULL, "Tensor Programs V, Table 9", ANY, true},
    {"levanter_standard", "haliax_standard", "Levanter's ...StandardParam", ANY, false},
    {"levanter_mup", "haliax_mup", "Levanter's ...Mup: no base width, Adam's learning rates", ADAM,
     false},
    {"fan_out/fan_in", "nanotron", "spectral (arXiv 2310.17813), gradient descent", SGD, false},
    {"1/fan_in", "spectral_adam", "the spectral condition under Adam", ADAM, false},
    {"sqrt(fan_out/fan_in)", "modula", "the spectral condition, orthogonal steps", MUON, false},
    {"sqrt(max(fan_in,fan_out))", "megatron", "orthogonal steps with entries of 1", MUON, false},
    {"fan_out/fan_in/64", "notebook_000", "spectral_lr of the notebook", SGD, false},
    {"sqrt(max(1,fan_out/fan_in))", "keller_jordan", "Muon, as its author scales it", MUON, false},
    {"0.2*sqrt(max(fan_in,fan_out))", "moonlight", "Muon at Adam's size (arXiv 2502.16982)", MUON,
     false},
    {"completep", NULL, "arXiv 2505.01618 with alpha = 1: muP and depth", ADAM, true},
    {"completep_half", NULL, "the same with alpha = 1/2", ADAM, true},
    {"umup", "u-mup", "unit scaling (arXiv 2407.17465), of matrices and branches", ADAM, false},
};
const int gt_parametrization_count = GT_COUNT(gt_parametrizations);

typedef struct row {
  unsigned rules, families, roles; /* masks; the first row that fits counts */
  gt_formulas is;                  /* std, multiplier, lr, eps, weight_decay; NULL: 1 */
} row;

#define ROLE(name) (1u << GT_ROLE_##name)
#define ENTRY (ROLE(EMBEDDING) | ROLE(INPUT))
#define MATRIX (ENTRY | ROLE(HIDDEN) | ROLE(OUTPUT) | ROLE(TIED))
#define VECTOR (ROLE(BIAS) | ROLE(GAIN))
#define PLACE (ROLE(UNEMBED) | ROLE(ATTENTION) | ROLE(RESIDUAL))

/* In the rows of muP eps falls with the size of the gradient, and weight_decay keeps lr times decay
 * what it is at the base width.  Tables 3, 8 and 9 are one dynamics: a row times theta in its
 * multiplier is divided by theta in std, lr and decay^-1, and multiplied in eps. */
static const row rows[] = {
    {STANDARD, MUON, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "aspect^1/2", NULL, NULL}},
    {STANDARD, ANY, ROLE(TIED), {"fan_out^-1/2", NULL, NULL, NULL, NULL}},
    {STANDARD, ANY, MATRIX, {"fan_in^-1/2", NULL, NULL, NULL, NULL}},

    {MUP | DEEP, MUON, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "aspect^1/2", NULL, NULL}},
    {MUP | DEEP, ANY, ROLE(ATTENTION), {"0", "m_in^-1/2", NULL, NULL, NULL}},

    {MUP9,
     ADAM,
     ENTRY,
     {"fan_in^-1/2 m_out^-1/2", "m_out^1/2", "m_out^-1/2", "m^-1/2", "m_out^1/2"}},
    {MUP9, SGD, ENTRY, {"fan_in^-1/2 m_out^-1/2", "m_out^1/2", NULL, NULL, NULL}},
    {MUP9, ADAM, ROLE(TIED), {"fan_out^-1/2", "m_out^1/2", "m_out^-1/2", "m^-1/2", "m_out^1/2"}},
    {MUP9, SGD, ROLE(TIED), {"fan_out^-1/2", "m_out^1/2", NULL, NULL, NULL}},
    {MUP9, ANY, ROLE(UNEMBED), {"0", "m_in^-1/2", NULL, NULL, NULL}},
    {MUP9, ADAM, ROLE(OUTPUT), {"fan_in^-1/2", "m_in^-1/2", "m_in^-1/2", "m^-1/2", "m_in^1/2"}},
    {MUP9, SGD, ROLE(OUTPUT), {"fan_in^-1/2", "m_in^-1/2", NULL, NULL, NULL}},

    {MUP3, ADAM, ROLE(OUTPUT), {"fan_in^-1/2 m_in^-1/2", NULL, "m_in^-1", NULL, "m_in"}},
    {MUP3, SGD, ROLE(OUTPUT), {"fan_in^-1/2 m_in^-1/2", NULL, "m_in^-1", NULL, "m_in"}},

    {MUP8, ADAM, ROLE(OUTPUT), {"fan_in^-1/2 m_in^1/2", "m_in^-1", NULL, "m^-1", NULL}},
    {MUP8, SGD, ROLE(OUTPUT), {"fan_in^-1/2 m_in^1/2", "m_in^-1", "m_in", NULL, "m_in^-1"}},

    {MUP, ADAM, ENTRY, {"fan_in^-1/2", NULL, NULL, "m^-1", NULL}},
    {MUP, SGD, ENTRY, {"fan_in^-1/2", NULL, "m_out", NULL, "m_out^-1"}},
    {MUP, ADAM, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "m_in^-1", "m^-1", "m_in"}},
    {MUP, SGD, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "m_out m_in^-1", NULL, "m_in m_out^-1"}},
    {MUP, ADAM, ROLE(TIED), {"fan_out^-1/2 m_out^1/2", NULL, NULL, "m^-1", NULL}},
    {MUP, SGD, ROLE(TIED), {"fan_out^-1/2 m_out^1/2", NULL, "m_out", NULL, "m_out^-1"}},
    {MUP | DEEP, ANY, ROLE(UNEMBED), {"0", "m_in^-1", NULL, NULL, NULL}},
    {MUP, ADAM, VECTOR, {"0", NULL, NULL, "m^-1", NULL}},
    {MUP, SGD, VECTOR, {"0", NULL, "m_out", NULL, "m_out^-1"}},

    {COMPLETEP, ANY, ENTRY, {"fan_in^-1/2", NULL, NULL, "m^-1 depth^-1", NULL}},
    {COMPLETEP, ANY, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "m_in^-1", "m^-1 depth^-1", "m_in"}},
    {COMPLETEP,
     ANY,
     ROLE(OUTPUT),
     {"fan_in^-1/2 m_in^1/2", "m_in^-1", NULL, "m^-1 depth^-1", NULL}},
    {COMPLETEP, ANY, ROLE(TIED), {"fan_out^-1/2 m_out^1/2", NULL, NULL, "m^-1 depth^-1", NULL}},
    {COMPLETEP, ANY, VECTOR, {"0", NULL, NULL, "m^-1 depth^-1", NULL}},
    {COMPLETEP, ANY, ROLE(RESIDUAL), {"0", "depth^-1", NULL, NULL, NULL}},

    {COMPLETEP_HALF, ANY, ENTRY, {"fan_in^-1/2", NULL, NULL, "m^-1 depth^-1/2", NULL}},
    {COMPLETEP_HALF,
     ANY,
     ROLE(HIDDEN),
     {"fan_in^-1/2", NULL, "m_in^-1 branch_depth^-1/2", "m^-1 depth^-1/2", "m_in"}},
    {COMPLETEP_HALF,
     ANY,
     ROLE(OUTPUT),
     {"fan_in^-1/2 m_in^1/2", "m_in^-1", NULL, "m^-1 depth^-1/2", NULL}},
    {COMPLETEP_HALF,
     ANY,
     ROLE(TIED),
     {"fan_out^-1/2 m_out^1/2", NULL, NULL, "m^-1 depth^-1/2", NULL}},
    {COMPLETEP_HALF, ANY, VECTOR, {"0", NULL, "branch_depth^-1/2", "m^-1 depth^-1/2", NULL}},
    {COMPLETEP_HALF, ANY, ROLE(RESIDUAL), {"0", "depth^-1/2", NULL, NULL, NULL}},

    {LEVANTER_STANDARD, ANY, ROLE(EMBEDDING) | ROLE(TIED), {"fan_out^-1", NULL, NULL, NULL, NULL}},
    {LEVANTER_STANDARD, ANY, MATRIX, {"fan_in^-1/2", NULL, NULL, NULL, NULL}},
    {LEVANTER_MUP, ANY, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "fan_in^-1", NULL, NULL}},
    {LEVANTER_MUP, ANY, ROLE(OUTPUT), {"1", "fan_in^-1", NULL, NULL, NULL}},
    {LEVANTER_MUP, ANY, MATRIX, {"1", NULL, NULL, NULL, NULL}},
    {LEVANTER_MUP, ANY, ROLE(UNEMBED), {"0", "fan_in^-1", NULL, NULL, NULL}},

    {SPECTRAL & ~NOTEBOOK, ANY, ROLE(ATTENTION), {"0", "fan_in^-1/2", NULL, NULL, NULL}},
    {SPECTRAL & ~NOTEBOOK, ANY, ROLE(UNEMBED), {"0", "fan_in^-1", NULL, NULL, NULL}},
    {SPECTRAL_SGD, ANY, MATRIX, {"fan_in^-1/2 shrink^1/2", NULL, "fan_out fan_in^-1", NULL, NULL}},
    {SPECTRAL_SGD, ANY, VECTOR, {"0", NULL, "fan_out fan_in^-1", NULL, NULL}},
    {NOTEBOOK,
     ANY,
     MATRIX,
     {"fan_in^-1/2 shrink^1/2", NULL, "fan_out fan_in^-1 64^-1", NULL, NULL}},
    {NOTEBOOK, ANY, VECTOR, {"0", NULL, "fan_out fan_in^-1 64^-1", NULL, NULL}},
    {SPECTRAL_MUON,
     MUON,
     ROLE(HIDDEN),
     {"fan_in^-1/2 shrink^1/2", NULL, "fan_out^1/2 fan_in^-1/2", NULL, NULL}},
    {MEGATRON, MUON, ROLE(HIDDEN), {"fan_in^-1/2 shrink^1/2", NULL, "larger^1/2", NULL, NULL}},
    {KELLER_JORDAN, MUON, ROLE(HIDDEN), {"fan_in^-1/2 shrink^1/2", NULL, "aspect^1/2", NULL, NULL}},
    {MOONLIGHT, MUON, ROLE(HIDDEN), {"fan_in^-1/2 shrink^1/2", NULL, "0.2 larger^1/2", NULL, NULL}},
    {SPECTRAL, ANY, MATRIX, {"fan_in^-1/2 shrink^1/2", NULL, "fan_in^-1", NULL, NULL}},

    /* The paper adds tau f(x) to the stream x and divides the sum by sqrt(1 + tau^2): where a norm
     * reads the stream, that is one factor for all branches.  Its constants of activations, of
     * attention and of the loss depend on no size and are left out. */
    {UMUP, MUON, ROLE(HIDDEN), {"fan_in^-1/2", NULL, "aspect^1/2", NULL, NULL}},
    {UMUP, ANY, ROLE(EMBEDDING) | ROLE(TIED), {"1", NULL, "fan_out^-1/2", NULL, "fan_out^1/2"}},
    {UMUP, ANY, ROLE(INPUT), {"1", "fan_in^-1/2", "fan_out^-1/2", NULL, "fan_out^1/2"}},
    {UMUP,
     ANY,
     ROLE(HIDDEN),
     {"1", "fan_in^-1/2", "fan_in^-1/2 branch_layers^-1/2", NULL, "fan_in^1/2 branch_layers^1/2"}},
    {UMUP, ANY, ROLE(OUTPUT), {"1", "fan_in^-1", NULL, NULL, NULL}},
    {UMUP, ANY, ROLE(UNEMBED), {"0", "fan_in^-1", NULL, NULL, NULL}},
    {UMUP, ANY, ROLE(ATTENTION), {"0", "fan_in^-1/2", NULL, NULL, NULL}},
    {UMUP, ANY, ROLE(RESIDUAL), {"0", "layers^-1/2", NULL, NULL, NULL}},

    {EVERY, ANY, VECTOR | ROLE(SCALAR) | PLACE, {"0", NULL, NULL, NULL, NULL}},
};

/* ---- names ---- */

#define X(NAME, name) #name,
static const char *const role_names[] = {GT_ROLES(X)};
static const char *const quantity_names[] = {GT_QUANTITIES(X)};
#undef X
static const char *const family_names[] = {"sgd", "adam", "muon"};

static int find(const char *const *names, int count, const char *name, size_t n) {
  for (int i = 0; i < count; i++) {
    if (strlen(names[i]) == n && !strncmp(names[i], name, n)) return i;
  }
  return -1;
}

const char *gt_role_name(int role) {
  return role >= 0 && role < GT_ROLE_COUNT ? role_names[role] : NULL;
}

const char *gt_family_name(int family) {
  return family >= 0 && family < GT_FAMILY_COUNT ? family_names[family] : NULL;
}

int gt_role_find(const char *name) { return find(role_names, GT_ROLE_COUNT, name, strlen(name)); }

int gt_family_find(const char *name) {
  return find(family_names, GT_FAMILY_COUNT, name, strlen(name));
}

int gt_parametrization_find(const char *name) {
  for (int i = 0; i < gt_parametrization_count; i++) {
    const gt_parametrization *rule = &gt_parametrizations[i];
    if (!strcmp(rule->name, name) || (rule->alias && !strcmp(rule->alias, name))) return i;
  }
  return -1;
}

/* ---- formulas ---- */

/* base^(halves / 2) */
static double power(double base, int halves) {
  double y = halves % 2 ? sqrt(base) : 1;
  for (int i = 0; i < halves / 2; i++) y *= base;
  return y;
}

/* Exponent after "^" in halves; 2 where there is none. */
static int read_exponent(const char **at) {
  if (**at != '^') return 2;
  char *end;
  long top = strtol(*at + 1, &end, 10);
  bool half = !strncmp(end, "/2", 2);
  *at = end + (half ? 2 : 0);
  return (int)(half ? top : 2 * top);
}

/* A number or the name of a quantity. */
static double read_base(const char **at, const double *quantity) {
  if (isdigit((unsigned char)**at)) {
    char *end;
    double number = strtod(*at, &end);
    *at = end;
    return number;
  }
  size_t n = strspn(*at, "abcdefghijklmnopqrstuvwxyz_");
  int found = find(quantity_names, GT_QUANTITY_COUNT, *at, n);
  *at += n;
  return found < 0 ? NAN : quantity[found];
}

static double evaluate(const char *formula, const double *quantity) {
  double above = 1;
  double below = 1;
  for (const char *at = formula; at && *at; at += *at == ' ') {
    double base = read_base(&at, quantity);
    int halves = read_exponent(&at);
    if (halves < 0)
      below *= power(base, -halves);
    else
      above *= power(base, halves);
  }
  return above / below;
}

bool gt_parametrization_formulas(int rule, gt_family family, gt_role role, gt_formulas *out) {
  for (int i = 0; i < GT_COUNT(rows); i++) {
    const row *r = &rows[i];
    if (!(r->rules >> rule & 1) || !(r->families >> family & 1) || !(r->roles >> role & 1))
      continue;
    *out = r->is;
#define X(name)                                                                                    \
  if (!out->name) out->name = "1";
    GT_SCALES(X)
#undef X
    return true;
  }
  return false;
}

gt_status gt_parametrization_scales(gt_ctx *cx, int rule, const gt_site *site, gt_scales *out) {
  double q[GT_QUANTITY_COUNT];
  char text[GT_NUMBER_TEXT];
  gt_formulas is;
  if (!gt_parametrization_formulas(rule, site->family, site->role, &is))
    return gt_fail(cx, GT_EARG, "rule %s: says nothing about %s under %s",
                   gt_parametrizations[rule].name, gt_role_name((int)site->role),
                   gt_family_name((int)site->family));
  for (int i = 0; i < GT_QUANTITY_GIVEN; i++) {
    q[i] = site->quantity[i];
    if (!(q[i] > 0 && isfinite(q[i])))
      return gt_fail(cx, GT_EARG, "rule %s: expected %s > 0, got %s",
                     gt_parametrizations[rule].name, quantity_names[i], gt_number_text(q[i], text));
  }
  double ratio = q[GT_QUANTITY_FAN_OUT] / q[GT_QUANTITY_FAN_IN];
  q[GT_QUANTITY_ASPECT] = fmax(1, ratio);
  q[GT_QUANTITY_SHRINK] = fmin(1, ratio);
  q[GT_QUANTITY_LARGER] = fmax(q[GT_QUANTITY_FAN_IN], q[GT_QUANTITY_FAN_OUT]);
#define X(name) .name = evaluate(is.name, q),
  *out = (gt_scales){GT_SCALES(X)};
#undef X
  return GT_OK;
}

/* ---- precision ---- */

/* Binary digits after the first. */
static int digits(gt_dtype dtype) {
  switch (dtype) {
  case GT_BF16:
    return 7;
  case GT_F16:
    return 10;
  case GT_F32:
    return FLT_MANT_DIG - 1;
  default:
    return DBL_MANT_DIG - 1;
  }
}

double gt_half_ulp(gt_dtype dtype, double x) {
  int exponent;
  frexp(x, &exponent);
  return x == 0 ? 0 : ldexp(1, exponent - 2 - digits(dtype));
}

/* A step is lost where half an ulp is more than it: from the first power of two on that has such an
 * ulp. */
double gt_share_lost(gt_dtype dtype, double std, double step) {
  int exponent;
  frexp(step, &exponent);
  if (!(step > 0) || !(std > 0)) return 0;
  double first = ldexp(1, exponent + 1 + digits(dtype));
  return erfc(first / (std * sqrt(2)));
}
