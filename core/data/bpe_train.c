/* bpe_train.c: see bpe_train.h.
 *
 * All different pieces lie in one row of positions, one per byte, with a wall before, between and
 * after them.  A token of n bytes lives at its first position; its length is kept at its first and
 * its last position, so that both neighbours are found from either side.  For every pair of
 * neighbours there is its count in the text and the list of positions where it began when it was
 * made.  Merging walks over that list only, and changes the counts of the pairs to the left and
 * right of each place.
 *
 * A pair is made in one pass: its newer symbol appears in no other.  So lists are in ascending
 * order, which makes "aaa" merge from the left, and after its pass a count only goes down, which
 * lets a heap hold counts that are too large: they are put right when they come up. */
#include "core/data/bpe_train.h"

#include "core/data/file.h"
#include "core/data/heap.h"
#include "core/data/plain_text.h"
#include "core/data/tokenizer_file.h"
#include "core/data/words.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WALL = -1, GONE = -2 };

#define CHUNK ((size_t)4 << 20) /* bytes of a file at a time */
#define CHUNK_MOST ((size_t)64 << 20)
#define REPORT_EVERY ((int64_t)100000000) /* nanoseconds */
#define POLL 0xffffu                      /* places between two looks at the clock, less one */

typedef struct pair {
  int32_t left, right;
  int64_t count;
  uint32_t *at; /* (used) positions; NULL when it can merge no more */
  uint32_t used, room;
} pair;

struct gt_bpe_trainer {
  gt_split *split;
  gt_words words;
  gt_bpe_report report;
  void *data;
  int64_t reported; /* time */
  int64_t done, total;

  /* while merging */
  int32_t *symbols; /* (positions) token, WALL, or GONE inside of a token */
  uint32_t *length; /* (positions) at both ends of a token */
  uint32_t *word;   /* (positions) index of the piece */
  size_t positions;
  pair *pairs;
  uint32_t pair_count, pair_room, fresh; /* pairs from `fresh` on were made in this pass */
  uint32_t *slots;                       /* (slot_count) index into pairs plus one, 0: empty */
  uint32_t slot_count;
  int64_t min_count;
  gt_heap heap; /* (~count, left << 32 | right) */
};

gt_status gt_bpe_trainer_new(gt_ctx *cx, const char *pattern, size_t n, gt_bpe_report report,
                             void *data, gt_bpe_trainer **out) {
  gt_bpe_trainer *t = gt_calloc(cx, 1, sizeof *t);
  if (!t) return GT_ENOMEM;
  t->report = report;
  t->data = data;
  t->words.seed = gt_hash_seed();
  gt_status status = n ? gt_split_new(cx, "train", pattern, n, &t->split) : GT_OK;
  if (status == GT_OK)
    *out = t;
  else
    gt_bpe_trainer_free(t);
  return status;
}

void gt_bpe_trainer_free(gt_bpe_trainer *t) {
  if (!t) return;
  gt_split_free(t->split);
  gt_words_free(&t->words);
  for (uint32_t i = 0; i < t->pair_count; i++) gt_free(t->pairs[i].at);
  gt_free(t->pairs);
  gt_free(t->slots);
  gt_free(t->symbols);
  gt_free(t->length);
  gt_free(t->word);
  gt_heap_free(&t->heap);
  gt_free(t);
}

static gt_status report(gt_ctx *cx, gt_bpe_trainer *t, const char *phase) {
  struct timespec now;
  GT_TRY(gt_poll(cx));
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t time = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
  if (!t->report || time - t->reported < REPORT_EVERY) return GT_OK;
  t->reported = time;
  return t->report(t->data, phase, t->done, t->total);
}

/* ---- reading ---- */

static bool is_graph(char c) { return c > 0x20 && c < 0x7f; }

/* Where text[0..size) can be cut, as late as possible, so that the pieces are those of the
 * whole text: after a single line break between visible ASCII characters.  0: nowhere. */
static size_t safe_cut(const char *text, size_t size) {
  for (size_t at = size; at-- > 2;)
    if (text[at - 1] == '\n' && is_graph(text[at - 2]) && is_graph(text[at])) return at;
  return 0;
}

static gt_status count_part(gt_ctx *cx, gt_bpe_trainer *t, const char *text, size_t size) {
  GT_TRY(gt_words_add(cx, &t->words, t->split, text, size));
  t->done += (int64_t)size;
  return report(cx, t, "read");
}

