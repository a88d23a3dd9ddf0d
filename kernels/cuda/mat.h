// Operands: matrices in global memory, eight columns at a time.
#pragma once
#include "layer.h"

enum { kF32 = 0, kBF16 = 1, kI8 = 3, kM8 = 5, kV8 = 6 };  // the numbers of tensor.DType

// A Mat is a tensor.Mat: element (i, j) lies i*stride + j elements after address at. The zero Mat is
// none. If wide, every row begins at a multiple of 16 bytes. A matrix of I8 begins with row lane of the
// panel at its address: see int8.h.
struct Mat {
  u64 at;
  i64 stride;
  i32 rows, cols;
  i32 type, wide;
  i32 lane, unused;
};

template <typename T> DEV T* row_of(const Mat& m, i64 row) { return (T*)m.at + row * m.stride; }

DEV float widen(u16 h) { return bits_f32((u32)h << 16); }
DEV u16 narrow(float f) { return (u16)pack_bf16(f, 0); }

// load8 sets v to columns [col, col+8) of a row as f32; from the left-th on they are 0.
DEV void load8(float (&v)[8], const Mat& m, i64 row, i32 col, i32 left) {
  if (m.type == kBF16) {
    const u16* p = row_of<const u16>(m, row) + col;
    if (m.wide && left >= 8) {
      uint4 q = *(const uint4*)p;
      u32 pair[4] = {q.x, q.y, q.z, q.w};
      UNROLL for (i32 e = 0; e < 4; e++) {
        v[2 * e] = bits_f32(pair[e] << 16);
        v[2 * e + 1] = bits_f32(pair[e] & 0xffff0000u);
      }
    } else {
      UNROLL for (i32 e = 0; e < 8; e++) v[e] = e < left ? widen(p[e]) : 0;
    }
    return;
  }
  const float* p = row_of<const float>(m, row) + col;
  if (m.wide && left >= 8) {
    float4 lo = *(const float4*)p, hi = *(const float4*)(p + 4);
    v[0] = lo.x, v[1] = lo.y, v[2] = lo.z, v[3] = lo.w;
    v[4] = hi.x, v[5] = hi.y, v[6] = hi.z, v[7] = hi.w;
  } else {
    UNROLL for (i32 e = 0; e < 8; e++) v[e] = e < left ? p[e] : 0;
  }
}
DEV void load8(float (&v)[8], const Mat& m, i64 row, i32 col) { load8(v, m, row, col, m.cols - col); }

// store8 writes what load8 reads, rounded.
DEV void store8(const Mat& m, i64 row, i32 col, i32 left, const float (&v)[8]) {
  if (m.type == kBF16) {
    u16* p = row_of<u16>(m, row) + col;
    if (m.wide && left >= 8) {
      *(uint4*)p = uint4{pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7])};
    } else {
      UNROLL for (i32 e = 0; e < 8; e++)
        if (e < left) p[e] = narrow(v[e]);
    }
    return;
  }
  float* p = row_of<float>(m, row) + col;
  if (m.wide && left >= 8) {
    *(float4*)p = float4{v[0], v[1], v[2], v[3]};
    *(float4*)(p + 4) = float4{v[4], v[5], v[6], v[7]};
  } else {
    UNROLL for (i32 e = 0; e < 8; e++)
      if (e < left) p[e] = v[e];
  }
}
DEV void store8(const Mat& m, i64 row, i32 col, const float (&v)[8]) { store8(m, row, col, m.cols - col, v); }

// load and store access single elements.
DEV float load(const Mat& m, i64 row, i32 col) {
  return m.type == kBF16 ? widen(row_of<const u16>(m, row)[col]) : row_of<const float>(m, row)[col];
}
DEV void store(const Mat& m, i64 row, i32 col, float v) {
  if (m.type == kBF16) {
    row_of<u16>(m, row)[col] = narrow(v);
  } else {
    row_of<float>(m, row)[col] = v;
  }
}

// Operations that take elements one by one run in blocks of kElementwise threads, each of which has
// eight columns of a row. place finds them: it is false beyond the last row.
const i32 kElementwise = 256;
DEV bool place(i32 rows, i32 cols, i32* row, i32* col) {
  u32 i = (u32)block_id() * kElementwise + (u32)thread_id(), eights = (u32)(cols + 7) / 8;
  *row = (i32)(i / eights);
  *col = (i32)(i % eights) * 8;
  return *row < rows;
}
