// Operations that sum along rows. A row is summed by one warp or by the eight of a block, as its
// length says and nothing else: thread t of n takes columns 8t to 8t+7 and those 8n further on.
#pragma once
#include "mat.h"

const i32 kRowThreads = 256;  // of a block
const i32 kRowShared = 256;   // bytes of shared memory

// A Row is what WARPS warps work on.
template <i32 WARPS> struct Row {
  i32 row;    // may lie beyond the last, if WARPS is 1
  i32 first;  // column of the thread
  i32 step;   // to its next columns
};

template <i32 WARPS> DEV Row<WARPS> row_of_thread() {
  const i32 warp = thread_id() / 32;
  return Row<WARPS>{block_id() * (8 / WARPS) + warp / WARPS, thread_id() % (32 * WARPS) * 8, 32 * WARPS * 8};
}

// sum_rows adds up v[i] of the threads of a row, for each i, in one order. It is called once in a kernel.
template <i32 WARPS, i32 N, typename T> DEV void sum_rows(T (&v)[N], u8* shared) {
  UNROLL for (i32 i = 0; i < N; i++) {
    UNROLL for (i32 mask = 16; mask; mask /= 2) v[i] = v[i] + shfl_xor(v[i], mask);
  }
  if (WARPS == 1) return;
  T* part = (T*)shared;  // [N, 8]
  UNROLL for (i32 i = 0; i < N; i++)
    if (lane_id() == 0) part[8 * i + thread_id() / 32] = v[i];
  sync_block();
  UNROLL for (i32 i = 0; i < N; i++) {
    v[i] = 0;
    UNROLL for (i32 w = 0; w < 8; w++) v[i] = v[i] + part[8 * i + w];
  }
}
