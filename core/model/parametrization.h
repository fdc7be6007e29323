/* parametrization.h: how a weight's initial std, forward multiplier and learning rate depend
 * on its shape.  One table of rules: (role, fans, width, depth) -> (std, multiplier, lr, eps,
 * decay).
 *
 * The weight that a model uses is multiplier * w, w begins as normal(0, std) and an optimizer moves
 * it at `lr` times the one global learning rate: the abc-parametrization of arXiv 2011.14522.
 * Shapes are (out, in); a lookup has fan_in 1, and so has a vector. */
#ifndef GT_PARAMETRIZATION_H
#define GT_PARAMETRIZATION_H

#include "core/tensor/tensor.h"

/* What a tensor is to the model; the last three are places in the forward, without a tensor. */
#define GT_ROLES(X)                                                                                \
  X(EMBEDDING, embedding) /* a table looked up */                                                  \
  X(INPUT, input)         /* a matrix from a size that does not grow to one that does */           \
  X(HIDDEN, hidden)       /* a matrix between two that grow */                                     \
  X(OUTPUT, output)       /* a matrix from one that grows to one that does not */                  \
  X(TIED, tied)           /* a table looked up and used as the output matrix */                    \
  X(BIAS, bias)                                                                                    \
  X(GAIN, gain) /* of a norm: begins as 1, whatever std says */                                    \
  X(SCALAR, scalar)                                                                                \
  X(UNEMBED, unembed)     /* multiplier: of a tied table as the output matrix */                   \
  X(ATTENTION, attention) /* multiplier: of 1 / sqrt(fan_in), fan_in being the size of a head */   \
  X(RESIDUAL, residual)   /* multiplier: of what a branch adds to the residual stream */

typedef enum gt_role {
#define X(NAME, name) GT_ROLE_##NAME,
  GT_ROLES(X)
#undef X
      GT_ROLE_COUNT
} gt_role;

/* What moves the weights: by the gradient, by something of its sign's size, by an orthogonal
 * matrix. */
typedef enum gt_family { GT_FAMILY_SGD, GT_FAMILY_ADAM, GT_FAMILY_MUON, GT_FAMILY_COUNT } gt_family;

/* What formulas are made of. */
#define GT_QUANTITIES(X)                                                                           \
  X(FAN_IN, fan_in)                                                                                \
  X(FAN_OUT, fan_out)                                                                              \
  X(M, m)                       /* width / base width: m_in, or m_out where fan_in is finite */    \
  X(M_IN, m_in)                 /* fan_in / base fan_in */                                         \
  X(M_OUT, m_out)               /* fan_out / base fan_out */                                       \
  X(DEPTH, depth)               /* layers / base layers */                                         \
  X(BRANCH_DEPTH, branch_depth) /* the same inside the layers, 1 outside */                        \
  X(LAYERS, layers)                                                                                \
  X(BRANCH_LAYERS, branch_layers) /* the same inside the layers, 1 outside */                      \
  X(ASPECT, aspect)               /* max(1, fan_out / fan_in); this and the next are derived */    \
  X(SHRINK, shrink)               /* min(1, fan_out / fan_in) */                                   \
  X(LARGER, larger)               /* max(fan_in, fan_out) */

typedef enum gt_quantity {
#define X(NAME, name) GT_QUANTITY_##NAME,
  GT_QUANTITIES(X)
#undef X
      GT_QUANTITY_COUNT
} gt_quantity;

#define GT_QUANTITY_GIVEN GT_QUANTITY_ASPECT /* those before it are the caller's */

typedef struct gt_site {
  gt_role role;
  gt_family family;
  double quantity[GT_QUANTITY_COUNT]; /* the first GT_QUANTITY_GIVEN; positive */
} gt_site;

/* What a rule says; all but std are factors of what the user sets. */
#define GT_SCALES(X) X(std) X(multiplier) X(lr) X(eps) X(weight_decay)

typedef struct gt_scales {
#define X(name) double name;
  GT_SCALES(X)
#undef X
} gt_scales;

typedef struct gt_parametrization {
  const char *name;
  const char *alias; /* another name, or NULL */
  const char *doc;   /* where it comes from, one line */
  unsigned home;     /* mask of the families it was made for */
  bool relative;     /* means nothing without a base model */
} gt_parametrization;

extern const gt_parametrization gt_parametrizations[];
extern const int gt_parametrization_count;
const char *gt_role_name(int role);     /* NULL past the end */
const char *gt_family_name(int family); /* "sgd", "adam", "muon" */
int gt_role_find(const char *name);     /* these three: -1 if there is none */
int gt_family_find(const char *name);
int gt_parametrization_find(const char *name); /* by name or alias */

/* The formulas for one role as texts: "fan_in^-1/2 m_in^1/2".  `std` of the roles without a tensor
 * is "0".  false: the rule does not say anything about that role. */
typedef struct gt_formulas {
#define X(name) const char *name;
  GT_SCALES(X)
#undef X
} gt_formulas;
bool gt_parametrization_formulas(int rule, gt_family family, gt_role role, gt_formulas *out);

/* GT_EARG when the rule says nothing about the role or a quantity is not positive and finite. */
gt_status gt_parametrization_scales(gt_ctx *cx, int rule, const gt_site *site, gt_scales *out);

/* Half the distance between x and the next larger number of a float dtype: a smaller step than this
 * is rounded away. */
double gt_half_ulp(gt_dtype dtype, double x);
/* Share of a normal(0, std) tensor whose elements do not change under a step of that size. */
double gt_share_lost(gt_dtype dtype, double std, double step);

#endif
