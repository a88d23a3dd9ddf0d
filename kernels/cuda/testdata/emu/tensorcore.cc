// What tensor cores compute, bit for bit, as measured on hardware (arXiv 2511.10909, 2512.07004).
//
// A step adds n exact products of bf16s to an f32: all are aligned to the largest exponent among them,
// each magnitude is cut to a number of fraction bits, the sum is exact, and the result is cut, toward
// zero, to f32. An sm_90 takes 16 products and 25 bits, an sm_80 twice 8 and 24.
#include "machine.h"

#pragma GCC diagnostic ignored "-Wpsabi"  // vectors do not leave this file

namespace emu {

typedef i32 i32x16 __attribute__((vector_size(64)));
typedef u32 u32x16 __attribute__((vector_size(64)));
typedef i32 i32x8 __attribute__((vector_size(32)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef double f64x8 __attribute__((vector_size(64)));
typedef i64 i64x8 __attribute__((vector_size(64)));

u32 pack_bf16(float lo, float hi) {
  auto round = [](float f) -> u32 {
    u32 b = f32_bits(f);
    if ((b & 0x7fffffff) > 0x7f800000) return 0x7fff;
    return (b + 0x7fff + (b >> 16 & 1)) >> 16;
  };
  return round(lo) | round(hi) << 16;
}

// element returns element k of a row of pairs.
static float element(u32 pair, int k) { return bits_f32(k % 2 ? pair & 0xffff0000 : pair << 16); }

// A Parts is 16 f32s as integers: significand * 2^(exponent-23). The exponent of 0 is the least.
struct Parts {
  i32x16 significand, exponent, special;  // an infinity or NaN
};

DEV Parts parts(u32x16 bits) {
  i32x16 field = (i32x16)(bits >> 23 & 255), sign = (i32x16)bits >> 31;
  i32x16 m = (i32x16)(bits & 0x7fffff) | ((field != 0) & 0x800000);
  return {(m ^ sign) - sign, (field | ((field == 0) & 1)) - 127, field == 255};
}

template <typename T> DEV T vector_at(const void* p) {
  T v;
  memcpy(&v, p, sizeof v);
  return v;
}
DEV void store(i32* p, i32x16 v) { memcpy(p, &v, sizeof v); }

void prepare(Rows& a) {
  i32x16 special{};
  for (int k = 0; k < 16; k++) {
    u32x16 pairs = vector_at<u32x16>(a.pairs[k / 2]);
    Parts p = parts(k % 2 ? pairs & 0xffff0000 : pairs << 16);
    store(a.significand[k], p.significand >> 16);
    store(a.exponent[k], p.exponent);
    special |= p.special;
  }
  store(a.special, special);
}

void prepare(Columns& b) {
  memset(b.special, 0, sizeof b.special);
  for (int j = 0; j < 8; j += 2)  // two rows in a vector
    for (int odd = 0; odd < 2; odd++) {
      u32x16 pairs = vector_at<u32x16>(b.pairs[j]);
      Parts p = parts(odd ? pairs & 0xffff0000 : pairs << 16);
      for (int l = 0; l < 16; l++) {
        int row = j + l / 8, k = l % 8 * 2 + odd;
        b.significand[row][k] = p.significand[l] >> 16;
        b.exponent[row][k] = p.exponent[l];
        b.special[row] |= p.special[l];
      }
    }
}

// cut returns v / 2^down, the magnitude cut.
DEV i32x16 cut(i32x16 v, i32x16 down) {
  i32x16 sign = v >> 31, most = down > 31 ? i32x16{} + 31 : down;
  i32x16 magnitude = (i32x16)((u32x16)((v ^ sign) - sign) >> (u32x16)most);
  return (magnitude ^ sign) - sign;
}

// cut_f32 returns a number of f64, cut to f32.
static float cut_f32(double d) {
  double magnitude = fabs(d);
  if (magnitude >= 0x1p-126) return (float)bits_f64(f64_bits(d) & ~((1ull << 29) - 1));
  return (float)copysign(floor(magnitude * 0x1p149) * 0x1p-149, d);
}

// cut_sums sets c to the sums of a, b and addend, times 2^exponent, cut to f32.
DEV void cut_sums(float* c, i32x8 a, i32x8 b, i32x8 addend, i32x8 exponent) {
  i64x8 scale = __builtin_convertvector(exponent + 1023, i64x8) << 52;
  f64x8 d = __builtin_convertvector(a, f64x8) + __builtin_convertvector(b, f64x8) +
            __builtin_convertvector(addend, f64x8);
  d *= (f64x8)scale;  // exact
  f32x8 f = __builtin_convertvector((f64x8)((i64x8)d & ~((1ll << 29) - 1)), f32x8);
  memcpy(c, &f, sizeof f);
  i64x8 magnitude = (i64x8)d & 0x7fffffffffffffff;
  i64x8 small = (magnitude != 0) & (magnitude < (i64)f64_bits(0x1p-126));
  i64 any = 0;
  for (int i = 0; i < 8; i++) any |= small[i];
  for (int i = 0; any && i < 8; i++)
    if (small[i]) c[i] = cut_f32(d[i]);
}

// with_special returns an element of which an operand is an infinity or NaN: products as they come.
static float with_special(const Rows& a, const Columns& b, float c, int i, int j, int first, int n) {
  double sum = c;
  for (int k = first; k < first + n; k++) sum += (double)element(a.pairs[k / 2][i], k) * element(b.pairs[j][k / 2], k);
  return sum != sum ? bits_f32(0x7fffffff) : (float)sum;
}

// step adds products [FIRST, FIRST+N) to c with BITS fraction bits.
template <int FIRST, int N, int BITS> static void step(const Rows& a, const Columns& b, float (*c)[16]) {
  for (int j = 0; j < 8; j++) {
    Parts p = parts(vector_at<u32x16>(c[j]));
    i32x16 top = p.exponent, e[N];
#pragma GCC unroll 16
    for (int k = 0; k < N; k++) {
      e[k] = vector_at<i32x16>(a.exponent[FIRST + k]) + b.exponent[j][FIRST + k];
      top = e[k] > top ? e[k] : top;
    }
    i32x16 half[2] = {};  // eight products fit an i32
#pragma GCC unroll 16
    for (int k = 0; k < N; k++) {
      i32x16 m = vector_at<i32x16>(a.significand[FIRST + k]) * (b.significand[j][FIRST + k] << (BITS - 14));
      half[k / 8] += cut(m, top - e[k]);
    }
    i32x16 addend = cut(p.significand << (BITS - 23), top - p.exponent), exponent = top - BITS;
    float sums[16];
    for (int h = 0; h < 2; h++) {
      auto of = [&](const i32x16& v) { return vector_at<i32x8>((const i32*)&v + 8 * h); };
      cut_sums(sums + 8 * h, of(half[0]), of(half[1]), of(addend), of(exponent));
    }
    i32x16 special = vector_at<i32x16>(a.special) | b.special[j] | p.special;
    i32 any = 0;
    for (int i = 0; i < 16; i++) any |= special[i];
    for (int i = 0; any && i < 16; i++)
      if (special[i]) sums[i] = with_special(a, b, c[j][i], i, j, FIRST, N);
    memcpy(c[j], sums, sizeof sums);
  }
}

// chain is what tensor cores compute if nothing is known of them: products one after the other.
static void chain(const Rows& a, const Columns& b, float (*c)[16]) {
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++)
      for (int k = 0; k < 16; k++)
        c[j][i] = __builtin_fmaf(element(a.pairs[k / 2][i], k), element(b.pairs[j][k / 2], k), c[j][i]);
}

void tensor_core(int model, const Rows& a, const Columns& b, float (*c)[16]) {
  switch (model) {
    case 90:
      step<0, 16, 25>(a, b, c);
      break;
    case 80:
      step<0, 8, 24>(a, b, c);
      step<8, 8, 24>(a, b, c);
      break;
    default:
      chain(a, b, c);
  }
}

}  // namespace emu
