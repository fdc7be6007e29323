/* vocabulary.c: see vocabulary.h. */
#include "core/data/vocabulary.h"

#include <string.h>
#include <sys/random.h>

uint64_t gt_hash_seed(void) {
  uint64_t seed = 0;
  /* Without entropy the hash still works, only that files could be made to be slow. */
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed) seed = 1;
  return seed;
}

/* Eight bytes at a time; the constants are random odd numbers. */
uint64_t gt_hash(uint64_t seed, const char *bytes, size_t n) {
  uint64_t h = seed ^ 0x9e3779b97f4a7c15u, word, size = n;
  for (; n >= 8; n -= 8, bytes += 8) {
    memcpy(&word, bytes, 8);
    h = gt_mix(h ^ word, 0xd6e8feb86659fd93u);
  }
  word = 0;
  for (size_t i = 0; i < n; i++) word |= (uint64_t)(unsigned char)bytes[i] << 8 * i;
  return gt_mix(h ^ word, 0xa0761d6478bd642fu ^ size);
}

const char *gt_token_bytes(const gt_vocabulary *v, int id) {
  return v->bytes + v->tokens[id].start;
}

bool gt_vocabulary_has(const gt_vocabulary *v, int64_t id) {
  return id >= 0 && id < v->size && v->tokens[id].type != GT_TOKEN_UNUSED;
}

/* The slot of the token with these bytes, or the empty one where it would go. */
static uint32_t find_slot(const gt_vocabulary *v, const char *bytes, size_t n) {
  uint32_t mask = v->slot_count - 1, at = (uint32_t)gt_hash(v->seed, bytes, n) & mask;
  for (; v->slots[at] >= 0; at = (at + 1) & mask) {
    const gt_token *t = &v->tokens[v->slots[at]];
    if (t->length == n && memcmp(v->bytes + t->start, bytes, n) == 0) break;
  }
  return at;
}

int gt_vocabulary_find(const gt_vocabulary *v, const char *bytes, size_t n) {
  return v->slot_count ? v->slots[find_slot(v, bytes, n)] : -1;
}

/* Keeps the index at most half full. */
static gt_status grow_index(gt_ctx *cx, gt_vocabulary *v) {
  if (2 * (uint32_t)(v->indexed + 1) <= v->slot_count) return GT_OK;
  uint32_t count = v->slot_count ? 2 * v->slot_count : 1024, old_count = v->slot_count;
  int32_t *slots = gt_malloc(cx, count * sizeof *slots), *old = v->slots;
  if (!slots) return GT_ENOMEM;
  memset(slots, 0xff, count * sizeof *slots);
  v->slots = slots;
  v->slot_count = count;
  for (uint32_t i = 0; i < old_count; i++)
    if (old[i] >= 0)
      slots[find_slot(v, gt_token_bytes(v, old[i]), v->tokens[old[i]].length)] = old[i];
  gt_free(old);
  return GT_OK;
}

static gt_status reserve(gt_ctx *cx, gt_vocabulary *v, int id, size_t n) {
  if (v->room - v->used < n || !v->bytes) {
    size_t room = v->room ? 2 * v->room : 4096; /* at least GT_TOKEN_MAX more */
    char *bytes = gt_realloc(cx, v->bytes, room);
    if (!bytes) return GT_ENOMEM;
    v->bytes = bytes;
    v->room = room;
  }
  if (id >= v->capacity) {
    int capacity = id < 512 ? 512 : 2 * id;
    gt_token *tokens = gt_realloc(cx, v->tokens, (size_t)capacity * sizeof *tokens);
    if (!tokens) return GT_ENOMEM;
    v->tokens = tokens;
    v->capacity = capacity;
  }
  return GT_OK;
}

gt_status gt_vocabulary_put(gt_ctx *cx, gt_vocabulary *v, int id, const char *bytes, size_t n,
                            gt_token_type type) {
  bool indexed = type == GT_TOKEN_TEXT || type == GT_TOKEN_BYTE;
  GT_TRY(reserve(cx, v, id, n));
  if (indexed) GT_TRY(grow_index(cx, v));
  while (v->size <= id) v->tokens[v->size++] = (gt_token){0};
  v->tokens[id] = (gt_token){(uint32_t)v->used, (uint16_t)n, (uint8_t)type};
  if (n) memcpy(v->bytes + v->used, bytes, n);
  v->used += n;
  if (!indexed) return GT_OK;
  uint32_t slot = find_slot(v, bytes, n);
  if (v->slots[slot] < 0) {
    v->slots[slot] = id;
    v->indexed++;
  }
  return GT_OK;
}

void gt_vocabulary_free(gt_vocabulary *v) {
  gt_free(v->tokens);
  gt_free(v->bytes);
  gt_free(v->slots);
  *v = (gt_vocabulary){0};
}
