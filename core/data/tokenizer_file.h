/* tokenizer_file.h: the files that tokenizers are kept in.
 *
 *   gptsh          JSON with everything: written by gt_tokenizer_save, the only one that is whole
 *   tiktoken       lines "base64(token) rank": no pattern, no special tokens
 *   gpt2           vocab.json with merges.txt next to it: no pattern
 *   minbpe         text: pattern, special tokens, merges
 *   sentencepiece  protocol buffer ModelProto
 *
 * What a file is, its bytes say.  Nothing in a file is run but the split pattern, which PCRE2 keeps
 * within limits. */
#ifndef GT_TOKENIZER_FILE_H
#define GT_TOKENIZER_FILE_H

#include "core/data/tokenizer.h"

#define GT_TOKENIZER_FILE_MAX ((uint64_t)256 << 20) /* bytes */

typedef enum gt_tokenizer_format {
  GT_FORMAT_GPTSH,
  GT_FORMAT_TIKTOKEN,
  GT_FORMAT_GPT2,
  GT_FORMAT_MINBPE,
  GT_FORMAT_SENTENCEPIECE
} gt_tokenizer_format;

/* Reads a file, or the folder of a GPT-2 tokenizer.  Errors name file and line or byte. */
gt_status gt_tokenizer_load(gt_ctx *cx, const char *path, gt_tokenizer **out,
                            gt_tokenizer_format *format);
/* Writes tok, atomically, as GPTSH, TIKTOKEN or MINBPE; refuses a tokenizer that the format cannot
 * hold. */
gt_status gt_tokenizer_save(gt_ctx *cx, const gt_tokenizer *tok, const char *path,
                            gt_tokenizer_format format);

/* ---- between the readers ---- */
/* Adds the merge of two tokens as the next in rank.  id -1: the next free one; an id with bytes
 * must have those of the two. */
gt_status gt_tokenizer_add_merge(gt_ctx *cx, gt_tokenizer *tok, const char *where, int64_t left,
                                 int64_t right, int64_t id);
/* For a rank file: any two tokens that make a third merge, with its id as rank. */
gt_status gt_tokenizer_rank(gt_ctx *cx, gt_tokenizer *tok);
/* Each fills a new tokenizer from the bytes of a file. */
gt_status gt_read_tiktoken(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *text,
                           size_t size);
gt_status gt_read_minbpe(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *text,
                         size_t size);
gt_status gt_read_json(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *text,
                       size_t size, gt_tokenizer_format *format);
gt_status gt_read_sentencepiece(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *bytes,
                                size_t size);

/* Lines of a text file, without their ends (LF or CR LF). */
typedef struct gt_lines {
  const char *path, *at, *end;
  const char *line; /* the current one */
  size_t length;
  int number;
  char where[300]; /* "path:number", for messages */
} gt_lines;
bool gt_next_line(gt_lines *lines);
/* The decimal number text[0..n), below 2^31, or -1. */
int64_t gt_decimal(const char *text, size_t n);

#endif
