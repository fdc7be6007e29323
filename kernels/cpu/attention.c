/* attention.c: the plan of attention's kernels, and the memory they take. */
#include "kernels/cpu/attention.h"

#include "kernels/op/attributes.h"

#include <math.h>

enum { PACKED_BYTES = 4 << 20 }; /* of panels at a time; one sequence may need more */

gt_token_strides gt_token_strides_of(const gt_call *c, const gt_tensor *x) {
  int heads = c->attr[GT_ATTENTION_LAYOUT].i == GT_ATTENTION_BHTD ? 1 : 2;
  return (gt_token_strides){x->stride[0], x->stride[3 - heads], x->stride[heads], x->stride[3]};
}

gt_attention_job gt_attention_job_of(const gt_call *c) {
  const gt_spec *q = &c->in_spec[0], *k = &c->in_spec[1];
  int heads = c->attr[GT_ATTENTION_LAYOUT].i == GT_ATTENTION_BHTD ? 1 : 2;
  double D = (double)q->shape[3];
  return (gt_attention_job){
      .B = q->shape[0],
      .H = q->shape[heads],
      .Hkv = k->shape[heads],
      .T = q->shape[3 - heads],
      .S = k->shape[3 - heads],
      .D = q->shape[3],
      .causal = c->attr[GT_ATTENTION_CAUSAL].i != 0,
      .offset = c->attr[GT_ATTENTION_OFFSET].i,
      .drop = gt_drop_of(c->attr[GT_ATTENTION_DROPOUT].f, c->attr[GT_ATTENTION_SEED].i,
                         c->attr[GT_ATTENTION_STREAM].i),
      .scale = c->attr[GT_ATTENTION_SCALE].given ? c->attr[GT_ATTENTION_SCALE].f : 1 / sqrt(D),
      .q = gt_data(c->in[0]),
      .k = gt_data(c->in[1]),
      .v = gt_data(c->in[2]),
      .q_at = gt_token_strides_of(c, c->in[0]),
      .k_at = gt_token_strides_of(c, c->in[1]),
      .v_at = gt_token_strides_of(c, c->in[2])};
}

int64_t gt_attention_together(const gt_call *c, const gt_attention_job *j) {
  int64_t bytes = j->Hkv * j->packed_size * (int64_t)gt_dtype_size(c->dtype);
  return gt_min(gt_max(1, PACKED_BYTES / gt_max(1, bytes)), j->B);
}

/* Of a training step: a forward of many queries, a backward. */
size_t gt_cpu_attention_scratch(const gt_call *c, bool backward) {
  gt_attention_job j = gt_attention_job_of(c);
  if (gt_cpu_attention_is_bf16(c)) return gt_attention_bf16_scratch(c, &j, backward);
  (backward ? gt_attention_backward_sizes : gt_attention_forward_sizes)(c, &j);
  int64_t packed = backward ? 0 : gt_attention_together(c, &j) * j.Hkv * j.packed_size;
  return (size_t)(packed + gt_pool_threads(c->cx) * j.scratch_size) * gt_dtype_size(c->dtype);
}

gt_status gt_attention_room(gt_call *c, int64_t count, int64_t elements, void **out) {
  return gt_scratch(c->cx, c->device, (size_t)(count * elements) * gt_dtype_size(c->dtype), out);
}
