/* rng.h: tensors filled with random numbers.  Philox 4x32-10 (Salmon et al., SC 2011) is
 * counter-based: element i of stream s under seed k is a pure function of (k, s, i), given in
 * rng_math.h.  Same numbers on every device and for any number of threads. */
#ifndef GT_RNG_H
#define GT_RNG_H

#include "core/tensor/rng_math.h"
#include "core/tensor/tensor.h"

/* Takes the next unused stream of the session. */
uint64_t gt_rng_stream(gt_ctx *cx);
void gt_manual_seed(gt_ctx *cx, uint64_t seed); /* also restarts streams at 0 */

/* Fill t (any float dtype, any device, contiguous or not) from a fresh stream.  In place, bumps the
 * version. */
gt_status gt_fill_normal(gt_ctx *cx, gt_tensor *t, double mean,
                         double std); /* Box–Muller, own log/sin/cos */
gt_status gt_fill_uniform(gt_ctx *cx, gt_tensor *t, double low,
                          double high); /* [low, high), in every dtype */
gt_status gt_fill_integers(gt_ctx *cx, gt_tensor *t, int64_t low,
                           int64_t high);                        /* [low, high), any dtype */
gt_status gt_fill_value(gt_ctx *cx, gt_tensor *t, double value); /* any dtype that holds it */
gt_status gt_fill_scalar(gt_ctx *cx, gt_tensor *t, gt_scalar value, const char *name);

#endif
