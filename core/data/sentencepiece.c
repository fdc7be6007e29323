/* sentencepiece.c: the vocabulary of a SentencePiece model, for decoding and for counting bytes.
 *
 * The file is a protocol buffer (sentencepiece_model.proto), read here field by field:
 *   ModelProto      1 pieces, repeated; 2 trainer_spec; 3 normalizer_spec
 *   SentencePiece   1 piece; 2 score; 3 type (normal 1, unknown 2, control 3, user defined 4,
 *                   unused 5, byte 6)
 *   TrainerSpec     41 bos_id, 42 eos_id
 *   NormalizerSpec  3 add_dummy_prefix, 4 remove_extra_whitespaces
 * Messages are never nested deeper than that here, and all other fields are stepped over. */
#include "core/data/tokenizer_file.h"

#include "core/data/file.h"
#include "core/data/utf8.h"

#include <string.h>

enum piece_type { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

/* A message, or what is left of it. */
typedef struct message {
  gt_ctx *cx;
  const char *path, *start, *at, *end; /* start: of the file, for offsets in messages */
} message;

typedef struct field {
  uint32_t number;
  uint32_t wire;  /* type: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes */
  uint64_t value; /* of a varint */
  const char *bytes;
  size_t size;
} field;

static gt_status bad(const message *m, const char *reason) {
  return gt_fail(m->cx, GT_EFORMAT, "%s: byte %zu: %s", m->path, (size_t)(m->at - m->start),
                 reason);
}

static gt_status read_varint(message *m, uint64_t *out) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (m->at == m->end) return bad(m, "ends within a number");
    unsigned char byte = (unsigned char)*m->at++;
    value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      *out = value;
      return GT_OK;
    }
  }
  return bad(m, "number of more than 64 bits");
}

/* The next field of a message that is not at its end. */
static gt_status read_field(message *m, field *out) {
  field f = {0};
  uint64_t key = 0;
  GT_TRY(read_varint(m, &key));
  if (key >> 32 || key >> 3 == 0)
    return bad(m, "expected a SentencePiece model, got no such field");
  f.number = (uint32_t)(key >> 3);
  f.wire = key & 7;
  if (f.wire == 0) {
    GT_TRY(read_varint(m, &f.value));
  } else {
    uint64_t size = f.wire == 1 ? 8 : f.wire == 5 ? 4 : 0;
    if (f.wire == 2) GT_TRY(read_varint(m, &size));
    if (f.wire != 1 && f.wire != 2 && f.wire != 5)
      return bad(m, "expected a SentencePiece model, got a field of unknown type");
    if (size > (uint64_t)(m->end - m->at)) return bad(m, "field reaches beyond the end");
    f.bytes = m->at;
    f.size = (size_t)size;
    m->at += size;
  }
  *out = f;
  return GT_OK;
}

static message inside(const message *m, const field *f) {
  return (message){m->cx, m->path, m->start, f->bytes, f->bytes + f->size};
}

/* "<0x0A>" -> 10, else -1 */
static int byte_value(const char *piece, size_t n) {
  static const char digits[] = "0123456789ABCDEF";
  if (n != 6 || memcmp(piece, "<0x", 3) != 0 || piece[5] != '>') return -1;
  const char *high = memchr(digits, piece[3], 16), *low = memchr(digits, piece[4], 16);
  return high && low ? (int)(high - digits) * 16 + (int)(low - digits) : -1;
}

typedef struct piece {
  const char *bytes;
  size_t size;
  uint64_t type;
} piece;

static gt_status read_piece(message m, piece *out) {
  piece p = {.type = NORMAL};
  field f = {0};
  while (m.at < m.end) {
    GT_TRY(read_field(&m, &f));
    if (f.number == 1 && f.wire == 2) {
      p.bytes = f.bytes;
      p.size = f.size;
    }
    if (f.number == 3 && f.wire == 0) p.type = f.value;
  }
  if (!p.bytes || p.type < NORMAL || p.type > BYTE) return bad(&m, "piece without text or type");
  if (memchr(p.bytes, 0, p.size)) return bad(&m, "piece with a NUL");
  if (gt_utf8_span(p.bytes, p.size) < p.size) return bad(&m, "piece that is not UTF-8");
  *out = p;
  return GT_OK;
}

