/* nn.h: the native layers.  Constructors draw PyTorch's default initialisation from the session's
 * random streams. */
#ifndef GT_NN_H
#define GT_NN_H

#include "core/model/module.h"

extern const gt_module_class
    gt_class_module; /* "Module": an empty one, for classes written in Lua */
extern const gt_module_class gt_class_linear;    /* y = x W^T + b */
extern const gt_module_class gt_class_embedding; /* y = W[idx] */
extern const gt_module_class gt_class_module_list;
extern const gt_module_class gt_class_rms_norm;
extern const gt_module_class gt_class_layer_norm; /* (x - mean) / std * weight + bias */

typedef struct gt_linear {
  gt_module module;
  int64_t in_features, out_features;
} gt_linear;

typedef struct gt_embedding {
  gt_module module;
  int64_t num_embeddings, embedding_dim;
} gt_embedding;

typedef struct gt_rms_norm {
  gt_module module;
  int64_t dim;
  double eps; /* 0: F.rms_norm's default */
} gt_rms_norm;

typedef struct gt_layer_norm {
  gt_module module;
  int64_t dim;
  double eps;
} gt_layer_norm;

/* weight (out, in), bias (out): U(-1/sqrt(in), 1/sqrt(in)), which is PyTorch's kaiming_uniform(a =
 * sqrt 5). */
gt_status gt_linear_new(gt_ctx *cx, int64_t in_features, int64_t out_features, bool bias,
                        gt_dtype dtype, const gt_backend *device, gt_module **out);
/* Adds a Linear, f32, as the child `name` of m. */
gt_status gt_linear_add(gt_ctx *cx, gt_module *m, const char *name, int64_t in_features,
                        int64_t out_features, bool bias, const gt_backend *device);
/* A Linear without bias on an existing weight (out, in): a tied head.  Draws nothing, but uses up
 * the random stream that a drawn one would, so that both leave the session in the same state. */
gt_status gt_linear_tied(gt_ctx *cx, gt_tensor *weight, gt_module **out);
/* weight (num_embeddings, embedding_dim): N(0, 1). */
gt_status gt_embedding_new(gt_ctx *cx, int64_t num_embeddings, int64_t embedding_dim,
                           gt_dtype dtype, const gt_backend *device, gt_module **out);
gt_status gt_module_list_new(gt_ctx *cx, gt_module **out);
gt_status gt_rms_norm_new(gt_ctx *cx, int64_t dim, double eps, bool weight, gt_dtype dtype,
                          const gt_backend *device, gt_module **out);
/* weight (dim) of ones and bias (dim) of zeros, each where asked. */
gt_status gt_layer_norm_new(gt_ctx *cx, int64_t dim, double eps, bool weight, bool bias,
                            gt_dtype dtype, const gt_backend *device, gt_module **out);

/* For constructors: makes an uninitialised parameter in a slot; *out is borrowed from it. */
gt_status gt_parameter_add(gt_ctx *cx, gt_module *m, const char *name, const gt_spec *spec,
                           const gt_backend *device, gt_tensor **out);
/* For constructors: a size must be positive, a dtype floating-point. */
gt_status gt_layer_check(gt_ctx *cx, const char *layer, const char *name, int64_t n,
                         gt_dtype dtype);

#endif
