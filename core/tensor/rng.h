/* rng.h: Philox 4x32-10 (Salmon et al., SC 2011), counter-based: element i of stream s under seed k
 * is a pure function of (k, s, i).  Same numbers on every device and for any number of threads.
 * Block i/4: counter = (i/4 low, i/4 high, stream low, stream high), key = (seed low, seed high).
 */
#ifndef GT_RNG_H
#define GT_RNG_H

#include "core/tensor/tensor.h"

static inline void gt_philox(uint64_t seed, uint64_t stream, uint64_t block, uint32_t out[4]) {
  uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);
  uint32_t c0 = (uint32_t)block, c1 = (uint32_t)(block >> 32), c2 = (uint32_t)stream,
           c3 = (uint32_t)(stream >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

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
