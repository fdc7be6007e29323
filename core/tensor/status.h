/* status.h: how every fallible function of core/ and kernels/ answers.
 *
 * A function returns a gt_status; its results go out through its last pointers, written only on
 * success.  The text for the user is put into the context by gt_fail().  Nothing here or below
 * prints, exits, aborts or long-jumps. */
#ifndef GT_STATUS_H
#define GT_STATUS_H

#define GT_STATUS_LIST(X)                                                                          \
  X(OK, "ok")                                                                                      \
  X(EARG, "bad argument")                                                                          \
  X(ESHAPE, "shape mismatch")                                                                      \
  X(EDTYPE, "wrong dtype")                                                                         \
  X(EDEVICE, "device error")                                                                       \
  X(EINDEX, "index out of range")                                                                  \
  X(ENOMEM, "out of memory")                                                                       \
  X(EIO, "input/output error")                                                                     \
  X(EFORMAT, "malformed file")                                                                     \
  X(EGRAPH, "gradient error")                                                                      \
  X(EINTR, "interrupted")                                                                          \
  X(EHOOK, "error in a Lua function")

typedef enum gt_status {
#define X(name, text) GT_##name,
  GT_STATUS_LIST(X)
#undef X
} gt_status;

/* Leave at once with the status of a failed call.  Only where nothing is held; otherwise `goto
 * out`. */
#define GT_TRY(expression)                                                                         \
  do {                                                                                             \
    gt_status gt_try_status = (expression);                                                        \
    if (gt_try_status != GT_OK) return gt_try_status;                                              \
  } while (0)

/* Let the compiler check formats of message functions. */
#define GT_PRINTF(message, first) __attribute__((__format__(__printf__, message, first)))

#endif
