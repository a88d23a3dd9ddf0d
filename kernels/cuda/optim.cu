#include "moments.h"
#include "rows.h"

struct SquaresArgs {
  Mat m;
  u64 sums;  // f64[blocks]
};

const i32 kSquares = 4 * kRowThreads;  // of eight columns, for a block

// sums[b] = Σ m[i][j]² over the elements of block b
KERNEL(sum_squares, SquaresArgs, kRowThreads, 4) {
  SMEM(shared);
  const i32 eights = (a.m.cols + 7) / 8;
  double sum[1] = {0};
  for (i32 k = 0; k < kSquares; k += kRowThreads) {
    const i64 i = (i64)block_id() * kSquares + k + thread_id(), row = i / eights;
    if (row >= a.m.rows) break;
    float v[8];
    load8(v, a.m, row, (i32)(i % eights) * 8);
    UNROLL for (i32 e = 0; e < 8; e++) sum[0] = fma64(v[e], v[e], sum[0]);
  }
  sum_rows<8>(sum, shared);
  if (thread_id() == 0) ((double*)a.sums)[block_id()] = sum[0];
}

struct TotalArgs {
  u64 total, sums;  // f64, f64[n]
  i64 n;
};

// total = Σ sums[i]; one block
KERNEL(total, TotalArgs, kRowThreads, 1) {
  SMEM(shared);
  double sum[1] = {0};
  for (i64 i = thread_id(); i < a.n; i += kRowThreads) sum[0] = sum[0] + ((const double*)a.sums)[i];
  sum_rows<8>(sum, shared);
  if (thread_id() == 0) *(double*)a.total = sum[0];
}

// Of a run of kMomentRun columns of a row, word t of a coded matrix holds columns t, t+w, t+2w and t+3w,
// w being a fourth of the run. They belong to thread t, of all five matrices.
struct AdamArgs {
  Mat w, master, m, v, grad;
  u64 noise;  // u32[2*kMomentRun]
  u64 seed;
  float beta1, beta2, one1, one2;  // β and 1-β
  float scale;                     // of the gradient
  float rate, root, eps, decay;    // LR/(1-β₁ᵗ), 1/sqrt(1-β₂ᵗ), ε, LR*WeightDecay
  i32 apart;                       // the master is not w
};

// A Run is the columns of a thread.
struct Run {
  i32 row, index, first, n, w;  // index of the run in its row, its first column, columns, words
};

DEV Run run_of_block(const Mat& m) {
  const i32 runs = (m.cols + kMomentRun - 1) / kMomentRun, index = block_id() % runs, first = index * kMomentRun;
  const i32 n = min(kMomentRun, m.cols - first);
  return Run{block_id() / runs, index, first, n, (n + 3) / 4};
}

// A Noise is the random numbers of a run: see kernels.Noise.
struct Noise {
  const u32* words;
  u32 flip;
};

DEV Noise noise_of(const AdamArgs& a, u64 seed, const Run& r) {
  u64 h = seed + (u64)r.row * 0x9e3779b97f4a7c15 + (u64)r.index * 0xbf58476d1ce4e5b9;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9;
  h = (h ^ h >> 27) * 0x94d049bb133111eb;
  h ^= h >> 31;
  return Noise{(const u32*)a.noise + h % kMomentRun, (u32)(h >> 32)};
}

// base_of returns where the base of a run of a coded matrix lies.
DEV u32* base_of(const Mat& m, const Run& r) { return (u32*)row_of<u8>(m, r.row) + (m.cols + 3) / 4 + r.index; }
DEV u32* word_of(const Mat& m, const Run& r, i32 t) {
  return (u32*)row_of<u8>(m, r.row) + r.index * (kMomentRun / 4) + t;
}

// load_moments sets x to the thread's elements of m; those beyond the end are 0.
DEV void load_moments(float (&x)[4], const Mat& m, const Run& r) {
  const i32 t = thread_id();
  if (is_coded(m)) {
    const u32 base = *base_of(m, r), word = *word_of(m, r, t);
    UNROLL for (i32 k = 0; k < 4; k++) x[k] = decode_moment(m.type, base, word >> (8 * k) & 255);
    return;
  }
  UNROLL for (i32 k = 0; k < 4; k++) x[k] = t + k * r.w < r.n ? load(m, r.row, r.first + t + k * r.w) : 0;
}

