/* split.h: cutting text into the pieces that byte-pair encoding never merges across, by a regular
 * expression (PCRE2).  Nothing is lost: text between two matches is a piece too, and bytes that are
 * no UTF-8, which no expression matches, are pieces of their own. */
#ifndef GT_SPLIT_H
#define GT_SPLIT_H

#include "core/tensor/context.h"

#define GT_PATTERN_MAX 4096 /* bytes */

typedef struct gt_split gt_split;

/* `pattern` is a regular expression or one of the names gpt2, gpt4, o200k, nanochat.  GT_EARG with
 * a message that begins with `where`. */
gt_status gt_split_new(gt_ctx *cx, const char *where, const char *pattern, size_t n,
                       gt_split **out);
void gt_split_free(gt_split *split);
const char *gt_split_pattern(const gt_split *split);       /* the expression in full */
const char *gt_split_named(const char *pattern, size_t n); /* name -> expression, or NULL */
const char *gt_split_name(const char *pattern);            /* expression -> name, or NULL */

/* A walk over the pieces of a text.  Initialise `split` (NULL: no cuts but at bytes that are not
 * UTF-8), `text` and `size`. */
typedef struct gt_pieces {
  gt_split *split;
  const char *text;
  size_t size;

  /* private */
  size_t at, valid;              /* next piece; end of the UTF-8 that begins before it */
  size_t match_start, match_end; /* a match found already, after the text before it */
} gt_pieces;

/* The next piece; *length is 0 at the end. */
gt_status gt_split_next(gt_ctx *cx, gt_pieces *pieces, const char **piece, size_t *length);

#endif
