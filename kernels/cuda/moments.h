// Moments of eight bits: see tensor.MomentRun for how they lie.
#pragma once
#include "mat.h"

const i32 kMomentRun = 1024;

DEV bool is_coded(const Mat& m) { return m.type == kM8 || m.type == kV8; }

// decode_moment returns what a code stands for. With (b, c) = the f32 with the bits of base b plus c<<20,
// a code c of V8 is (b, c), one of M8 (b, c%128) - b, times -1 if c ≥ 128.
DEV float decode_moment(i32 type, u32 base, u32 code) {
  if (type == kV8) return bits_f32(base + (code << 20));
  const float size = bits_f32(base + ((code & 127) << 20)) - bits_f32(base);
  return bits_f32(f32_bits(size) | code >> 7 << 31);
}