gt_status gt_bpe_trainer_add(gt_ctx *cx, gt_bpe_trainer *t, const char *text, size_t size) {
  while (size) {
    size_t part = size > CHUNK ? safe_cut(text, CHUNK) : size;
    if (part == 0) part = size;
    GT_TRY(count_part(cx, t, text, part));
    text += part;
    size -= part;
  }
  return GT_OK;
}

/* `buffer` has room for *room bytes and may be replaced. */
static gt_status add_parts(gt_ctx *cx, gt_bpe_trainer *t, const gt_file *file, char **buffer,
                           size_t *room) {
  size_t have = 0;
  for (uint64_t at = 0; at < file->size || have;) {
    uint64_t rest = file->size - at;
    size_t n = rest < *room - have ? (size_t)rest : *room - have;
    GT_TRY(gt_file_read(cx, file, at, *buffer + have, n));
    at += n;
    have += n;
    size_t part = at == file->size ? have : safe_cut(*buffer, have);
    if (part == 0 && *room < CHUNK_MOST) {
      char *wider = gt_realloc(cx, *buffer, 2 * *room);
      if (!wider) return GT_ENOMEM;
      *buffer = wider;
      *room *= 2;
      continue;
    }
    if (part == 0) /* a text without lines: at a code point */
      for (part = have - 1; have - part < 4 && ((*buffer)[part] & 0xc0) == 0x80;) part--;
    GT_TRY(count_part(cx, t, *buffer, part));
    have -= part;
    memmove(*buffer, *buffer + part, have);
  }
  return GT_OK;
}

gt_status gt_bpe_trainer_add_file(gt_ctx *cx, gt_bpe_trainer *t, const char *path) {
  gt_file file;
  size_t room = CHUNK;
  GT_TRY(gt_text_check_head(cx, path, false));
  GT_TRY(gt_file_open(cx, path, &file));
  char *buffer = gt_malloc(cx, room);
  gt_status status = buffer ? add_parts(cx, t, &file, &buffer, &room) : GT_ENOMEM;
  gt_free(buffer);
  gt_file_close(&file);
  return status;
}

/* ---- pairs ---- */

static uint32_t find_slot(const gt_bpe_trainer *t, int32_t left, int32_t right) {
  uint32_t mask = t->slot_count - 1, at = gt_pair_hash(t->words.seed, left, right) & mask;
  for (; t->slots[at]; at = (at + 1) & mask) {
    const pair *p = &t->pairs[t->slots[at] - 1];
    if (p->left == left && p->right == right) break;
  }
  return at;
}

static pair *find_pair(const gt_bpe_trainer *t, int32_t left, int32_t right) {
  uint32_t index = t->slots[find_slot(t, left, right)];
  return index ? &t->pairs[index - 1] : NULL;
}

static gt_status index_pairs(gt_ctx *cx, gt_bpe_trainer *t, uint32_t slot_count) {
  uint32_t *slots = gt_calloc(cx, slot_count, sizeof *slots);
  if (!slots) return GT_ENOMEM;
  gt_free(t->slots);
  t->slots = slots;
  t->slot_count = slot_count;
  for (uint32_t i = 0; i < t->pair_count; i++)
    slots[find_slot(t, t->pairs[i].left, t->pairs[i].right)] = i + 1;
  return GT_OK;
}

/* Forgets pairs that can merge no more, so that memory follows those that can. */
static gt_status drop_dead_pairs(gt_ctx *cx, gt_bpe_trainer *t) {
  uint32_t kept = 0;
  for (uint32_t i = 0; i < t->pair_count; i++)
    if (t->pairs[i].at) t->pairs[kept++] = t->pairs[i];
  t->pair_count = kept;
  return index_pairs(cx, t, t->slot_count);
}

static void kill_pair(pair *p) {
  gt_free(p->at);
  p->at = NULL;
  p->used = p->room = 0;
}

