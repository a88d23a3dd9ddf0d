// Mistakes with bulk copies and products by warpgroups that the emulated device must catch, each beside the
// kernel without it. All compute d = x*wᵀ, where x and w are [64, 128] and [128, 128] and come in two steps.
#include "hopper.h"

struct StepArgs {
  TensorMap x, w;  // in boxes of 64 and 128 lines
  u64 d, stride;   // f32[64, 128], floats from row to row
  u64 pad[6];
};

enum Mistake {
  kNone, kNoFull, kNoEmpty, kFewBytes, kManyBytes, kNoShow, kUnevenStage, kNoFence, kNoCommitWait, kNoWait, kNoProxy,
  kNoBarrier, kEarlyRelease, kWrongParity, kLaneWaits, kNoSyncWarp,
};

const i32 kThreads = 2 * kWarpgroup, kX = kBox, kW = 2 * kBox, kStage = kX + kW;

// store_sums writes the sums of a warpgroup.
DEV void store_sums(const StepArgs& a, float (&d)[64]) {
  const i32 q = thread_id() % kWarpgroup, row = q / 32 * 16 + lane_id() / 4, col = lane_id() % 4 * 2;
  UNROLL for (i32 i = 0; i < 64; i++)
    ((float*)a.d)[(row + 8 * (i / 2 % 2)) * (i32)a.stride + 8 * (i / 4) + col + i % 2] = d[i];
}

// A producer loads one stage twice, a consumer multiplies.
template <Mistake M> DEV void step_by_step(const StepArgs& a, u8* shared) {
  u64 *full = (u64*)(shared + kStage), *empty = full + 1;
  if (thread_id() == 0) {
    mbarrier_init(full, 1);
    mbarrier_init(empty, 1);
    if (M != kNoShow) mbarrier_init_fence();
  }
  if (M != kNoBarrier) sync_block();
  if (thread_id() < kWarpgroup) {
    for (i32 s = 0; s < 2 && thread_id() == 0; s++) {
      if (M != kNoEmpty) mbarrier_wait(empty, (u32)(s & 1) ^ (M == kWrongParity ? 0 : 1));
      mbarrier_expect(full, M == kFewBytes ? kX : M == kManyBytes ? kStage + 16 : kStage);
      bulk_load(shared + (M == kUnevenStage ? 512 : 0), &a.x, 0, 64 * s, full);
      bulk_load(shared + kX, &a.w, 0, 64 * s, full);
    }
    return;
  }
  float d[64];
  UNROLL for (i32 i = 0; i < 64; i++) d[i] = 0;
  for (i32 s = 0; s < 2; s++) {
    if (M != kNoFull) mbarrier_wait(full, (u32)s & 1);
    if (M != kNoFence) wgmma_fence(d);
    UNROLL for (i32 k = 0; k < 4; k++)
      wgmma<false, false>(d, operand_of<false>(shared, 0, k), operand_of<false>(shared + kX, 0, k), true);
    wgmma_commit();
    if (M == kEarlyRelease && thread_id() == kWarpgroup) mbarrier_arrive(empty);
    if (M != kNoWait || s == 0) wgmma_wait<M == kNoCommitWait ? 1 : 0>(d);
    if (M != kEarlyRelease && thread_id() == kWarpgroup) mbarrier_arrive(empty);
  }
  store_sums(a, d);
  if (M == kNoCommitWait) wgmma_wait<0>(d);
}

// Threads copy what bulk copies brought, and the copy is multiplied. All wait for it, or one of each warp and
// the others for that one.
template <Mistake M> DEV void by_threads(const StepArgs& a, u8* shared) {
  u64* full = (u64*)(shared + 4 * kStage);
  if (thread_id() == 0) {
    mbarrier_init(full, 1);
    mbarrier_init_fence();
  }
  sync_block();
  if (thread_id() == 0) {
    mbarrier_expect(full, 2 * kStage);
    for (i32 s = 0; s < 2; s++) {
      bulk_load(shared + s * kStage, &a.x, 0, 64 * s, full);
      bulk_load(shared + s * kStage + kX, &a.w, 0, 64 * s, full);
    }
  }
  if (lane_id() == 0 || (M != kLaneWaits && M != kNoSyncWarp)) mbarrier_wait(full, 0);
  if (M == kLaneWaits) sync_warp();
  for (i32 i = thread_id(); i < 2 * kStage / 16; i += kThreads)
    ((uint4*)(shared + 2 * kStage))[i] = ((const uint4*)shared)[i];
  if (M != kNoProxy) proxy_fence();
  sync_block();
  if (thread_id() < kWarpgroup) return;
  float d[64];
  UNROLL for (i32 i = 0; i < 64; i++) d[i] = 0;
  wgmma_fence(d);
  for (i32 k = 0; k < 8; k++) {
    const u8* stage = shared + (2 + k / 4) * kStage;
    wgmma<false, false>(d, operand_of<false>(stage, 0, k % 4), operand_of<false>(stage + kX, 0, k % 4), true);
  }
  wgmma_commit();
  wgmma_wait<0>(d);
  store_sums(a, d);
}

#define FAULT(name, how, M) \
  KERNEL(name, StepArgs, kThreads, 1) { SMEM(shared); how<M>(a, shared); }
FAULT(steps_right, step_by_step, kNone)
FAULT(no_full_wait, step_by_step, kNoFull)
FAULT(no_empty_wait, step_by_step, kNoEmpty)
FAULT(wrong_parity, step_by_step, kWrongParity)
FAULT(few_bytes, step_by_step, kFewBytes)
FAULT(many_bytes, step_by_step, kManyBytes)
FAULT(barrier_not_shown, step_by_step, kNoShow)
FAULT(no_block_barrier, step_by_step, kNoBarrier)
FAULT(uneven_stage, step_by_step, kUnevenStage)
FAULT(no_wgmma_fence, step_by_step, kNoFence)
FAULT(short_wgmma_wait, step_by_step, kNoCommitWait)
FAULT(no_wgmma_wait, step_by_step, kNoWait)
FAULT(early_release, step_by_step, kEarlyRelease)
FAULT(threads_right, by_threads, kNone)
FAULT(lane_waits_right, by_threads, kLaneWaits)
FAULT(no_proxy_fence, by_threads, kNoProxy)
FAULT(no_sync_warp_after_wait, by_threads, kNoSyncWarp)
