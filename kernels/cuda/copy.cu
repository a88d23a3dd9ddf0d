#include "int8.h"
#include "moments.h"

struct ZeroArgs {
  Mat dst;
};

// dst[i][j] = 0
KERNEL(zero, ZeroArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.dst.rows, a.dst.cols, &row, &col)) return;
  const float v[8] = {};
  store8(a.dst, row, col, v);
}

// load8_moments is load8 of an M8 or V8 matrix: column j of a run is byte j/w of word j%w.
DEV void load8_moments(float (&v)[8], const Mat& m, i64 row, i32 col) {
  const u32* words = (const u32*)row_of<const u8>(m, row);
  const i32 run = col / kMomentRun, first = run * kMomentRun, n = min(kMomentRun, m.cols - first), w = (n + 3) / 4;
  const u32 base = words[(m.cols + 3) / 4 + run];
  UNROLL for (i32 e = 0; e < 8; e++) {
    const i32 j = col + e - first;
    v[e] = j < n ? decode_moment(m.type, base, words[first / 4 + j % w] >> (8 * (j / w)) & 255) : 0;
  }
}

struct CopyArgs {
  Mat dst, src;
  u64 from, to;  // i32[rows], or 0: row i itself
  i32 rows, pad;
};

// dst[to[i]] = src[from[i]]
KERNEL(copy_rows, CopyArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.rows, a.dst.cols, &row, &col)) return;
  const i64 from = a.from ? ((const i32*)a.from)[row] : row, to = a.to ? ((const i32*)a.to)[row] : row;
  float v[8];
  if (is_coded(a.src)) {
    load8_moments(v, a.src, from, col);
  } else {
    load8_weights(v, a.src, from, col, a.src.cols - col);
  }
  store8(a.dst, to, col, v);
}

struct ScaleArgs {
  Mat y, x;
  float factor;
  i32 pad;
};

// y[i][j] = factor*x[i][j]
KERNEL(scale, ScaleArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.y.rows, a.y.cols, &row, &col)) return;
  float v[8];
  load8(v, a.x, row, col);
  UNROLL for (i32 e = 0; e < 8; e++) v[e] = v[e] * a.factor;
  store8(a.y, row, col, v);
}

// add8 adds eight columns of a row to v.
DEV void add8(float (&v)[8], const Mat& m, i64 row, i32 col) {
  float x[8];
  load8(x, m, row, col);
  UNROLL for (i32 e = 0; e < 8; e++) v[e] = v[e] + x[e];
}

struct ScatterAddArgs {
  Mat dtable, dy;
  u64 rows, ends;  // of each row of dtable that changes its number, and where its part of order ends: i32[n]
  u64 order;       // rows of dy, by the rows of dtable that take them
  i32 n, pad;
};

// dtable[rows[s]] += Σ dy[order[i]] over ends[s-1] ≤ i < ends[s], onto the stored value
KERNEL(scatter_add, ScatterAddArgs, kElementwise, 4) {
  i32 s, col;
  if (!place(a.n, a.dtable.cols, &s, &col)) return;
  const i32 *ends = (const i32*)a.ends, *order = (const i32*)a.order, to = ((const i32*)a.rows)[s];
  float v[8];
  load8(v, a.dtable, to, col);
  for (i32 i = s ? ends[s - 1] : 0; i < ends[s]; i++) add8(v, a.dy, order[i], col);
  store8(a.dtable, to, col, v);
}

struct GatherAddArgs {
  Mat y, x;
  u64 rows;  // i32[y.rows, k]
  i32 k, pad;
};

// y[i] += Σ x[rows[i*k+r]] over r < k
KERNEL(gather_add, GatherAddArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.y.rows, a.y.cols, &row, &col)) return;
  const i32* rows = (const i32*)a.rows + (i64)row * a.k;
  float v[8] = {}, y[8];
  for (i32 r = 0; r < a.k; r++) add8(v, a.x, rows[r], col);
  load8(y, a.y, row, col);
  UNROLL for (i32 e = 0; e < 8; e++) y[e] = y[e] + v[e];
  store8(a.y, row, col, y);
}