/* The pair begins at `at` in a piece that occurs `count` times. */
static gt_status add_place(gt_ctx *cx, gt_bpe_trainer *t, int32_t left, int32_t right,
                           int64_t count, size_t at) {
  pair *p = find_pair(t, left, right);
  if (!p) {
    if (2 * (uint64_t)(t->pair_count + 1) > t->slot_count)
      GT_TRY(index_pairs(cx, t, 2 * t->slot_count));
    if (t->pair_count == t->pair_room) {
      uint32_t room = t->pair_room ? 2 * t->pair_room : 1 << 14;
      pair *pairs = gt_realloc(cx, t->pairs, room * sizeof *pairs);
      if (!pairs) return GT_ENOMEM;
      t->pairs = pairs;
      t->pair_room = room;
    }
    uint32_t slot = find_slot(t, left, right);
    p = &t->pairs[t->pair_count++];
    *p = (pair){.left = left, .right = right};
    t->slots[slot] = t->pair_count;
  }
  if (p->used == p->room) {
    uint32_t room = p->room ? 2 * p->room : 2;
    uint32_t *places = gt_realloc(cx, p->at, room * sizeof *places);
    if (!places) return GT_ENOMEM;
    p->at = places;
    p->room = room;
  }
  p->at[p->used++] = (uint32_t)at;
  p->count += count;
  return GT_OK;
}

static void remove_place(gt_bpe_trainer *t, int32_t left, int32_t right, int64_t count) {
  pair *p = find_pair(t, left, right);
  if (!p) return; /* was dropped, being too rare */
  p->count -= count;
  /* A pair made in this pass may still grow. */
  if (p->count < t->min_count && p < t->pairs + t->fresh) kill_pair(p);
}

/* Ends a pass: the pairs it made that can merge go into the heap. */
static gt_status push_fresh(gt_ctx *cx, gt_bpe_trainer *t) {
  for (; t->fresh < t->pair_count; t->fresh++) {
    pair *p = &t->pairs[t->fresh];
    gt_key key = {~(uint64_t)p->count, (uint64_t)p->left << 32 | (uint32_t)p->right};
    if (p->count < t->min_count)
      kill_pair(p);
    else
      GT_TRY(gt_heap_push(cx, &t->heap, key));
  }
  return GT_OK;
}

/* ---- merging ---- */

/* Lays the pieces out; those of one byte have no pairs and stay away. */
static gt_status lay_out(gt_ctx *cx, gt_bpe_trainer *t) {
  const gt_words *w = &t->words;
  size_t n = w->used + w->count + 1, at = 0;
  t->symbols = gt_malloc(cx, n * sizeof *t->symbols);
  t->length = gt_malloc(cx, n * sizeof *t->length);
  t->word = gt_malloc(cx, n * sizeof *t->word);
  if (!t->symbols || !t->length || !t->word) return GT_ENOMEM;
  for (uint32_t i = 0; i < w->count; i++) {
    const gt_word *word = &w->list[i];
    if (word->length < 2) continue;
    t->symbols[at++] = WALL;
    for (uint32_t j = 0; j < word->length; j++, at++) {
      t->symbols[at] = (unsigned char)w->bytes[word->start + j];
      t->word[at] = i;
      t->length[at] = 1;
    }
  }
  t->symbols[at++] = WALL;
  t->positions = at;
  gt_words_forget(&t->words);
  return GT_OK;
}

static gt_status count_pairs(gt_ctx *cx, gt_bpe_trainer *t) {
  GT_TRY(index_pairs(cx, t, 1 << 16));
  for (size_t i = 1; i < t->positions; i++) {
    if ((i & POLL) == 0) GT_TRY(report(cx, t, "merge"));
    if (t->symbols[i - 1] < 0 || t->symbols[i] < 0) continue;
    GT_TRY(
        add_place(cx, t, t->symbols[i - 1], t->symbols[i], t->words.list[t->word[i]].count, i - 1));
  }
  return push_fresh(cx, t);
}

/* Merges the two tokens at `at` and `right_at` into `id`. */
static gt_status merge_place(gt_ctx *cx, gt_bpe_trainer *t, size_t at, size_t right_at,
                             int32_t id) {
  int32_t *symbols = t->symbols, left = symbols[at], right = symbols[right_at];
  int64_t count = t->words.list[t->word[at]].count;
  size_t end = right_at + t->length[right_at];
  if (symbols[at - 1] != WALL) {
    size_t before = at - t->length[at - 1];
    remove_place(t, symbols[before], left, count);
    GT_TRY(add_place(cx, t, symbols[before], id, count, before));
  }
  if (symbols[end] != WALL) {
    remove_place(t, right, symbols[end], count);
    GT_TRY(add_place(cx, t, id, symbols[end], count, at));
  }
  symbols[at] = id;
  symbols[right_at] = GONE;
  t->length[at] = t->length[end - 1] = (uint32_t)(end - at);
  return GT_OK;
}

