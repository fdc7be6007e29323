/* words.h: counting the different pieces of a text. */
#ifndef GT_WORDS_H
#define GT_WORDS_H

#include "core/data/split.h"

typedef struct gt_word {
  size_t start; /* in gt_words.bytes */
  uint32_t length, hash;
  int64_t count;
} gt_word;

/* Zero-initialise and set `seed`; free with gt_words_free. */
typedef struct gt_words {
  gt_word *list; /* (count) in the order of their first use */
  uint32_t count;
  char *bytes;
  size_t used;
  uint64_t seed;

  /* private */
  uint32_t capacity, slot_count;
  uint32_t *slots; /* (slot_count) index into list plus one, 0: empty */
  size_t room;
} gt_words;

/* Counts the pieces of one document. */
gt_status gt_words_add(gt_ctx *cx, gt_words *words, gt_split *split, const char *text, size_t size);
/* Gives back all but the lengths and counts in `list`. */
void gt_words_forget(gt_words *words);
void gt_words_free(gt_words *words);

#endif
