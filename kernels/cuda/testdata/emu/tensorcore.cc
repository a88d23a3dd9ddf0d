// What tensor cores compute, bit for bit, as measured on hardware (arXiv 2511.10909, 2512.07004).
//
// A step adds n exact products of bf16s to an f32: all are aligned to the largest exponent among them,
// each magnitude is cut to a number of fraction bits, the sum is exact, and the result is cut, toward
// zero, to f32. An sm_90 takes 16 products and 25 bits, an sm_80 twice 8 and 24.
#include "machine.h"

namespace emu {

typedef i32 i32x8 __attribute__((vector_size(32)));
typedef u32 u32x8 __attribute__((vector_size(32)));

u32 pack_bf16(float lo, float hi) {
  auto round = [](float f) -> u32 {
    u32 b = f32_bits(f);
    if ((b & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (b + 0x7fff + (b >> 16 & 1)) >> 16;
  };
  return round(lo) | round(hi) << 16;
}

static float widen(u16 h) { return bits_f32((u32)h << 16); }

// A Factor is a bf16 as an integer: significand * 2^(exponent-7). The exponent of 0 is the least.
struct Factor {
  i32 significand, exponent;
  bool special;  // an infinity or NaN
};

static Factor factor(u16 h) {
  i32 e = h >> 7 & 255, m = h & 127;
  if (e) m |= 128;
  i32 exponent = m ? std::max(e, 1) - 127 : -126;
  return {h >> 15 ? -m : m, exponent, e == 255};
}

// shifted returns v * 2^up / 2^down, the magnitude cut.
static i32x8 shifted(i32x8 v, int up, i32x8 down) {
  i32x8 sign = v >> 31, most = down > 31 ? i32x8{} + 31 : down;
  u32x8 magnitude = (u32x8)((v ^ sign) - sign) << up;
  i32x8 cut = (i32x8)(magnitude >> (u32x8)most);
  return (cut ^ sign) - sign;
}

// cut_f32 returns sum * 2^exponent, cut to f32.
static float cut_f32(i64 sum, i32 exponent) {
  double d = (double)sum * bits_f64((u64)(1023 + exponent) << 52);  // exact
  double magnitude = fabs(d);
  if (magnitude >= 0x1p-126) return (float)bits_f64(f64_bits(d) & ~((1ull << 29) - 1));
  return (float)copysign(floor(magnitude * 0x1p149) * 0x1p-149, d);
}

// with_special adds the products as they come, for rows with infinities or NaN.
static void with_special(const u16* a, const u16 (*b)[16], float* c, int first, int n) {
  for (int j = 0; j < 8; j++) {
    double sum = c[j];
    for (int k = first; k < first + n; k++) sum += (double)widen(a[k]) * widen(b[j][k]);
    c[j] = sum != sum ? bits_f32(0x7fffffff) : (float)sum;
  }
}

// step adds products [first, first+n) to c with that many fraction bits.
static void step(const u16 (*a)[16], const u16 (*b)[16], float (*c)[8], int first, int n, int bits) {
  i32x8 eb[16], mb[16];
  bool special_b = false;
  for (int k = 0; k < n; k++)
    for (int j = 0; j < 8; j++) {
      Factor f = factor(b[j][first + k]);
      eb[k][j] = f.exponent;
      mb[k][j] = f.significand;
      special_b |= f.special;
    }
  for (int i = 0; i < 16; i++) {
    i32x8 uc;
    memcpy(&uc, c[i], 32);
    i32x8 field = uc >> 23 & 255, normal = field != 0;
    i32x8 mc = (uc & 0x7fffff) | (normal & 0x800000);
    i32x8 ec = mc != 0 ? (normal & field) + (~normal & 1) - 127 : i32x8{} - 126;
    mc = (mc ^ uc >> 31) - (uc >> 31);
    bool special = special_b;
    for (int j = 0; j < 8; j++) special |= field[j] == 255;
    Factor fa[16];
    i32x8 top = ec;
    for (int k = 0; k < n; k++) {
      fa[k] = factor(a[i][first + k]);
      special |= fa[k].special;
      i32x8 e = fa[k].exponent + eb[k];
      top = e > top ? e : top;
    }
    if (special) {
      with_special(a[i], b, c[i], first, n);
      continue;
    }
    i32x8 half[2] = {};  // eight products fit an i32
    for (int k = 0; k < n; k++)
      half[k / 8] += shifted(fa[k].significand * mb[k], bits - 14, top - (fa[k].exponent + eb[k]));
    i32x8 addend = shifted(mc, bits - 23, top - ec);
    for (int j = 0; j < 8; j++) c[i][j] = cut_f32((i64)half[0][j] + half[1][j] + addend[j], top[j] - bits);
  }
}

// chain is what tensor cores compute if nothing is known of them: products one after the other.
static void chain(const u16 (*a)[16], const u16 (*b)[16], float (*c)[8]) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++)
      for (int k = 0; k < 16; k++) c[i][j] = __builtin_fmaf(widen(a[i][k]), widen(b[j][k]), c[i][j]);
}

void tensor_core(int model, const u16 (*a)[16], const u16 (*b)[16], float (*c)[8]) {
  switch (model) {
    case 90:
      step(a, b, c, 0, 16, 25);
      break;
    case 80:
      step(a, b, c, 0, 8, 24);
      step(a, b, c, 8, 8, 24);
      break;
    default:
      chain(a, b, c);
  }
}

}  // namespace emu
