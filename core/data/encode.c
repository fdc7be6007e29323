/* encode.c: text -> ids.
 *
 * Text repeats its words: a piece that has been encoded earlier in the same call is copied from
 * there, found through a small table of pieces.
 *
 * A long text is cut into chunks, which all threads encode: after a letter and before white space
 * every named pattern cuts too, and what it does on either side does not depend on the other.  A
 * pattern of the user's may do anything: there the text stays whole. */
#include "core/data/tokenizer.h"

#include "core/data/file.h"
#include "core/data/utf8.h"
#include "core/tensor/pool.h"

#include <string.h>

#define KNOWN_MAX 64            /* bytes of a piece worth remembering */
#define KNOWN_SLOTS (1u << 14)  /* at most; a power of two */
#define POLL ((size_t)1 << 16)  /* bytes between two looks at the interrupt flag */
#define CHUNK ((size_t)1 << 19) /* bytes that are encoded by one thread */

/* A piece encoded before: where in the text, where its ids are. */
typedef struct known {
  const char *piece;
  int64_t at;
  uint32_t length, count;
} known;

typedef struct encoder {
  gt_ctx *cx;
  const gt_tokenizer *tok;
  gt_split *split;
  const char *text; /* all of it, for messages */
  gt_ids *out;
  known *table; /* (slots) or NULL for short texts */
  uint32_t slots;
} encoder;

static gt_status encode_bytes(encoder *e, const char *text, size_t size) {
  GT_TRY(gt_ids_reserve(e->cx, e->out, (int64_t)size));
  int32_t *ids = e->out->data + e->out->count;
  for (size_t i = 0; i < size; i++) ids[i] = (unsigned char)text[i];
  e->out->count += (int64_t)size;
  return GT_OK;
}

static gt_status encode_chars(encoder *e, const char *text, size_t size) {
  GT_TRY(gt_ids_reserve(e->cx, e->out, (int64_t)size));
  for (size_t at = 0, n; at < size; at += n) {
    n = gt_character(text + at, size - at);
    int id = gt_vocabulary_find(&e->tok->vocabulary, text + at, n);
    if (id < 0) {
      char shown[GT_SHOWN];
      return gt_fail(e->cx, GT_EARG,
                     "encode: expected characters of the vocabulary, got '%s' at byte %zu",
                     gt_shown(text + at, n, shown), (size_t)(text + at - e->text));
    }
    e->out->data[e->out->count++] = id;
  }
  return GT_OK;
}

/* Encodes a piece by merging, at the end of the list. */
static gt_status encode_piece(encoder *e, const char *piece, size_t n) {
  const gt_tokenizer *tok = e->tok;
  GT_TRY(gt_ids_reserve(e->cx, e->out, (int64_t)n));
  int32_t *ids = e->out->data + e->out->count;
  int whole = tok->ranked ? gt_vocabulary_find(&tok->vocabulary, piece, n) : -1;
  if (whole >= 0) {
    ids[0] = whole;
    e->out->count++;
    return GT_OK;
  }
  int64_t count = 0;
  for (size_t i = 0; i < n; i++) ids[i] = tok->byte_ids[(unsigned char)piece[i]];
  GT_TRY(gt_merges_apply(e->cx, &tok->merges, ids, (int64_t)n, &count));
  e->out->count += count;
  return GT_OK;
}

/* As encode_piece, or from memory. */
static gt_status recall_piece(encoder *e, const char *piece, size_t n) {
  if (!e->table || n < 2 || n > KNOWN_MAX) return encode_piece(e, piece, n);
  known *k = &e->table[gt_hash(0, piece, n) & (e->slots - 1)];
  if (k->length == n && memcmp(k->piece, piece, n) == 0) {
    GT_TRY(gt_ids_reserve(e->cx, e->out, k->count));
    memcpy(e->out->data + e->out->count, e->out->data + k->at, k->count * sizeof *e->out->data);
    e->out->count += k->count;
    return GT_OK;
  }
  int64_t at = e->out->count;
  GT_TRY(encode_piece(e, piece, n));
  *k = (known){piece, at, (uint32_t)n, (uint32_t)(e->out->count - at)};
  return GT_OK;
}

