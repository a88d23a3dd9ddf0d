// Sums along columns, the gradients of vectors: rows are added in runs of kRun, and the sums of the runs
// in order onto the stored value. Where a batch is cut at multiples of kRun rows makes no difference.
#include "mat.h"

const i32 kRun = 64;
const i32 kColumnThreads = 64;  // of a block, eight columns each

struct ColumnArgs {
  Mat dy, x;     // x may be none
  u64 scale;     // f32[rows], if there is an x
  u64 sums;      // f32[runs, cols]
};

// sums[r] = Σ dy[i] or Σ dy[i]*x[i]*scale[i] over the rows of run r
KERNEL(sum_columns, ColumnArgs, kColumnThreads, 8) {
  const i32 cols = a.dy.cols, across = (cols + 8 * kColumnThreads - 1) / (8 * kColumnThreads);
  const i32 run = block_id() / across, col = (block_id() % across * kColumnThreads + thread_id()) * 8;
  if (col >= cols) return;
  float sum[8] = {};
  for (i32 row = run * kRun; row < min((run + 1) * kRun, a.dy.rows); row++) {
    float dy[8], x[8];
    load8(dy, a.dy, row, col);
    if (a.x.at) {
      const float scale = ((const float*)a.scale)[row];
      load8(x, a.x, row, col);
      UNROLL for (i32 e = 0; e < 8; e++) sum[e] = fma32(dy[e], x[e] * scale, sum[e]);
    } else {
      UNROLL for (i32 e = 0; e < 8; e++) sum[e] = sum[e] + dy[e];
    }
  }
  float* out = (float*)a.sums + (i64)run * cols + col;
  UNROLL for (i32 e = 0; e < 8; e++)
    if (col + e < cols) out[e] = sum[e];
}

struct MergeArgs {
  Mat dw;    // [1, cols]
  u64 sums;  // f32[runs, cols]
  i32 runs, pad;
};

// dw += Σ sums[r], r in order
KERNEL(merge_columns, MergeArgs, kColumnThreads, 8) {
  const i32 col = block_id() * kColumnThreads + thread_id();
  if (col >= a.dw.cols) return;
  float v = load(a.dw, 0, col);
  for (i32 r = 0; r < a.runs; r++) v = v + ((const float*)a.sums)[(i64)r * a.dw.cols + col];
  store(a.dw, 0, col, v);
}