// moment_base returns the bits of the base of a run whose largest magnitude has the bits top: see
// kernels.MomentBase.
DEV u32 moment_base(i32 type, u32 top) {
  const u32 steps = (type == kM8 ? 15u : 31u) << 23, least = 15u << 23;
  const float room = bits_f32(top) * 1.125f;
  if (!(room <= 3.40282346638528859812e+38f)) return 0x7fc00000;
  const u32 power = f32_bits(room) & ~((1u << 23) - 1);
  return power < least + steps ? 0 : power - steps;
}

// encode returns the word of the thread's elements.
DEV u32 encode(i32 type, const float (&x)[4], u32 base, u32 noise) {
  const float b = bits_f32(base);
  if (!(b > 0)) return 0;
  u32 word = 0;
  UNROLL for (i32 k = 0; k < 4; k++) {
    u32 random = k % 2 ? noise >> 12 : noise & 0xfffff;
    if (k >= 2) random ^= 0xfffff;
    const u32 bits = f32_bits(x[k]);
    const float y = type == kM8 ? bits_f32(bits & 0x7fffffff) + b : x[k] > b ? x[k] : b;
    u32 code = (f32_bits(y) + random - base) >> 20;
    if (type == kM8) code |= bits >> 31 << 7;
    word |= code << (8 * k);
  }
  return word;
}

// save_moments writes x, rounded at random unless m is f32. top holds the bits of the largest magnitude
// of the run.
DEV void save_moments(const AdamArgs& a, const Mat& m, const Run& r, const float (&x)[4], u32 top, u64 seed) {
  const i32 t = thread_id();
  if (m.type == kF32) {
    UNROLL for (i32 k = 0; k < 4; k++)
      if (t + k * r.w < r.n) store(m, r.row, r.first + t + k * r.w, x[k]);
    return;
  }
  const Noise noise = noise_of(a, seed, r);
  if (is_coded(m)) {
    const u32 base = moment_base(m.type, top);
    *word_of(m, r, t) = encode(m.type, x, base, noise.words[t] ^ noise.flip);
    if (t == 0) *base_of(m, r) = base;
    return;
  }
  u16* out = row_of<u16>(m, r.row) + r.first;
  UNROLL for (i32 k = 0; k < 4; k++) {
    const i32 j = t + k * r.w;
    if (j < r.n) out[j] = (u16)((f32_bits(x[k]) + ((noise.words[j] ^ noise.flip) & 0xffff)) >> 16);
  }
}

// largest sets top[i] to the largest of the block's.
DEV void largest(u32 (&top)[2], u8* shared) {
  u32* part = (u32*)shared;  // [2, 8]
  UNROLL for (i32 i = 0; i < 2; i++) {
    UNROLL for (i32 mask = 16; mask; mask /= 2) top[i] = max(top[i], shfl_xor(top[i], mask));
    if (lane_id() == 0) part[8 * i + thread_id() / 32] = top[i];
  }
  sync_block();
  UNROLL for (i32 i = 0; i < 2; i++)
    UNROLL for (i32 w = 0; w < 8; w++) top[i] = max(top[i], part[8 * i + w]);
}

// m = β₁m + (1-β₁)g; v = β₂v + (1-β₂)g²; master -= rate*m/(sqrt(v)*root+ε) + decay*master; w = master
KERNEL(adamw, AdamArgs, kRowThreads, 4) {
  SMEM(shared);
  const i32 t = thread_id();
  const Run r = run_of_block(a.w);
  const bool mine = t < r.w;
  float m[4] = {}, v[4] = {};
  u32 top[2] = {0, 0};
  if (mine) {
    load_moments(m, a.m, r);
    load_moments(v, a.v, r);
    UNROLL for (i32 k = 0; k < 4; k++) {
      const i32 j = t + k * r.w, col = r.first + j;
      if (j >= r.n) {
        m[k] = v[k] = 0;
        continue;
      }
      const float g = load(a.grad, r.row, col) * a.scale;
      m[k] = fma32(a.beta1, m[k], a.one1 * g);
      v[k] = fma32(a.beta2, v[k], a.one2 * g * g);
      float p = load(a.master, r.row, col);
      p = p - fma32(a.decay, p, div32(a.rate * m[k], fma32(sqrt32(v[k]), a.root, a.eps)));
      store(a.master, r.row, col, p);
      if (a.apart) store(a.w, r.row, col, p);
      top[0] = max(top[0], f32_bits(m[k]) & 0x7fffffff);
      top[1] = max(top[1], f32_bits(v[k]) & 0x7fffffff);
    }
  }
  if (is_coded(a.m) || is_coded(a.v)) largest(top, shared);
  if (!mine) return;
  save_moments(a, a.m, r, m, top[0], a.seed);
  save_moments(a, a.v, r, v, top[1], a.seed + 1);
}