static gt_status make_table(encoder *e, size_t size) {
  if (size < 256) return GT_OK;
  for (e->slots = 64; e->slots < KNOWN_SLOTS && e->slots < size / 16;) e->slots *= 2;
  e->table = gt_calloc(e->cx, e->slots, sizeof *e->table);
  return e->table ? GT_OK : GT_ENOMEM;
}

/* Bytes begin ... end - 1 of the text. */
static gt_status encode_range(encoder *e, const char *text, size_t begin, size_t end) {
  gt_pieces pieces = {.split = e->split, .text = text, .size = end, .at = begin};
  const char *piece = NULL;
  size_t n = 0, polled = begin;
  for (;;) {
    GT_TRY(gt_split_next(e->cx, &pieces, &piece, &n));
    if (n == 0) return GT_OK;
    GT_TRY(recall_piece(e, piece, n));
    if (pieces.at - polled < POLL) continue;
    polled = pieces.at;
    GT_TRY(gt_poll(e->cx));
  }
}

/* ---- on all threads ---- */

typedef struct chunk {
  size_t begin, end;
  gt_ctx cx; /* for its own messages: the session's belongs to one thread */
  gt_status status;
  gt_ids ids;
} chunk;

typedef struct chunks {
  const encoder *whole;
  const char *text;
  chunk *list; /* (count) */
  int64_t count;
  gt_split **splits; /* (threads) matching writes to it, so threads cannot share one */
} chunks;

static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

static void add_chunk(chunks *c, size_t begin, size_t end) {
  chunk *added = &c->list[c->count++];
  added->begin = begin;
  added->end = end;
  added->cx.fail_after = -1;
  added->cx.session = c->whole->cx;
}

/* Chunks of at least CHUNK bytes, each up to the first good place. */
static void cut(chunks *c, size_t size) {
  size_t begin = 0;
  for (size_t at = CHUNK; at < size; at++) {
    if (!is_letter(c->text[at - 1]) || !is_space(c->text[at])) continue;
    add_chunk(c, begin, at);
    begin = at;
    at += CHUNK;
  }
  add_chunk(c, begin, size);
}

static gt_status encode_chunk(const chunks *c, chunk *part) {
  const gt_tokenizer *tok = c->whole->tok;
  gt_split **split = &c->splits[gt_worker()];
  const char *pattern = gt_split_pattern(tok->split);
  if (!*split) GT_TRY(gt_split_new(&part->cx, "encode", pattern, strlen(pattern), split));
  encoder e = {.cx = &part->cx, .tok = tok, .split = *split, .out = &part->ids};
  gt_status status = make_table(&e, part->end - part->begin);
  if (status == GT_OK) status = encode_range(&e, c->text, part->begin, part->end);
  gt_free(e.table);
  return status;
}

static void encode_chunks(void *argument, int64_t begin, int64_t end) {
  const chunks *c = argument;
  for (int64_t i = begin; i < end; i++) c->list[i].status = encode_chunk(c, &c->list[i]);
}

/* The ids of the chunks, one after the other, or what went wrong first. */
static gt_status join(const chunks *c) {
  const encoder *e = c->whole;
  int64_t total = 0;
  GT_TRY(gt_poll(e->cx));
  for (int64_t i = 0; i < c->count; i++) {
    const chunk *part = &c->list[i];
    if (part->status) return gt_fail(e->cx, part->status, "%s", part->cx.message);
    total += part->ids.count;
  }
  GT_TRY(gt_ids_reserve(e->cx, e->out, total));
  for (int64_t i = 0; i < c->count; i++) {
    const gt_ids *ids = &c->list[i].ids;
    memcpy(e->out->data + e->out->count, ids->data, (size_t)ids->count * sizeof *ids->data);
    e->out->count += ids->count;
  }
  return GT_OK;
}

