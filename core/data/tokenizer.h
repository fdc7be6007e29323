/* tokenizer.h: text -> token ids -> text.
 *
 *   bytes          id = byte value
 *   chars          one token for each code point of some text
 *   bpe            byte-level byte-pair encoding: every text can be encoded and comes back
 *   sentencepiece  decoding and token statistics only
 *
 * Special tokens are marks such as <|endoftext|>: their names in ordinary text are ordinary text
 * unless the caller of gt_tokenizer_encode asks for them. */
#ifndef GT_TOKENIZER_H
#define GT_TOKENIZER_H

#include "core/data/merges.h"
#include "core/data/split.h"
#include "core/data/vocabulary.h"
#include "core/tensor/text.h"

#include <string.h>

typedef enum gt_tokenizer_kind {
  GT_TOKENIZER_BYTES,
  GT_TOKENIZER_CHARS,
  GT_TOKENIZER_BPE,
  GT_TOKENIZER_SENTENCEPIECE
} gt_tokenizer_kind;

/* A growing list of ids.  Zero-initialise; free with gt_ids_free. */
typedef struct gt_ids {
  int32_t *data;
  int64_t count, capacity;
} gt_ids;
gt_status gt_ids_reserve(gt_ctx *cx, gt_ids *ids, int64_t more); /* room for `more` after count */
void gt_ids_free(gt_ids *ids);

/* Read-only once made, and shared by reference counts. */
typedef struct gt_tokenizer {
  int refs;
  gt_tokenizer_kind kind;
  gt_vocabulary vocabulary; /* vocabulary.size: ids are below it */
  int32_t bos, eos;         /* -1: none */
  int32_t *specials;        /* (special_count) ids */
  int special_count;

  /* bpe */
  gt_merges merges;
  gt_split *split;       /* NULL: text is one piece */
  int32_t byte_ids[256]; /* the tokens that merging begins with */
  bool ranked;           /* from a rank file: a piece that is a token needs no merging, and the
                            merges follow from the tokens */

  /* sentencepiece: what the model did to the text, for decoding to undo */
  bool strip_one; /* put a space in front */
  bool strip_all; /* took spaces in front away */
} gt_tokenizer;

gt_status gt_tokenizer_new(gt_ctx *cx, gt_tokenizer_kind kind, gt_tokenizer **out);
gt_tokenizer *gt_tokenizer_ref(gt_tokenizer *tok);
void gt_tokenizer_unref(gt_tokenizer *tok); /* NULL passes */
const char *gt_tokenizer_kind_name(gt_tokenizer_kind kind);

gt_status gt_tokenizer_bytes(gt_ctx *cx, gt_tokenizer **out);
/* One token for each different code point of the text, in the order of code points.  Bytes that are
 * no UTF-8 count as characters. */
gt_status gt_tokenizer_chars(gt_ctx *cx, const char *text, size_t size, gt_tokenizer **out);

/* What the makers below share.  `where` begins their messages: a file, or "tokenizer". */
gt_status gt_tokenizer_add(gt_ctx *cx, gt_tokenizer *tok, const char *where, int64_t id,
                           const char *bytes, size_t n, gt_token_type type);
/* A special token; id -1: the first free one after all others.  "<|bos|>" and the like become bos
 * and eos. */
gt_status gt_tokenizer_add_special(gt_ctx *cx, gt_tokenizer *tok, const char *where,
                                   const char *name, size_t n, int64_t id);
/* Notes which tokens are the single bytes; GT_EFORMAT unless all 256 are there. */
gt_status gt_tokenizer_find_bytes(gt_ctx *cx, gt_tokenizer *tok, const char *where);
/* Sets how text is split: n == 0 for not at all. */
gt_status gt_tokenizer_set_pattern(gt_ctx *cx, gt_tokenizer *tok, const char *where,
                                   const char *pattern, size_t n);

/* Appends the ids of the text to `out`, which keeps what it had on failure.  specials: names of
 * special tokens in the text become their ids. */
gt_status gt_tokenizer_encode(gt_ctx *cx, const gt_tokenizer *tok, const char *text, size_t size,
                              bool specials, gt_ids *out);
/* Appends the text of the ids; `out` is the caller's to free in any case.  An id that the
 * vocabulary lacks is GT_EINDEX. */
gt_status gt_tokenizer_decode(gt_ctx *cx, const gt_tokenizer *tok, const int64_t *ids,
                              int64_t count, gt_text *out);
/* Appends the text of one token, with spaces as spaces; of a special token, its name. */
void gt_token_text(gt_ctx *cx, const gt_tokenizer *tok, int id, gt_text *out);
/* The token with these bytes or this name, or -1. */
int gt_tokenizer_find(const gt_tokenizer *tok, const char *bytes, size_t n);
/* Bytes that token `id` adds to a text: of a SentencePiece token without the space in front of it,
 * which *space tells; 0 for marks, which are *boundary. */
int gt_tokenizer_byte_length(const gt_tokenizer *tok, int id, bool *space, bool *boundary);

/* ---- between the files of the tokenizer ---- */
/* Bytes of the character that begins the text: a code point, or one byte that is not UTF-8. */
size_t gt_character(const char *text, size_t size);
#define GT_SPACE "\xe2\x96\x81" /* U+2581, how SentencePiece writes a space */
static inline bool gt_has_space(const char *piece, size_t n) {
  return n >= 3 && memcmp(piece, GT_SPACE, 3) == 0;
}

#endif
