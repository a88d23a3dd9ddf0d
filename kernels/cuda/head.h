// Rows of logits: the sums of exponentials over the vocabulary, in tiles of kVocabTile columns, which are
// merged in order. Scoring and sampling share them, so that both have the same bits.
#pragma once
#include "exp.h"
#include "rows.h"

const i32 kVocabTile = 512;

// A Mass is what some logits z sum to: their maximum, Σ exp(z-top), and Σ exp(z-top)*(z-top).
struct Mass {
  float top, sum, moment, pad;
};

DEV Mass no_mass() { return Mass{-INFINITY, 0, 0, 0}; }

// raised returns m as of a larger maximum.
DEV Mass raised(const Mass& m, float top) {
  if (m.top == top || m.top == -INFINITY) return Mass{top, m.sum, m.moment, 0};
  const float d = m.top - top, x = exp32(d);
  return Mass{top, m.sum * x, x * fma32(m.sum, d, m.moment), 0};
}

DEV Mass merged(const Mass& a, const Mass& b) {
  const float top = fmaxf(a.top, b.top);
  const Mass x = raised(a, top), y = raised(b, top);
  return Mass{top, x.sum + y.sum, x.moment + y.moment, 0};
}

DEV float log_sum(const Mass& m) { return m.top + log32(m.sum); }

// tile_mass returns the mass of columns [col, col+kVocabTile) of a row of logits times factor. Of a warp.
DEV Mass tile_mass(const Mat& logits, i32 row, i32 col, float factor) {
  float z[kVocabTile / 32], top = -INFINITY;
  UNROLL for (i32 i = 0; i < kVocabTile / 32; i++) {
    const i32 j = col + 32 * i + lane_id();
    z[i] = j < logits.cols ? load(logits, row, j) * factor : -INFINITY;
    top = fmaxf(top, z[i]);
  }
  UNROLL for (i32 mask = 16; mask; mask /= 2) top = fmaxf(top, shfl_xor(top, mask));
  float sums[2] = {0, 0};
  UNROLL for (i32 i = 0; i < kVocabTile / 32; i++) {
    const float d = top == -INFINITY ? z[i] : z[i] - top, e = exp32(d);
    sums[0] = sums[0] + e;
    if (e != 0) sums[1] = fma32(e, d, sums[1]);  // 0*-Inf is nothing, not NaN
  }
  sum_rows<1>(sums, nullptr);
  return Mass{top, sums[0], sums[1], 0};
}

// row_mass merges the masses of a row's tiles, in order.
DEV Mass row_mass(const Mass* tiles, i32 n) {
  Mass m = no_mass();
  for (i32 i = 0; i < n; i++) m = merged(m, tiles[i]);
  return m;
}
