// Products of bf16 by tensor cores. A block of warps computes a tile; its operands come through a ring of
// stages in shared memory, each with 32 steps of k, which asynchronous copies fill.
#pragma once
#include "product.h"

const i32 kStep = 32;

// chunk_of returns 16 bytes of a row of a tile whose rows have CHUNKS of them. They are permuted so that
// eight rows of a chunk lie in different banks.
template <i32 CHUNKS> DEV u8* chunk_of(u8* tile, i32 row, i32 chunk) {
  const i32 c = CHUNKS < 8 ? CHUNKS : 8;
  return tile + (row * CHUNKS + (chunk ^ row / (8 / c) % c)) * 16;
}

// load_patch begins to copy ROWS × 8·CHUNKS elements of m from (row, col) on; from row rows and column cols
// on they are 0. If WIDE, rows of m begin at multiples of 16 bytes, and so do the patches.
template <i32 ROWS, i32 CHUNKS, i32 THREADS, bool WIDE>
DEV void load_patch(u8* tile, const Mat& m, i32 row, i32 rows, i32 col, i32 cols) {
  // A thread takes one chunk of a row, and of every EACH-th row after it.
  enum : i32 { EACH = THREADS / CHUNKS };
  static_assert(THREADS % CHUNKS == 0 && ROWS % EACH == 0, "threads take whole rows");
  const i32 r = thread_id() / CHUNKS, c = thread_id() % CHUNKS, left = min(max(cols - col - 8 * c, 0), 8);
  const u16* from = row_of<const u16>(m, row + r) + col + 8 * c;
  UNROLL for (i32 i = 0; i < ROWS; i += EACH) {
    u8* to = chunk_of<CHUNKS>(tile, r + i, c);
    const i32 n = row + r + i < rows ? left : 0;
    if (WIDE) {
      cp_async16(to, from, 2 * n);  // which reads nothing of none
    } else {
      u32 v[4];
      UNROLL for (i32 e = 0; e < 4; e++)
        v[e] = (2 * e < n ? from[2 * e] : 0) | (u32)(2 * e + 1 < n ? from[2 * e + 1] : 0) << 16;
      *(uint4*)to = uint4{v[0], v[1], v[2], v[3]};
    }
    from += EACH * m.stride;
  }
}

// Shape is the shape of a block: BM × BN elements of y, WM × WN of them a warp's.
template <i32 BM_, i32 BN_, i32 WM_, i32 WN_, i32 STAGES_> struct Shape {
  enum : i32 { BM = BM_, BN = BN_, WM = WM_, WN = WN_, STAGES = STAGES_ };
  enum : i32 { kThreads = 32 * (BM / WM) * (BN / WN), kStage = (BM + BN) * kStep * 2, kShared = STAGES * kStage };
};

// load_stage begins to copy step s of a tile.
template <Form F, typename S, bool WIDE> DEV void load_stage(u8* stage, const ProductArgs& a, const Tile& t, i32 s) {
  const i32 k = s * kStep;
  u8* b = stage + S::BM * kStep * 2;
  if (F == kGradW) {
    load_patch<kStep, S::BM / 8, S::kThreads, WIDE>(stage, a.a, t.a_row + k, t.a_rows, t.a_col, t.a_cols);
  } else {
    load_patch<S::BM, kStep / 8, S::kThreads, WIDE>(stage, a.a, t.a_row, t.a_rows, t.a_col + k, t.a_cols);
  }
  if (F == kForward) {
    load_patch<S::BN, kStep / 8, S::kThreads, WIDE>(b, a.b, t.b_row, t.b_rows, t.b_col + k, t.b_cols);
  } else {
    load_patch<kStep, S::BN / 8, S::kThreads, WIDE>(b, a.b, t.b_row + k, t.b_rows, t.b_col, t.b_cols);
  }
}

// An Accumulator is a warp's part of a tile: of 16 rows and 8 columns each, four numbers of a lane.
template <typename S> struct Accumulator {
  float v[S::WM / 16][S::WN / 8][4];
};

