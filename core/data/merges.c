/* merges.c: see merges.h.  Short pieces, which is nearly all of them, are scanned for their best
 * pair again and again; long ones keep their pairs in a heap over a linked list. */
#include "core/data/merges.h"

#include "core/data/heap.h"
#include "core/data/vocabulary.h"

#include <string.h>

#define SHORT 100 /* symbols; about where the heap begins to win */
#define NONE UINT32_MAX
#define POLL 0xffff /* merges between two looks at the interrupt flag, less one */

static uint32_t slot_of(const gt_merges *m, int32_t left, int32_t right) {
  uint32_t mask = m->slot_count - 1, at = gt_pair_hash(m->seed, left, right) & mask;
  while (m->slots[at].left >= 0 && (m->slots[at].left != left || m->slots[at].right != right))
    at = (at + 1) & mask;
  return at;
}

const gt_merge *gt_merges_find(const gt_merges *m, int32_t left, int32_t right) {
  if (!m->slot_count) return NULL;
  const gt_merge *found = &m->slots[slot_of(m, left, right)];
  return found->left >= 0 ? found : NULL;
}

/* At most a third full: most look-ups find nothing and should end at once. */
static gt_status grow(gt_ctx *cx, gt_merges *m) {
  if (3 * (uint64_t)(m->count + 1) <= m->slot_count) return GT_OK;
  gt_merges wide = {.seed = m->seed, .slot_count = m->slot_count ? 2 * m->slot_count : 1024};
  wide.slots = gt_malloc(cx, wide.slot_count * sizeof *wide.slots);
  if (!wide.slots) return GT_ENOMEM;
  for (uint32_t i = 0; i < wide.slot_count; i++) wide.slots[i].left = -1;
  for (uint32_t i = 0; i < m->slot_count; i++) {
    const gt_merge *old = &m->slots[i];
    if (old->left >= 0) wide.slots[slot_of(&wide, old->left, old->right)] = *old;
  }
  gt_free(m->slots);
  m->slots = wide.slots;
  m->slot_count = wide.slot_count;
  return GT_OK;
}

gt_status gt_merges_add(gt_ctx *cx, gt_merges *m, gt_merge merge, bool *fresh) {
  GT_TRY(grow(cx, m));
  gt_merge *slot = &m->slots[slot_of(m, merge.left, merge.right)];
  *fresh = slot->left < 0;
  if (*fresh) {
    *slot = merge;
    m->count++;
  }
  return GT_OK;
}

void gt_merges_free(gt_merges *m) {
  gt_free(m->slots);
  *m = (gt_merges){0};
}

static uint32_t rank_of(const gt_merges *m, int32_t left, int32_t right) {
  const gt_merge *found = gt_merges_find(m, left, right);
  return found ? found->rank : NONE;
}

static int64_t apply_short(const gt_merges *m, int32_t *symbols, int64_t n) {
  uint32_t rank[SHORT]; /* of symbols i and i + 1 */
  for (int64_t i = 0; i + 1 < n; i++) rank[i] = rank_of(m, symbols[i], symbols[i + 1]);
  while (n > 1) {
    int64_t best = 0;
    for (int64_t i = 1; i + 1 < n; i++)
      if (rank[i] < rank[best]) best = i;
    if (rank[best] == NONE) break;
    symbols[best] = gt_merges_find(m, symbols[best], symbols[best + 1])->id;
    n--;
    memmove(symbols + best + 1, symbols + best + 2, (size_t)(n - best - 1) * sizeof *symbols);
    memmove(rank + best, rank + best + 1, (size_t)(n - best) * sizeof *rank);
    if (best > 0) rank[best - 1] = rank_of(m, symbols[best - 1], symbols[best]);
    if (best + 1 < n) rank[best] = rank_of(m, symbols[best], symbols[best + 1]);
  }
  return n;
}

/* Symbols as a linked list over their first positions. */
typedef struct chain {
  const gt_merges *m;
  int32_t *symbols;       /* (n) -1: merged into one before it */
  int32_t *before, *next; /* (n) positions of the neighbours, -1 and n at the ends */
  int32_t n;
  gt_heap heap; /* (rank, position), also of pairs that no longer exist */
} chain;

static uint32_t chain_rank(const chain *c, int32_t at) {
  if (at < 0 || c->next[at] >= c->n) return NONE;
  return rank_of(c->m, c->symbols[at], c->symbols[c->next[at]]);
}

static gt_status push(gt_ctx *cx, chain *c, int32_t at) {
  uint32_t rank = chain_rank(c, at);
  return rank == NONE ? GT_OK : gt_heap_push(cx, &c->heap, (gt_key){rank, (uint64_t)at});
}

static gt_status merge_at(gt_ctx *cx, chain *c, int32_t at) {
  int32_t gone = c->next[at], after = c->next[gone];
  c->symbols[at] = gt_merges_find(c->m, c->symbols[at], c->symbols[gone])->id;
  c->symbols[gone] = -1;
  c->next[at] = after;
  if (after < c->n) c->before[after] = at;
  if (c->before[at] >= 0) GT_TRY(push(cx, c, c->before[at]));
  return push(cx, c, at);
}

static gt_status apply_chain(gt_ctx *cx, chain *c) {
  for (int32_t i = 0; i < c->n; i++) {
    c->before[i] = i - 1;
    c->next[i] = i + 1;
  }
  for (int32_t i = 0; i + 1 < c->n; i++) GT_TRY(push(cx, c, i));
  for (uint32_t turn = 0; c->heap.count; turn++) {
    if ((turn & POLL) == 0) GT_TRY(gt_poll(cx));
    gt_key top = gt_heap_pop(&c->heap);
    int32_t at = (int32_t)top.second;
    if (c->symbols[at] < 0 || chain_rank(c, at) != top.first) continue; /* no more */
    GT_TRY(merge_at(cx, c, at));
  }
  return GT_OK;
}

static gt_status apply_long(gt_ctx *cx, const gt_merges *m, int32_t *symbols, int64_t n,
                            int64_t *left) {
  if (n > INT32_MAX - 1)
    return gt_fail(cx, GT_EARG, "encode: a piece of %lld bytes, expected at most %d", (long long)n,
                   INT32_MAX - 1);
  chain c = {.m = m, .symbols = symbols, .n = (int32_t)n};
  gt_status status = GT_ENOMEM;
  c.before = gt_calloc(cx, (size_t)n, 2 * sizeof *c.before);
  if (c.before) {
    c.next = c.before + n;
    status = apply_chain(cx, &c);
  }
  if (status == GT_OK) {
    int64_t count = 0;
    for (int32_t i = 0; i < c.n; i = c.next[i]) symbols[count++] = symbols[i];
    *left = count;
  }
  gt_free(c.before);
  gt_heap_free(&c.heap);
  return status;
}

gt_status gt_merges_apply(gt_ctx *cx, const gt_merges *m, int32_t *symbols, int64_t n,
                          int64_t *left) {
  if (n > SHORT) return apply_long(cx, m, symbols, n, left);
  *left = apply_short(m, symbols, n);
  return GT_OK;
}
