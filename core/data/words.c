/* words.c: see words.h. */
#include "core/data/words.h"

#include "core/data/vocabulary.h"

#include <string.h>

#define POLL ((size_t)1 << 20)      /* bytes between two looks at the interrupt flag */
#define BYTES_MAX ((size_t)1 << 31) /* of different pieces: positions are 32-bit numbers */

static uint32_t find_slot(const gt_words *w, const char *piece, size_t n, uint32_t hash) {
  uint32_t mask = w->slot_count - 1, at = hash & mask;
  for (; w->slots[at]; at = (at + 1) & mask) {
    const gt_word *word = &w->list[w->slots[at] - 1];
    if (word->hash == hash && word->length == n && memcmp(w->bytes + word->start, piece, n) == 0)
      break;
  }
  return at;
}

static gt_status grow_slots(gt_ctx *cx, gt_words *w) {
  uint32_t count = w->slot_count ? 2 * w->slot_count : 1 << 16;
  uint32_t *slots = gt_calloc(cx, count, sizeof *slots);
  if (!slots) return GT_ENOMEM;
  for (uint32_t i = 0; i < w->count; i++) {
    uint32_t at = w->list[i].hash & (count - 1);
    while (slots[at]) at = (at + 1) & (count - 1);
    slots[at] = i + 1;
  }
  gt_free(w->slots);
  w->slots = slots;
  w->slot_count = count;
  return GT_OK;
}

static gt_status reserve(gt_ctx *cx, gt_words *w, size_t n) {
  if (w->count == w->capacity) {
    uint32_t capacity = w->capacity ? 2 * w->capacity : 1 << 14;
    gt_word *list = gt_realloc(cx, w->list, capacity * sizeof *list);
    if (!list) return GT_ENOMEM;
    w->list = list;
    w->capacity = capacity;
  }
  if (w->room - w->used < n) {
    size_t room = w->room ? 2 * w->room : 1 << 16;
    while (room - w->used < n) room *= 2;
    char *bytes = gt_realloc(cx, w->bytes, room);
    if (!bytes) return GT_ENOMEM;
    w->bytes = bytes;
    w->room = room;
  }
  return GT_OK;
}

static gt_status count_piece(gt_ctx *cx, gt_words *w, const char *piece, size_t n) {
  if (2 * (uint64_t)(w->count + 1) > w->slot_count) GT_TRY(grow_slots(cx, w));
  uint32_t hash = (uint32_t)gt_hash(w->seed, piece, n), slot = find_slot(w, piece, n, hash);
  if (w->slots[slot]) {
    w->list[w->slots[slot] - 1].count++;
    return GT_OK;
  }
  if (n + 1 > BYTES_MAX - w->used - w->count) /* one more position after each word */
    return gt_fail(cx, GT_EARG, "train: more than 2 GiB of different pieces of text");
  GT_TRY(reserve(cx, w, n));
  memcpy(w->bytes + w->used, piece, n);
  w->list[w->count] = (gt_word){w->used, (uint32_t)n, hash, 1};
  w->used += n;
  w->slots[slot] = ++w->count;
  return GT_OK;
}

gt_status gt_words_add(gt_ctx *cx, gt_words *words, gt_split *split, const char *text,
                       size_t size) {
  gt_pieces pieces = {.split = split, .text = text, .size = size};
  const char *piece = NULL;
  size_t n = 0, polled = 0;
  for (;;) {
    GT_TRY(gt_split_next(cx, &pieces, &piece, &n));
    if (n == 0) return GT_OK;
    GT_TRY(count_piece(cx, words, piece, n));
    if (pieces.at - polled < POLL) continue;
    polled = pieces.at;
    GT_TRY(gt_poll(cx));
  }
}

void gt_words_forget(gt_words *words) {
  gt_free(words->bytes);
  gt_free(words->slots);
  words->bytes = NULL;
  words->slots = NULL;
  words->used = words->room = words->slot_count = 0;
}

void gt_words_free(gt_words *words) {
  gt_words_forget(words);
  gt_free(words->list);
  *words = (gt_words){0};
}
