#include "mat.h"

struct RopeTableArgs {
  Mat cs;
  u64 pos;    // i32[rows]
  u64 freqs;  // f64[cs.cols/2]
  double factor;
};

// cs[i][j] = cos(pos[i]*freqs[j])*factor, and the sine of the same angle at j + cols/2
KERNEL(rope_table, RopeTableArgs, kElementwise, 2) {
  const i32 half = a.cs.cols / 2;
  const u32 i = (u32)block_id() * kElementwise + (u32)thread_id();
  const i32 row = (i32)(i / (u32)half), j = (i32)(i % (u32)half);
  if (row >= a.cs.rows) return;
  double sin, cos;
  sincos64((double)((const i32*)a.pos)[row] * ((const double*)a.freqs)[j], &sin, &cos);
  store(a.cs, row, j, (float)(cos * a.factor));
  store(a.cs, row, j + half, (float)(sin * a.factor));
}

struct RopeArgs {
  Mat y, x, cs;  // wide only if cs.cols is a multiple of 16
  float sign;    // of the sines: -1 rotates back
  i32 pad;
};

// y[j] = x[j]*c[j] - x[j+d/2]*s[j]; y[j+d/2] = x[j+d/2]*c[j] + x[j]*s[j], in every head of d columns
KERNEL(rope, RopeArgs, kElementwise, 4) {
  const i32 d = a.cs.cols, half = d / 2, eights = (half + 7) / 8, heads = a.x.cols / d;
  const u32 i = (u32)block_id() * kElementwise + (u32)thread_id();
  const i32 row = (i32)(i / (u32)(heads * eights)), at = (i32)(i % (u32)(heads * eights));
  if (row >= a.x.rows) return;
  const i32 j = at % eights * 8, col = at / eights * d + j, left = half - j;
  float x0[8], x1[8], c[8], s[8], y0[8], y1[8];
  load8(x0, a.x, row, col, left);
  load8(x1, a.x, row, col + half, left);
  load8(c, a.cs, row, j, left);
  load8(s, a.cs, row, j + half, left);
  UNROLL for (i32 e = 0; e < 8; e++) {
    const float sin = s[e] * a.sign;
    y0[e] = fma32(x0[e], c[e], -(x1[e] * sin));
    y1[e] = fma32(x1[e], c[e], x0[e] * sin);
  }
  store8(a.y, row, col, left, y0);
  store8(a.y, row, col + half, left, y1);
}