static gt_status add_piece(gt_ctx *cx, gt_tokenizer *tok, const message *m, const piece *p,
                           int id) {
  char byte;
  switch (p->type) {
  case CONTROL:
    return gt_tokenizer_add_special(cx, tok, m->path, p->bytes, p->size, id);
  case UNKNOWN:
    return gt_tokenizer_add(cx, tok, m->path, id, p->bytes, p->size, GT_TOKEN_UNKNOWN);
  case UNUSED:
    return GT_OK;
  case BYTE:
    if (byte_value(p->bytes, p->size) < 0) return bad(m, "byte piece that names no byte");
    byte = (char)byte_value(p->bytes, p->size);
    return gt_tokenizer_add(cx, tok, m->path, id, &byte, 1, GT_TOKEN_BYTE);
  default:
    return gt_tokenizer_add(cx, tok, m->path, id, p->bytes, p->size, GT_TOKEN_TEXT);
  }
}

/* Bytes in a second turn: the token that is found by a character is its text token. */
static gt_status read_pieces(gt_ctx *cx, gt_tokenizer *tok, message m, bool bytes, int *count) {
  int id = 0;
  field f = {0};
  piece p = {0};
  while (m.at < m.end) {
    GT_TRY(read_field(&m, &f));
    if (f.number != 1 || f.wire != 2) continue;
    if (id == GT_VOCABULARY_MAX) return bad(&m, "too many pieces");
    if ((id & 0xfff) == 0) GT_TRY(gt_poll(cx));
    GT_TRY(read_piece(inside(&m, &f), &p));
    if ((p.type == BYTE) == bytes) GT_TRY(add_piece(cx, tok, &m, &p, id));
    id++;
  }
  *count = id;
  return GT_OK;
}

static gt_status read_specs(gt_tokenizer *tok, message m, int count) {
  field spec = {0}, f = {0};
  int64_t bos = 1, eos = 2; /* defaults of the format; -1: none */
  bool dummy_prefix = true, extra_spaces = true;
  while (m.at < m.end) {
    GT_TRY(read_field(&m, &spec));
    if (spec.wire != 2 || spec.number < 2 || spec.number > 3) continue;
    for (message s = inside(&m, &spec); s.at < s.end;) {
      GT_TRY(read_field(&s, &f));
      if (f.wire != 0) continue;
      if (spec.number == 2 && f.number == 41) bos = (int32_t)f.value;
      if (spec.number == 2 && f.number == 42) eos = (int32_t)f.value;
      if (spec.number == 3 && f.number == 3) dummy_prefix = f.value != 0;
      if (spec.number == 3 && f.number == 4) extra_spaces = f.value != 0;
    }
  }
  tok->strip_one = dummy_prefix;
  tok->strip_all = extra_spaces;
  const gt_token *tokens = tok->vocabulary.tokens;
  tok->bos = bos >= 0 && bos < count && tokens[bos].type == GT_TOKEN_SPECIAL ? (int32_t)bos : -1;
  tok->eos = eos >= 0 && eos < count && tokens[eos].type == GT_TOKEN_SPECIAL ? (int32_t)eos : -1;
  return GT_OK;
}

gt_status gt_read_sentencepiece(gt_ctx *cx, gt_tokenizer *tok, const char *path, const char *bytes,
                                size_t size) {
  message m = {cx, path, bytes, bytes, bytes + size};
  int count = 0;
  tok->kind = GT_TOKENIZER_SENTENCEPIECE;
  GT_TRY(read_pieces(cx, tok, m, false, &count));
  if (tok->vocabulary.size == 0) return bad(&m, "a model without pieces");
  GT_TRY(read_pieces(cx, tok, m, true, &count));
  return read_specs(tok, m, tok->vocabulary.size);
}
