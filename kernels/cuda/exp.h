// The exponential function, of the same bits everywhere.
#pragma once
#include "layer.h"

// exp32 returns e^x to within 1 ulp: 2ⁿ·P(r) with n = round(x·log₂e) and r = x - n·ln2 in two steps
// (Cody & Waite 1980), P being the Taylor polynomial of degree 7. A NaN stays one.
DEV float exp32(float x) {
  if (x != x) return x;
  if (x > 89) x = 89;      // +Inf from 88.73
  if (x < -104) x = -104;  // 0 below -103.98
  float n = round32(x * 1.44269504088896340736f);
  float r = fma32(n, -0.693145751953125f, x);  // 13 bits, so that the product is exact
  r = fma32(n, -1.42860682030941723212e-6f, r);
  float p = fma32(r, 1.0f / 5040, 1.0f / 720);
  p = fma32(p, r, 1.0f / 120);
  p = fma32(p, r, 1.0f / 24);
  p = fma32(p, r, 1.0f / 6);
  p = fma32(p, r, 0.5f);
  p = fma32(p, r, 1);
  p = fma32(p, r, 1);
  i32 half = (i32)n >> 1;  // 2ⁿ in two factors, since n reaches 129 above and -150 below
  return p * bits_f32((u32)(half + 127) << 23) * bits_f32((u32)((i32)n - half + 127) << 23);
}
