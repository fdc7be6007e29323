/* diary.h: the search of core/tensor/anomaly.h, which also knows the modules: while it is on, an
 * op that is first to make a nan or an infinity fails and names itself and the module it ran in. */
#ifndef GT_DIARY_H
#define GT_DIARY_H

#include "core/tensor/anomaly.h"

/* Switches it on; once more where it is on counts.  cx->anomaly->found is "" then. */
gt_status gt_anomaly_open(gt_ctx *cx);
/* Takes one gt_anomaly_open() back; the last one switches it off. */
void gt_anomaly_close(gt_ctx *cx);

#endif
