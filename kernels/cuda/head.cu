#include "head.h"

struct MassArgs {
  Mat logits;    // columns [first, first+cols) of the vocabulary; first is a multiple of kVocabTile
  u64 factors;   // f32[rows]: of the logits
  u64 masses;    // Mass[rows, tiles]
  u64 targets;   // i32[rows], or 0
  u64 scores;    // f32[rows]: the logits of the targets, times the factor
  i32 first, tiles;
};

// masses[i][t] of the tiles of these columns, a warp each; scores[i] of the targets in them
KERNEL(vocabulary_mass, MassArgs, kRowThreads, 4) {
  const i32 here = (a.logits.cols + kVocabTile - 1) / kVocabTile;
  const i64 i = (i64)block_id() * (kRowThreads / 32) + thread_id() / 32, row = i / here;
  if (row >= a.logits.rows) return;
  const i32 col = (i32)(i % here) * kVocabTile;
  const float factor = ((const float*)a.factors)[row];
  const Mass m = tile_mass(a.logits, (i32)row, col, factor);
  if (lane_id() != 0) return;
  ((Mass*)a.masses)[row * a.tiles + (a.first + col) / kVocabTile] = m;
  if (!a.targets) return;
  const i32 target = ((const i32*)a.targets)[row] - a.first;
  if (target >= col && target < min(col + kVocabTile, a.logits.cols))
    ((float*)a.scores)[row] = load(a.logits, row, target) * factor;
}

struct StatsArgs {
  Mat stats;
  u64 masses, scores;  // as vocabulary_mass leaves them
  i32 tiles, pad;
};

// stats[i] = (log p of the target, -Σ p log p, log Σ exp)
KERNEL(vocabulary_stats, StatsArgs, 32, 8) {
  const i32 row = block_id() * 32 + thread_id();
  if (row >= a.stats.rows) return;
  const Mass m = row_mass((const Mass*)a.masses + (i64)row * a.tiles, a.tiles);
  const float lse = log_sum(m);
  store(a.stats, row, 0, ((const float*)a.scores)[row] - lse);
  store(a.stats, row, 1, log32(m.sum) - div32(m.moment, m.sum));
  store(a.stats, row, 2, lse);
}

struct LogitGradArgs {
  Mat dz, logits, stats;  // columns from first on
  u64 targets;            // i32[rows]
  u64 factors, logp, entropy;  // f32[rows]: of the logits, and the coefficients of the outputs
  i32 first, pad;
};

// dz[i][j] = factor*(logp*(1[j=target]-p) - entropy*p*(log p + stats[i][1]))
KERNEL(logit_grad, LogitGradArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.dz.rows, a.dz.cols, &row, &col)) return;
  const float factor = ((const float*)a.factors)[row];
  const float c = ((const float*)a.logp)[row], h = ((const float*)a.entropy)[row];
  const float spread = load(a.stats, row, 1), lse = load(a.stats, row, 2);
  const i32 target = ((const i32*)a.targets)[row] - a.first - col;
  float z[8];
  load8(z, a.logits, row, col);
  UNROLL for (i32 e = 0; e < 8; e++) {
    const float lp = z[e] * factor - lse, p = exp32(lp);
    float g = -c;
    if (p != 0) g = fma32(-h, lp + spread, g);
    g = g * p;
    if (e == target) g = g + c;
    z[e] = g * factor;
  }
  store8(a.dz, row, col, z);
}