// multiply adds one stage.
template <Form F, typename S> DEV void multiply(Accumulator<S>& acc, u8* stage, i32 wm, i32 wn) {
  const i32 lane = lane_id(), low = lane & 7, mid = lane >> 3 & 1, high = lane >> 4;
  u8* b = stage + S::BM * kStep * 2;
  UNROLL for (i32 kk = 0; kk < kStep / 16; kk++) {
    u32 fa[S::WM / 16][4], fb[S::WN / 16][4];
    UNROLL for (i32 i = 0; i < S::WM / 16; i++) {
      const i32 m = wm + 16 * i;
      if (F == kGradW) {
        ldmatrix4t(fa[i], chunk_of<S::BM / 8>(stage, 16 * kk + low + 8 * high, m / 8 + mid));
      } else {
        ldmatrix4(fa[i], chunk_of<kStep / 8>(stage, m + low + 8 * mid, 2 * kk + high));
      }
    }
    UNROLL for (i32 j = 0; j < S::WN / 16; j++) {
      const i32 n = wn + 16 * j;
      if (F == kForward) {
        ldmatrix4(fb[j], chunk_of<kStep / 8>(b, n + low + 8 * high, 2 * kk + mid));
      } else {
        ldmatrix4t(fb[j], chunk_of<S::BN / 8>(b, 16 * kk + low + 8 * mid, n / 8 + high));
      }
    }
    UNROLL for (i32 i = 0; i < S::WM / 16; i++)
      UNROLL for (i32 j = 0; j < S::WN / 8; j++)
        mma_bf16(acc.v[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);
  }
}

// each_element calls f with every number of the lane and its row and column in the tile.
template <typename S, typename Func> DEV void each_element(Accumulator<S>& acc, i32 wm, i32 wn, Func f) {
  const i32 g = lane_id() / 4, t = lane_id() % 4;
  UNROLL for (i32 i = 0; i < S::WM / 16; i++)
    UNROLL for (i32 j = 0; j < S::WN / 8; j++)
      UNROLL for (i32 e = 0; e < 4; e++)
        f(acc.v[i][j][e], wm + 16 * i + g + 8 * (e / 2), wn + 8 * j + 2 * t + e % 2);
}

// product computes tiles block_id, block_id+blocks, …
template <Form F, typename S, bool WIDE> DEV void product(const ProductArgs& a, u8* shared) {
  const i32 warp = thread_id() / 32, wm = warp / (S::BN / S::WN) * S::WM, wn = warp % (S::BN / S::WN) * S::WN;
  const i32 run = F == kGradW ? 0x7fffffff : kProductRun / kStep;  // steps
  float* total = (float*)a.totals + (i64)block_id() * S::BM * S::BN + thread_id();
  for (i32 i = block_id(); i < a.down * a.across; i += a.blocks) {
    const Tile t = tile_of<F, S::BM, S::BN>(a, i);
    const i32 steps = (t.k + kStep - 1) / kStep;
    Accumulator<S> acc;
    each_element(acc, wm, wn, [&](float& v, i32 row, i32 col) { v = start<F>(a, t, t.row + row, t.col + col); });
    UNROLL for (i32 s = 0; s < S::STAGES - 1; s++) {
      if (s < steps) load_stage<F, S, WIDE>(shared + s * S::kStage, a, t, s);
      cp_commit();
    }
    for (i32 first = 0; first < steps; first += run) {
      const i32 end = min(first + run, steps);
      SERIAL for (i32 s = first; s < end; s++) {
        cp_wait<S::STAGES - 2>();
        sync_block();
        const i32 next = s + S::STAGES - 1;
        if (next < steps) load_stage<F, S, WIDE>(shared + next % S::STAGES * S::kStage, a, t, next);
        cp_commit();
        multiply<F, S>(acc, shared + s % S::STAGES * S::kStage, wm, wn);
      }
      if (run >= steps) break;
      i64 at = 0;
      each_element(acc, wm, wn, [&](float& v, i32, i32) {
        if (first) v = total[at] + v;
        if (end < steps) {
          total[at] = v;
          v = 0;
        }
        at += S::kThreads;
      });
    }
    each_element(acc, wm, wn, [&](float& v, i32 row, i32 col) { finish(a, t, t.row + row, t.col + col, v); });
    cp_wait<0>();
    sync_block();
  }
}
