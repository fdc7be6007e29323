/* plain_text.h: text files, checked to be text, and their tokens. */
#ifndef GT_PLAIN_TEXT_H
#define GT_PLAIN_TEXT_H

#include "core/data/tokenizer.h"
#include "core/data/tokens.h"

/* GT_EFORMAT, with `name` and offset, when the text is empty, holds a NUL byte or is not UTF-8. */
gt_status gt_text_check(gt_ctx *cx, const char *name, const char *text, size_t size);
/* GT_EFORMAT when the first bytes of the file tell that its text would be of no use (a pointer of
 * Git LFS) or, where `checked`, that it is not text: before anything else of it is read. */
gt_status gt_text_check_head(gt_ctx *cx, const char *path, bool checked);
/* The whole file.  `checked`: it must pass gt_text_check; otherwise it must only not be empty.
 * `text` is the caller's. */
gt_status gt_text_read(gt_ctx *cx, const char *path, bool checked, char **text, size_t *size);
/* Whether the file begins as text does: no NUL and no invalid UTF-8 in its first 4096 bytes. */
gt_status gt_text_begins(gt_ctx *cx, const char *path, bool *out);

/* Appends a document: the tokens of the text after bos, where the tokenizer has it, or else after
 * eos (as llm.c does with the <|endoftext|> of GPT-2).  On failure a part may have been appended.
 */
gt_status gt_tokens_append_text(gt_ctx *cx, gt_tokens *t, const gt_tokenizer *tok, const char *text,
                                size_t size);

#endif
