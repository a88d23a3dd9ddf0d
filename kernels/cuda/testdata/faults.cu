// Mistakes that the emulated device must catch, each beside the kernel without it. All of them bring 64
// numbers from in to out; blocks have 64 threads.
#include "layer.h"

struct FaultArgs {
  u64 in, out;  // f32[64]
};

const i32 kThreads = 64;

#define BOTH(name)                                                              \
  KERNEL(name##_right, FaultArgs, kThreads, 1) { SMEM(shared); name<true>(a, (float*)shared); }  \
  KERNEL(name##_wrong, FaultArgs, kThreads, 1) { SMEM(shared); name<false>(a, (float*)shared); }

DEV const float* in_of(const FaultArgs& a) { return (const float*)a.in; }
DEV float* out_of(const FaultArgs& a) { return (float*)a.out; }

// No barrier between what one warp writes and another reads.
template <bool RIGHT> DEV void no_barrier(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  shared[t] = in_of(a)[t];
  if (RIGHT) sync_block();
  out_of(a)[t ^ 32] = shared[t ^ 32];
}
BOTH(no_barrier)

// No barrier before a place is written again that others have read.
template <bool RIGHT> DEV void no_second_barrier(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  shared[t] = in_of(a)[t];
  sync_block();
  const float v = shared[t ^ 32];
  if (RIGHT) sync_block();
  shared[t] = 0;
  out_of(a)[t ^ 32] = v;
}
BOTH(no_second_barrier)

// Lanes exchange without sync_warp.
template <bool RIGHT> DEV void no_sync_warp(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  shared[t] = in_of(a)[t];
  if (RIGHT) sync_warp();
  out_of(a)[t ^ 1] = shared[t ^ 1];
}
BOTH(no_sync_warp)

// Shared memory is read that nothing has written.
template <bool RIGHT> DEV void unwritten(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  if (RIGHT || t != 17) shared[t] = in_of(a)[t];
  out_of(a)[t] = shared[t];
}
BOTH(unwritten)

// Shared memory is read beyond its end.
template <bool RIGHT> DEV void beyond_shared(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  shared[t] = in_of(a)[t];
  out_of(a)[t] = shared[RIGHT ? t : t + 1024 * (t == 63)];
}
BOTH(beyond_shared)

// A load and a store beyond the end of a matrix.
template <bool RIGHT> DEV void beyond_load(const FaultArgs& a, float*) {
  const i32 t = thread_id();
  const float v = in_of(a)[RIGHT ? t : t + 1];
  out_of(a)[t] = RIGHT ? v : in_of(a)[t] + 0 * v;
}
BOTH(beyond_load)
template <bool RIGHT> DEV void beyond_store(const FaultArgs& a, float*) {
  const i32 t = thread_id();
  out_of(a)[t] = in_of(a)[t];
  if (!RIGHT) out_of(a)[t + 1] = 0;
}
BOTH(beyond_store)

// Four bytes at an address that is not a multiple of four.
template <bool RIGHT> DEV void unaligned(const FaultArgs& a, float*) {
  const i32 t = thread_id();
  u64 from = a.in + (RIGHT ? 0 : 2);
  out_of(a)[t] = t < 63 ? ((const float*)from)[t] : in_of(a)[t];
}
BOTH(unaligned)

// Two blocks write the same place.
template <bool RIGHT> DEV void two_blocks(const FaultArgs& a, float*) {
  const i32 t = thread_id();
  if (block_id() == 0 || !RIGHT) out_of(a)[t] = in_of(a)[t];
}
BOTH(two_blocks)

// A shuffle in a branch that only a part of the warp takes.
template <bool RIGHT> DEV void parted_shuffle(const FaultArgs& a, float*) {
  const i32 t = thread_id();
  float v = in_of(a)[t];
  if (RIGHT || t % 2) v = shfl_xor(v, 2);
  sync_warp();
  v = shfl_xor(v, 2);
  out_of(a)[t] = v;
}
BOTH(parted_shuffle)

// A barrier in a branch that only one warp takes.
template <bool RIGHT> DEV void parted_barrier(const FaultArgs& a, float*) {
  const i32 t = thread_id();
  if (RIGHT || t < 32) sync_block();
  out_of(a)[t] = in_of(a)[t];
}
BOTH(parted_barrier)

// copy_in copies in to shared memory in two groups, of 8 times four numbers each.
DEV void copy_in(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  for (i32 g = 0; g < 2; g++) {
    if (t < 8) cp_async16(shared + 32 * g + 4 * t, in_of(a) + 32 * g + 4 * t, 16);
    cp_commit();
  }
}

// Asynchronous copies are waited for, but for the last group.
template <bool RIGHT> DEV void short_wait(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  copy_in(a, shared);
  cp_wait<RIGHT ? 0 : 1>();
  sync_block();
  out_of(a)[t] = shared[t];
  cp_wait<0>();
}
BOTH(short_wait)

// A block ends before its copies have.
template <bool RIGHT> DEV void never_waited(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  copy_in(a, shared);
  out_of(a)[t] = in_of(a)[t];
  if (RIGHT) cp_wait<0>();
}
BOTH(never_waited)

// Other threads read what a thread has waited for without a barrier.
template <bool RIGHT> DEV void wait_without_barrier(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  copy_in(a, shared);
  cp_wait<0>();
  if (RIGHT) sync_block();
  out_of(a)[t] = shared[t];
}
BOTH(wait_without_barrier)

// A copy of 16 bytes from where none may begin.
template <bool RIGHT> DEV void unaligned_copy(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  if (t < 8) cp_async16(shared + 4 * t, in_of(a) + 4 * t + (RIGHT ? 0 : 1), 16);
  cp_commit();
  cp_wait<0>();
  sync_block();
  out_of(a)[t] = t < 32 ? shared[t] : in_of(a)[t];
}
BOTH(unaligned_copy)

// A sum that all threads add to is read before all have.
template <bool RIGHT> DEV void early_sum(const FaultArgs& a, float* shared) {
  const i32 t = thread_id();
  u64* sum = (u64*)shared;
  if (t == 0) *sum = 0;
  sync_block();
  atomic_add(sum, 1);
  if (RIGHT) sync_block();
  out_of(a)[t] = in_of(a)[t] + (float)(*sum - kThreads);
}
BOTH(early_sum)
