// Products of bf16 by warpgroups, for an sm_90a. Blocks of three warpgroups compute tiles of 128 × BN
// elements. A thread of the first, the producer, fills a ring of stages by bulk copies, each with 64 steps of
// k; the other two, the consumers, multiply 64 rows of a each. Producer and consumers go through the same
// tiles and steps, and meet at two barriers a stage: full, when its bytes have come, and empty, when both
// consumers are done with it. So the next tile is on its way while one is written.
#pragma once
#include "hopper.h"
#include "product.h"

struct WgmmaArgs {
  TensorMap a, b;
  ProductArgs p;
  u64 pad[6];  // to a multiple of 64 bytes
};

const i32 kDepth = 64;  // of a stage in k
const i32 kConsumers = 2;
const i32 kDown = 64 * kConsumers;  // rows of a tile
const i32 kWgmmaThreads = kWarpgroup * (1 + kConsumers);

// Of the part of a tile that a warp writes at a time.
const i32 kSpan = 32, kPitch = kSpan + 8;

// Registers of a thread: setmaxnreg moves them from the producer, which needs few.
const i32 kProducerRegisters = 40, kConsumerRegisters = 232;

// A Ring is the shared memory of a block: STAGES stages of a patch of a and one of b, desks of the warps that
// write y, and barriers.
template <i32 BN_, i32 STAGES_> struct Ring {
  enum : i32 { BN = BN_, STAGES = STAGES_ };
  enum : i32 { kA = kDown * kDepth * 2, kStage = kA + BN * kDepth * 2, kDesks = STAGES * kStage };
  enum : i32 { kBarriers = kDesks + kDown * kPitch * 4 };
  u8* shared;
};

// stage_of, full_of and empty_of return what step n of the block uses, counted over all its tiles. parity_of
// is that of the phase in which its stage is filled.
template <typename R> DEV u8* stage_of(R r, u32 n) { return r.shared + n % R::STAGES * R::kStage; }
template <typename R> DEV u64* full_of(R r, u32 n) { return (u64*)(r.shared + R::kBarriers) + n % R::STAGES; }
template <typename R> DEV u64* empty_of(R r, u32 n) { return full_of(r, n) + R::STAGES; }
template <typename R> DEV u32 parity_of(R, u32 n) { return n / R::STAGES & 1; }

// Lines tells whether the lines of a patch of a or of b run along its rows, in a form.
template <Form F> struct Lines {
  enum : bool { kA = F == kGradW, kB = F != kForward };
};

// load_lines begins to copy a patch of ROWS rows and kDepth steps of k, k steps after (row, col) of the matrix.
template <bool ALONG_ROWS, i32 ROWS>
DEV void load_lines(u8* to, const TensorMap* m, i32 row, i32 col, i32 k, u64* full) {
  if (ALONG_ROWS) {
    UNROLL for (i32 i = 0; i < ROWS / 64; i++) bulk_load(to + i * kBox, m, row + k, col + 64 * i, full);
  } else {
    bulk_load(to, m, row, col + k, full);
  }
}

// produce loads the tiles block_id, block_id+blocks, … It is done by one thread.
template <Form F, typename R> DEV void produce(const WgmmaArgs& a, R ring) {
  u32 n = 0;
  for (i32 i = block_id(); i < a.p.down * a.p.across; i += a.p.blocks) {
    const Tile t = tile_of<F, kDown, R::BN>(a.p, i);
    for (i32 k = 0; k < t.k; k += kDepth, n++) {
      u64* full = full_of(ring, n);
      u8* stage = stage_of(ring, n);
      mbarrier_wait(empty_of(ring, n), parity_of(ring, n) ^ 1);
      mbarrier_expect(full, R::kStage);
      load_lines<Lines<F>::kA, kDown>(stage, &a.a, t.a_row, t.a_col, k, full);
      load_lines<Lines<F>::kB, R::BN>(stage + R::kA, &a.b, t.b_row, t.b_col, k, full);
    }
  }
}

// desk_of returns the warp's own part of shared memory: 16 rows of kSpan sums, kPitch apart, so that they lie
// in different banks. Through it sums go between registers and rows of y, where a lane takes eight neighbours.
template <typename R> DEV float* desk_of(R r) {
  return (float*)(r.shared + R::kDesks) + (thread_id() / 32 - kWarpgroup / 32) * 16 * kPitch;
}

// each_on_desk calls f with the sums of the thread in columns [first, first+kSpan), and their places on the desk.
template <i32 N, typename Func> DEV void each_on_desk(float (&d)[N], i32 first, float* desk, Func f) {
  float* mine = desk + lane_id() / 4 * kPitch + lane_id() % 4 * 2;
  UNROLL for (i32 i = 0; i < kSpan / 2; i++)
    f(d[first / 2 + i], mine[8 * kPitch * (i / 2 % 2) + 8 * (i / 4) + i % 2]);
}

// each_eight calls f with eight numbers on the desk, and their row and first column of y, until each lane has
// had all its eights.
template <typename Func> DEV void each_eight(float* desk, i32 row, i32 col, Func f) {
  SERIAL for (i32 i = lane_id(); i < 16 * kSpan / 8; i += 32) {
    const i32 r = i / (kSpan / 8), c = i % (kSpan / 8) * 8;
    f(*(float(*)[8])(desk + r * kPitch + c), row + r, col + c);
  }
}

