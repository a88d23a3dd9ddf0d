// Weights of eight bits, in panels of 32 rows as tensor.Int8Run has them. Inside of a panel a device has
// an order of its own: first the integers, row by row, and then the scales, row by row.
#pragma once
#include "mat.h"

const i32 kInt8Run = 64, kInt8Panel = 32;

// int8_panel returns the panel that a row lies in, and sets lane to its place there.
DEV i8* int8_panel(const Mat& m, i64 row, i64* lane) {
  row += m.lane;
  *lane = row % kInt8Panel;
  return (i8*)m.at + (row - *lane) * m.stride;
}

// int8_codes and int8_scales return where those of a row lie.
DEV i8* int8_codes(const Mat& m, i64 row) {
  i64 lane;
  i8* panel = int8_panel(m, row, &lane);
  return panel + lane * m.cols;
}
DEV float* int8_scales(const Mat& m, i64 row) {
  i64 lane;
  i8* panel = int8_panel(m, row, &lane);
  return (float*)(panel + kInt8Panel * (i64)m.cols) + lane * ((m.cols + kInt8Run - 1) / kInt8Run);
}

// load8_weights is load8 of a matrix that may be I8.
DEV void load8_weights(float (&v)[8], const Mat& m, i64 row, i32 col, i32 left) {
  if (m.type != kI8) {
    load8(v, m, row, col, left);
    return;
  }
  const i8* q = int8_codes(m, row) + col;
  const float scale = left > 0 ? int8_scales(m, row)[col / kInt8Run] : 0;
  if (left >= 8 && m.cols % 8 == 0) {
    const u64 codes = *(const u64*)q;
    UNROLL for (i32 e = 0; e < 8; e++) v[e] = (float)(i8)(codes >> 8 * e) * scale;
    return;
  }
  UNROLL for (i32 e = 0; e < 8; e++) v[e] = e < left ? (float)q[e] * scale : 0;
}