static gt_status encode_shared(const encoder *e, const char *text, size_t size) {
  int threads = gt_pool_threads(e->cx);
  chunks c = {.whole = e, .text = text};
  gt_status status = GT_ENOMEM;
  c.list = gt_calloc(e->cx, size / CHUNK + 1, sizeof *c.list);
  c.splits = c.list ? gt_calloc(e->cx, (size_t)threads, sizeof(gt_split *)) : NULL;
  if (c.splits) {
    cut(&c, size);
    gt_parallel(e->cx, c.count, 1, encode_chunks, &c);
    status = join(&c);
    for (int i = 0; i < threads; i++) gt_split_free(c.splits[i]);
  }
  for (int64_t i = 0; i < c.count; i++) gt_ids_free(&c.list[i].ids);
  gt_free(c.splits);
  gt_free(c.list);
  return status;
}

static gt_status encode_bpe(encoder *e, const char *text, size_t size) {
  bool named = e->split && gt_split_name(gt_split_pattern(e->split));
  if (named && size > 2 * CHUNK && gt_pool_idle(e->cx) > 1) return encode_shared(e, text, size);
  return encode_range(e, text, 0, size);
}

/* Text without special tokens. */
static gt_status encode_plain(encoder *e, const char *text, size_t size) {
  if (size == 0) return GT_OK;
  switch (e->tok->kind) {
  case GT_TOKENIZER_BYTES:
    return encode_bytes(e, text, size);
  case GT_TOKENIZER_CHARS:
    return encode_chars(e, text, size);
  case GT_TOKENIZER_BPE:
    return encode_bpe(e, text, size);
  default:
    return gt_fail(e->cx, GT_EARG, "encode: a SentencePiece tokenizer only decodes");
  }
}

/* The longest special token whose name begins the text, or -1. */
static int special_at(const gt_tokenizer *tok, const char *text, size_t size) {
  const gt_vocabulary *v = &tok->vocabulary;
  int best = -1;
  for (int i = 0; i < tok->special_count; i++) {
    int id = tok->specials[i];
    size_t n = v->tokens[id].length;
    if (n > size || memcmp(text, gt_token_bytes(v, id), n) != 0) continue;
    if (best < 0 || n > v->tokens[best].length) best = id;
  }
  return best;
}

static gt_status encode_specials(encoder *e, const char *text, size_t size) {
  bool begins[256] = {false}; /* some name begins with this byte */
  size_t from = 0;
  for (int i = 0; i < e->tok->special_count; i++)
    begins[(unsigned char)*gt_token_bytes(&e->tok->vocabulary, e->tok->specials[i])] = true;
  for (size_t at = 0; at < size; at++) {
    if (!begins[(unsigned char)text[at]]) continue;
    int id = special_at(e->tok, text + at, size - at);
    if (id < 0) continue;
    GT_TRY(encode_plain(e, text + from, at - from));
    GT_TRY(gt_ids_reserve(e->cx, e->out, 1));
    e->out->data[e->out->count++] = id;
    from = at + e->tok->vocabulary.tokens[id].length;
    at = from - 1;
  }
  return encode_plain(e, text + from, size - from);
}

gt_status gt_tokenizer_encode(gt_ctx *cx, const gt_tokenizer *tok, const char *text, size_t size,
                              bool specials, gt_ids *out) {
  encoder e = {.cx = cx, .tok = tok, .split = tok->split, .text = text, .out = out};
  int64_t before = out->count;
  if (tok->kind == GT_TOKENIZER_BPE) GT_TRY(make_table(&e, size));
  gt_status status = specials ? encode_specials(&e, text, size) : encode_plain(&e, text, size);
  gt_free(e.table);
  if (status) out->count = before;
  return status;
}