// begin_sums sets d to what is stored: rows from row on of the warp, columns from col on.
template <i32 N>
DEV void begin_sums(float (&d)[N], const ProductArgs& p, const Tile& t, i32 row, i32 col, float* desk) {
  UNROLL for (i32 j = 0; j < 2 * N; j += kSpan) {
    each_eight(desk, row, col + j, [&](float (&on)[8], i32 r, i32 c) {
      float v[8];
      load8(v, p.y, min(r, t.rows - 1), c, r < t.rows ? t.cols - c : 0);
      UNROLL for (i32 e = 0; e < 8; e++) on[e] = v[e];
    });
    sync_warp();
    each_on_desk(d, j, desk, [](float& v, float& on) { v = on; });
    sync_warp();
  }
}

// finish_sums adds bias and y to d and writes it, as finish does.
template <i32 N>
DEV void finish_sums(float (&d)[N], const ProductArgs& p, const Tile& t, i32 row, i32 col, float* desk) {
  UNROLL for (i32 j = 0; j < 2 * N; j += kSpan) {
    each_on_desk(d, j, desk, [](float& v, float& on) { on = v; });
    sync_warp();
    each_eight(desk, row, col + j, [&](float (&on)[8], i32 r, i32 c) {
      const i32 left = r < t.rows ? t.cols - c : 0;
      if (left <= 0) return;
      float v[8], more[8];
      UNROLL for (i32 e = 0; e < 8; e++) v[e] = on[e];
      if (p.bias.at) {
        load8(more, p.bias, 0, c, left);
        UNROLL for (i32 e = 0; e < 8; e++) v[e] = v[e] + more[e];
      }
      if (p.acc) {
        load8(more, p.y, r, c, left);
        UNROLL for (i32 e = 0; e < 8; e++) v[e] = v[e] + more[e];
      }
      store8(p.y, r, c, left, v);
    });
    sync_warp();
  }
}

// consume multiplies what produce loads, and finishes the tiles.
template <Form F, typename R> DEV void consume(const WgmmaArgs& a, R ring) {
  const ProductArgs& p = a.p;
  const i32 q = thread_id() - kWarpgroup, group_row = q / kWarpgroup * 64, warp_row = q / 32 * 16;
  const i32 run = F == kGradW ? 0x7fffffff : kProductRun / kDepth;  // steps
  float* total = (float*)p.totals + (i64)block_id() * kDown * R::BN + q;
  float* desk = desk_of(ring);
  u32 n = 0;
  for (i32 i = block_id(); i < p.down * p.across; i += p.blocks) {
    const Tile t = tile_of<F, kDown, R::BN>(p, i);
    const i32 steps = (t.k + kDepth - 1) / kDepth;
    float d[R::BN / 2];
    if (F == kGradW) begin_sums(d, p, t, t.row + warp_row, t.col, desk);
    for (i32 first = 0; first < steps; first += run) {
      const i32 end = min(first + run, steps);
      if (F != kGradW) UNROLL for (i32 e = 0; e < R::BN / 2; e++) d[e] = 0;
      SERIAL for (i32 s = first; s < end; s++, n++) {
        const u8* stage = stage_of(ring, n);
        mbarrier_wait(full_of(ring, n), parity_of(ring, n));
        wgmma_fence(d);
        UNROLL for (i32 k = 0; k < kDepth / 16; k++)
          wgmma<Lines<F>::kA, Lines<F>::kB>(d, operand_of<Lines<F>::kA>(stage, group_row, k),
                                            operand_of<Lines<F>::kB>(stage + R::kA, 0, k), true);
        wgmma_commit();
        wgmma_wait<1>(d);  // the step before is done
        if (s > first && lane_id() == 0) mbarrier_arrive(empty_of(ring, n - 1));
      }
      wgmma_wait<0>(d);
      if (lane_id() == 0) mbarrier_arrive(empty_of(ring, n - 1));
      UNROLL for (i32 e = 0; e < R::BN / 2; e++) {
        float* sum = total + e * kWarpgroup * kConsumers;
        if (first) d[e] = *sum + d[e];
        if (end < steps) *sum = d[e];
      }
    }
    finish_sums(d, p, t, t.row + warp_row, t.col, desk);
  }
}

// wgmma_product computes tiles block_id, block_id+blocks, …
template <Form F, typename R> DEV void wgmma_product(const WgmmaArgs& a, R ring) {
  if (thread_id() == 0) {
    UNROLL for (i32 s = 0; s < R::STAGES; s++) {
      mbarrier_init(full_of(ring, s), 1);
      mbarrier_init(empty_of(ring, s), kConsumers * 4);  // a thread of each warp
    }
    mbarrier_init_fence();
  }
  sync_block();
  if (thread_id() < kWarpgroup) {
    registers_less<kProducerRegisters>();
    if (thread_id() == 0) produce<F>(a, ring);
  } else {
    registers_more<kConsumerRegisters>();
    consume<F>(a, ring);
  }
}
