/* suggest.c: what a name that is not known may have meant: the same thing under another program's
 * name, or a slip of the fingers. */
#include "lua/bind/bind.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- names elsewhere ---- */

/* Names of the same thing, here, in PyTorch and in programs that train GPTs: whoever types one may
 * mean any other. */
#define SYNONYMS 10
static const char *const synonyms[][SYNONYMS] = {
    {"B", "batch", "batch_size"},
    {"T", "sequence", "sequence_len", "block_size", "seq_len", "sequence_length", "context_length"},
    {"hidden_dim", "width", "widths", "n_embd", "d_model", "embed_dim", "hidden_size", "dim"},
    {"n_layers", "n_layer", "num_layers", "depth", "layers"},
    {"n_heads", "n_head", "num_heads", "heads"},
    {"n_kv_heads", "n_kv_head", "num_kv_heads", "num_key_value_heads"},
    {"mlp_ratio", "expansion", "ff_mult"},
    {"tied", "tie_weights", "tie_word_embeddings"},
    {"steps", "total", "max_steps", "max_iters", "num_steps", "total_steps"},
    {"warmup", "warmup_steps", "warmup_iters"},
    {"final", "min_lr", "eta_min"},
    {"lr", "learning_rate"},
    {"max_new_tokens", "tokens", "max_tokens", "length", "max_len", "max_length"},
    {"optim", "optimizer", "optimizers"},
    {"clip", "grad_clip", "max_norm", "clip_grad_norm"},
    {"accumulate", "gradient_accumulation_steps", "grad_accum"},
    {"val", "val_data"},
    {"data", "train_data", "train", "dataset"},
    {"folder", "out_dir", "dir", "output_dir"},
    {"eval_every", "eval_interval"},
    {"save_every", "save_interval", "checkpoint_every"},
    {"seeds", "seed"},
    {"jobs", "workers", "num_workers", "processes"},
    {"shuffle", "shuffled"},
    {"reduction", "loss_reduction", "reduce"},
    {"dim", "axis"},
    {"keepdim", "keepdims"},
};

/* Settings of optimizers, for calls that take them inside of the option optim. */
static const char *const inner[] = {"lr",       "learning_rate", "weight_decay",
                                    "momentum", "betas",         NULL};

static bool is_among(const char *name, const char *const *names, int most) {
  for (int i = 0; i < most && names[i]; i++) {
    if (strcmp(name, names[i]) == 0) return true;
  }
  return false;
}

/* The first of the names that means the same as `wrong`, or NULL. */
static const char *synonym(const char *wrong, const char *const *names) {
  for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
    if (!is_among(wrong, synonyms[i], SYNONYMS)) continue;
    for (const char *const *name = names; *name; name++) {
      if (is_among(*name, synonyms[i], SYNONYMS)) return *name;
    }
  }
  return NULL;
}

/* ---- slips ---- */

/* Edit distance where a swap of neighbours counts one (optimal string alignment); 99 for long
 * names. */
static int distance(const char *a, const char *b) {
  enum { LONGEST = 40 };
  int row[3][LONGEST + 1];
  int la = (int)strlen(a), lb = (int)strlen(b);
  if (la > LONGEST || lb > LONGEST) return 99;
  for (int j = 0; j <= lb; j++) row[0][j] = j;
  for (int i = 1; i <= la; i++) {
    int *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= lb; j++) {
      int best = up[j - 1] + (a[i - 1] != b[j - 1]);
      if (up[j] + 1 < best) best = up[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      int swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped && upup[j - 2] + 1 < best) best = upup[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[la % 3][lb];
}

/* The nearest of the names, or NULL when none is near. */
static const char *nearest(const char *wrong, const char *const *names) {
  const char *found = NULL;
  int length_wrong = (int)strlen(wrong), limit = length_wrong < 5 ? 1 : length_wrong / 3 + 1;
  int best = limit < 3 ? limit + 1 : 4;
  for (; *names; names++) {
    int d = distance(wrong, *names), length = (int)strlen(*names);
    bool begins = strlen(wrong) >= 3 && strncmp(wrong, *names, strlen(wrong)) == 0;
    if (begins && d >= best)
      d = best - 1; /* an abbreviation counts as the farthest that is still near */
    if (d >= best || d >= length) continue;
    best = d;
    found = *names;
  }
  return found;
}

const char *gtlua_suggest(const char *wrong, const char *const *names, char text[96]) {
  const char *meant = synonym(wrong, names);
  if (!meant) meant = nearest(wrong, names);
  text[0] = '\0';
  if (meant)
    snprintf(text, 96, " (did you mean '%s'?)", meant);
  else if (is_among(wrong, inner, GT_COUNT(inner)) && is_among("optim", names, INT_MAX))
    snprintf(text, 96, " (did you mean optim = {%s = …}?)",
             strcmp(wrong, "learning_rate") == 0 ? "lr" : wrong);
  return text;
}
