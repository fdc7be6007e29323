/* loader.h: batches of training windows.  A window is T + 1 neighbouring tokens: T inputs, and as
 * targets the same moved by one.  Batch number `step` is a pure function of the tokens, the
 * settings and `step`, so the position of a loader is one number, and resuming is exact. */
#ifndef GT_LOADER_H
#define GT_LOADER_H

#include "core/data/tokens.h"

typedef enum gt_order {
  GT_ORDER_SEQUENTIAL, /* window after window; at the end the rest that fills no batch is left out
                          (as llm.c does) */
  GT_ORDER_SHUFFLED,   /* the same windows, in another order every epoch */
  GT_ORDER_RANDOM      /* windows from anywhere, with repetition (as nanoGPT does) */
} gt_order;

typedef struct gt_loader_settings {
  int64_t B, T; /* windows per batch, targets per window */
  gt_order order;
  uint64_t seed;
  int64_t bos; /* >= 0: windows begin at this token only, see below */
} gt_loader_settings;

typedef struct gt_loader gt_loader;

/* With bos every window begins at the first bos token that lies at or after the end of the window
 * before it: windows begin with a document, further documents follow until they are full, and what
 * is left of the last one is skipped.  Finding them reads all tokens once.
 * GT_EARG when there are too few tokens (or windows) for one batch. */
gt_status gt_loader_new(gt_ctx *cx, gt_tokens *tokens, const gt_loader_settings *settings,
                        gt_loader **out);
void gt_loader_free(gt_loader *l);

/* Batch number step (from 0, without end) to x and y, (B, T) each. */
gt_status gt_loader_batch(gt_ctx *cx, gt_loader *l, int64_t step, int64_t *x, int64_t *y);
/* Batches per epoch; epoch e begins with batch e times this. */
int64_t gt_loader_batches(const gt_loader *l);
const gt_loader_settings *gt_loader_settings_of(const gt_loader *l);

/* For evaluation: the n-th of the batches that hold every target of the tokens once, in order.
 * Rows, of T targets each, are as many as are left, at most B; the last row of all is filled with
 * inputs of 0 and targets of -1.  Fills out only: x and y, (rows, T) each, come later, when the
 * caller has made room. */
typedef struct gt_window {
  int64_t at, rows, targets; /* first input; rows 0: no such batch */
} gt_window;
gt_window gt_window_of(const gt_tokens *tokens, int64_t B, int64_t T, int64_t n);
gt_status gt_window_read(gt_ctx *cx, gt_tokens *tokens, const gt_window *window, int64_t T,
                         int64_t *x, int64_t *y);

#endif