static gt_status merge_pair(gt_ctx *cx, gt_bpe_trainer *t, pair *p, int32_t id) {
  pair merged = *p; /* the row of pairs may move; the places are ours now */
  gt_status status = GT_OK;
  *p = (pair){.left = merged.left, .right = merged.right};
  for (uint32_t i = 0; i < merged.used && status == GT_OK; i++) {
    size_t at = merged.at[i];
    if ((i & POLL) == POLL) status = report(cx, t, "merge");
    if (status || t->symbols[at] != merged.left) continue;
    size_t right_at = at + t->length[at];
    if (t->symbols[right_at] == merged.right) status = merge_place(cx, t, at, right_at, id);
  }
  gt_free(merged.at);
  return status == GT_OK ? push_fresh(cx, t) : status;
}

/* The most frequent pair, NULL when none is left. */
static gt_status best_pair(gt_ctx *cx, gt_bpe_trainer *t, pair **out) {
  *out = NULL;
  while (t->heap.count && !*out) {
    gt_key key = gt_heap_pop(&t->heap);
    pair *p = find_pair(t, (int32_t)(key.second >> 32), (int32_t)(uint32_t)key.second);
    if (!p || !p->at) continue;
    if (~key.first == (uint64_t)p->count) {
      *out = p;
    } else { /* it has become rarer */
      key.first = ~(uint64_t)p->count;
      GT_TRY(gt_heap_push(cx, &t->heap, key));
    }
  }
  return GT_OK;
}

static gt_status merge_all(gt_ctx *cx, gt_bpe_trainer *t, int64_t vocab_size, gt_tokenizer *tok) {
  gt_vocabulary *v = &tok->vocabulary;
  pair *best;
  t->total = vocab_size;
  while (t->done = v->size, v->size < vocab_size) {
    GT_TRY(report(cx, t, "merge"));
    GT_TRY(best_pair(cx, t, &best));
    if (!best) break;
    if (v->tokens[best->left].length + v->tokens[best->right].length > GT_TOKEN_MAX) {
      kill_pair(best);
      continue;
    }
    int32_t id = v->size;
    GT_TRY(gt_tokenizer_add_merge(cx, tok, "train", best->left, best->right, id));
    GT_TRY(merge_pair(cx, t, best, id));
    if (t->pair_count == t->pair_room) {
      GT_TRY(drop_dead_pairs(cx, t));
      t->fresh = t->pair_count;
    }
  }
  return GT_OK;
}

gt_status gt_bpe_trainer_run(gt_ctx *cx, gt_bpe_trainer *t, int64_t vocab_size, int64_t min_count,
                             gt_tokenizer **out) {
  gt_tokenizer *tok = NULL;
  if (vocab_size < 256 || vocab_size > GT_VOCABULARY_MAX || min_count < 1)
    return gt_fail(cx, GT_EARG,
                   "train: expected vocab_size of 256 … %d and min_frequency >= 1, got %lld and "
                   "%lld",
                   GT_VOCABULARY_MAX, (long long)vocab_size, (long long)min_count);
  t->min_count = min_count;
  GT_TRY(gt_tokenizer_new(cx, GT_TOKENIZER_BPE, &tok));
  gt_status status = GT_OK;
  for (int i = 0; i < 256 && status == GT_OK; i++) {
    char byte = (char)i;
    status = gt_tokenizer_add(cx, tok, "train", i, &byte, 1, GT_TOKEN_TEXT);
  }
  if (status == GT_OK) status = gt_tokenizer_find_bytes(cx, tok, "train");
  if (status == GT_OK) status = lay_out(cx, t);
  if (status == GT_OK) status = count_pairs(cx, t);
  if (status == GT_OK) status = merge_all(cx, t, vocab_size, tok);
  if (status) {
    gt_tokenizer_unref(tok);
    return status;
  }
  tok->split = t->split;
  t->split = NULL;
  *out = tok;
  return GT_OK;
}
