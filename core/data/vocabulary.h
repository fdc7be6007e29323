/* vocabulary.h: the tokens of a tokenizer: id -> bytes, bytes -> id. */
#ifndef GT_VOCABULARY_H
#define GT_VOCABULARY_H

#include "core/tensor/context.h"

#define GT_VOCABULARY_MAX (1 << 20)
#define GT_TOKEN_MAX 1024     /* bytes */
#define GT_SPECIALS_MAX 16384 /* special tokens */

typedef enum gt_token_type {
  GT_TOKEN_UNUSED,  /* an id that nothing encodes to */
  GT_TOKEN_TEXT,    /* its bytes are text */
  GT_TOKEN_BYTE,    /* one byte, for text that has no other token (SentencePiece) */
  GT_TOKEN_UNKNOWN, /* for text that has no token (SentencePiece) */
  GT_TOKEN_SPECIAL  /* a mark; its bytes are its name */
} gt_token_type;

typedef struct gt_token {
  uint32_t start; /* in gt_vocabulary.bytes */
  uint16_t length;
  uint8_t type;
} gt_token;

/* Zero-initialise and set `seed`; free with gt_vocabulary_free. */
typedef struct gt_vocabulary {
  gt_token *tokens; /* (size) by id */
  int size;         /* largest id + 1 */
  uint64_t seed;    /* of the hash: unknown to whoever made a file */

  /* private */
  int capacity;
  char *bytes;
  size_t used, room;
  int32_t *slots; /* (slot_count) open addressing over TEXT and BYTE tokens; -1: empty */
  uint32_t slot_count;
  int indexed;
} gt_vocabulary;

/* A seed for hashes that no file can foresee. */
uint64_t gt_hash_seed(void);
uint64_t gt_hash(uint64_t seed, const char *bytes, size_t n);

/* Multiplies and folds: every bit of the result depends on every bit of a and b. */
static inline uint64_t gt_mix(uint64_t a, uint64_t b) {
  unsigned __int128 product = (unsigned __int128)a * b;
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}
/* Of two ids. */
static inline uint32_t gt_pair_hash(uint64_t seed, int32_t left, int32_t right) {
  uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
  return (uint32_t)gt_mix(pair ^ seed, 0x9e3779b97f4a7c15u);
}

/* Gives token `id` its bytes; ids may come in any order and leave gaps.  The caller has checked
 * that 0 <= id < GT_VOCABULARY_MAX is UNUSED, that n <= GT_TOKEN_MAX, and, where that matters, that
 * no token has these bytes yet: of two, the first is found.  GT_ENOMEM leaves the rest whole. */
gt_status gt_vocabulary_put(gt_ctx *cx, gt_vocabulary *v, int id, const char *bytes, size_t n,
                            gt_token_type type);
/* The TEXT or BYTE token with these bytes, or -1. */
int gt_vocabulary_find(const gt_vocabulary *v, const char *bytes, size_t n);
bool gt_vocabulary_has(const gt_vocabulary *v, int64_t id); /* in range and not UNUSED */
const char *gt_token_bytes(const gt_vocabulary *v, int id);
void gt_vocabulary_free(gt_vocabulary *v);

#endif
