/* faults.h: work whose allocations fail, one after the other. */
#ifndef TEST_FAULTS_H
#define TEST_FAULTS_H

#include "core/tensor/allocator.h"
#include "core/tensor/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Does the work, gives back what it made, and answers how it went. */
typedef gt_status (*faulty_work)(gt_ctx *context, void *argument);

/* Runs the work with its n-th allocation failing, alone and with all that follow, for every n until
 * it succeeds.  Each failure must be GT_ENOMEM with a message and leave no tensor behind; `whole`
 * (or NULL) looks after it whether anything was changed.  Returns how often it failed. */
static int fail_every_allocation(gt_ctx *context, faulty_work work, void (*whole)(gt_ctx *, void *),
                                 void *argument) {
  int failures = 0;
  for (int persist = 0; persist < 2; persist++) {
    gt_status status = GT_ENOMEM;
    for (int n = 0; status != GT_OK; n++) {
      gt_memory_trim(context, context->cpu); /* what the device gives may fail too */
      size_t live = gt_memory(context, context->cpu).live;
      assert_true(n < 10000);
      context->fail_after = n;
      context->fail_persist = persist;
      status = work(context, argument);
      context->fail_after = -1;
      assert_int_equal(gt_memory(context, context->cpu).live, live);
      if (status == GT_OK) break;
      if (status != GT_ENOMEM || !strstr(context->message, "out of memory"))
        fail_msg("allocation %d: status %d, %s", n, status, context->message);
      if (whole) whole(context, argument);
      failures++;
    }
  }
  return failures;
}

#endif
