// What hopper.h means on the emulated device.
#pragma once

namespace emu {

enum GroupCollective { kRegisters, kGroupFence, kProduct, kCommit, kGroupWait };
struct Product {
  float* d;       // of the thread
  u32 n;          // columns
  u64 a, b;       // descriptors
  bool add, a_along, b_along;
};

// group_collective waits for all threads of the warpgroup. The last to come does it for all.
void group_collective(GroupCollective op, const void* operands);
void mbarrier_init(const u64* b, i32 arrivals);
void mbarrier_init_fence();
void mbarrier_arrive(const u64* b, i32 bytes);
void mbarrier_wait(const u64* b, u32 parity);
void bulk_load(void* to, const TensorMap* m, i32 row, i32 col, const u64* b);
void proxy_fence();

}  // namespace emu

DEV u32 shared_address(const void* p) { return (u32)((const u8*)p - emu::here.shared); }

DEV void mbarrier_init(u64* b, i32 arrivals) { emu::mbarrier_init(b, arrivals); }
DEV void mbarrier_init_fence() { emu::mbarrier_init_fence(); }
DEV void mbarrier_arrive(u64* b) { emu::mbarrier_arrive(b, 0); }
DEV void mbarrier_expect(u64* b, i32 bytes) { emu::mbarrier_arrive(b, bytes); }
DEV void mbarrier_wait(u64* b, u32 parity) { emu::mbarrier_wait(b, parity); }
DEV void bulk_load(void* to, const TensorMap* m, i32 row, i32 col, u64* b) { emu::bulk_load(to, m, row, col, b); }
DEV void proxy_fence() { emu::proxy_fence(); }

template <i32 N> DEV void registers_less() { i32 n = N; emu::group_collective(emu::kRegisters, &n); }
template <i32 N> DEV void registers_more() { i32 n = N; emu::group_collective(emu::kRegisters, &n); }
template <i32 C> DEV void wgmma_fence(float (&)[C]) { emu::group_collective(emu::kGroupFence, nullptr); }
DEV void wgmma_commit() { emu::group_collective(emu::kCommit, nullptr); }
template <i32 N, i32 C> DEV void wgmma_wait(float (&)[C]) { i32 n = N; emu::group_collective(emu::kGroupWait, &n); }
template <bool A_ALONG, bool B_ALONG, i32 C> DEV void wgmma(float (&d)[C], u64 a, u64 b, bool add) {
  emu::Product p{d, 2 * C, a, b, add, A_ALONG, B_ALONG};
  emu::group_collective(emu::kProduct, &p);
}
