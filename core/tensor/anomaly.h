/* diary.h: finding the op that is first to make a value that is not finite.
 *
 * While cx->anomaly is set, every op looks through what it has made, and every step of a backward
 * through the gradients it has passed on.  An op fails when its result has a nan, or an infinity
 * although all inputs are finite: masks of -inf may pass, what comes of them may not be nan.
 * Operations in place are not looked at. */
#ifndef GT_ANOMALY_H
#define GT_ANOMALY_H

#include "core/tensor/op.h"
#include "core/tensor/text.h"

typedef struct gt_anomaly gt_anomaly;
struct gt_anomaly {
  char found[GT_MESSAGE_MAX]; /* what was found, "" while nothing was */
  /* Adds where the op with this sequence number was called (core/model/diary.h). */
  void (*place)(gt_ctx *cx, const gt_anomaly *a, uint64_t sequence, gt_text *out);
};

/* What the elements of a float tensor are. */
typedef struct gt_range {
  double low, high; /* of the finite ones; low > high: there are none */
  bool nan, infinite;
} gt_range;

gt_status gt_range_of(gt_ctx *cx, gt_tensor *t, gt_range *out);

/* After an op ran: GT_EGRAPH with the text of a->found when its result is an anomaly. */
gt_status gt_anomaly_check(gt_ctx *cx, gt_anomaly *a, const gt_call *c);

/* Around one step of backward: `before` sees the gradients that arrived, `check` what became of the
 * gradients of the inputs. */
typedef struct gt_backward_ranges {
  gt_range gout[GT_MAX_OUT];
  bool clean; /* all gradients were finite, also those that wait for more contributions */
} gt_backward_ranges;
gt_status gt_anomaly_before(gt_ctx *cx, const gt_node *node, gt_backward_ranges *out);
gt_status gt_anomaly_check_node(gt_ctx *cx, gt_anomaly *a, const gt_node *node,
                                const gt_backward_ranges *before);

#endif
