// What layer.h means on the emulated device. A block is a set of fibers on one thread of the operating
// system, a fiber for each thread of the block; collectives and barriers switch between them.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstring>

#define DEV static inline __attribute__((always_inline))
#define UNROLL
#define SERIAL

struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { u32 x, y; };
struct alignas(16) uint4 { u32 x, y, z, w; };

namespace emu {

// A Thread is a thread of the running block.
struct Thread {
  void* stack;        // its stack pointer while it does not run
  u32 id, lane, warp;
  const char* waits;  // for what; null: it is ready, or has ended
  bool ended;
};

// Here is what kernels see of where they run.
struct Here {
  Thread* thread;
  u32 block;
  u8* shared;
  u32 shared_size;
};
extern Here here;

// A Registration makes an entry point known by its name.
struct Registration {
  Registration(const char* name, void (*run)(const void*), size_t args, int threads, int blocks);
};

enum Collective { kShuffle, kLoadMatrix, kLoadTransposed, kMultiply, kSyncWarp };
struct Shuffle { u32 value, from; };  // the lane
struct LoadMatrix { u32* registers; const void* row; };
struct Multiply { float* d; const u32* a; u32 b0, b1; };

// collective waits for all lanes of the warp. The last to come does it for all.
void collective(Collective op, void* operands);
void sync_block();
void cp_async(void* dst, const void* src, i32 bytes);
void cp_commit();
void cp_wait(i32 newest);
u32 pack_bf16(float lo, float hi);
void atomic_add(u64* p, u64 v);

}  // namespace emu

#define KERNEL(name, Args, threads, blocks) KERNEL_(name, Args, threads, blocks)
#define KERNEL_(name, Args, threads, blocks)                                                          \
  static void name(const Args& a);                                                                    \
  static void name##_run(const void* a) { name(*(const Args*)a); }                                    \
  static emu::Registration name##_registration(#name, name##_run, sizeof(Args), threads, blocks);     \
  static void name(const Args& a)
#define SMEM(name) u8* const name = emu::here.shared

DEV i32 thread_id() { return (i32)emu::here.thread->id; }
DEV i32 block_id() { return (i32)emu::here.block; }
DEV i32 lane_id() { return (i32)emu::here.thread->lane; }

DEV void sync_block() { emu::sync_block(); }
DEV void sync_warp() { emu::collective(emu::kSyncWarp, nullptr); }
DEV u32 shfl(u32 v, i32 lane) {
  emu::Shuffle s{v, (u32)lane};
  emu::collective(emu::kShuffle, &s);
  return s.value;
}
DEV u32 shfl_xor(u32 v, i32 mask) { return shfl(v, lane_id() ^ mask); }

DEV void atomic_add(u64* p, u64 v) { emu::atomic_add(p, v); }

DEV u32 f32_bits(float f) { u32 u; memcpy(&u, &f, 4); return u; }
DEV float bits_f32(u32 u) { float f; memcpy(&f, &u, 4); return f; }
DEV u64 f64_bits(double d) { u64 u; memcpy(&u, &d, 8); return u; }
DEV double bits_f64(u64 u) { double d; memcpy(&d, &u, 8); return d; }

DEV float fma32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DEV double fma64(double a, double b, double c) { return __builtin_fma(a, b, c); }
DEV float div32(float a, float b) { return a / b; }
DEV float sqrt32(float a) { return __builtin_sqrtf(a); }
DEV float round32(float a) { return __builtin_rintf(a); }
DEV float exp2_approx(float a) { return __builtin_exp2f(a); }
DEV float log32(float a) { return __builtin_logf(a); }
DEV void sincos64(double a, double* s, double* c) { *s = sin(a); *c = cos(a); }
DEV i32 min(i32 a, i32 b) { return a < b ? a : b; }
DEV i32 max(i32 a, i32 b) { return a > b ? a : b; }
DEV u32 max(u32 a, u32 b) { return a > b ? a : b; }
DEV u64 min(u64 a, u64 b) { return a < b ? a : b; }

DEV u32 pack_bf16(float lo, float hi) { return emu::pack_bf16(lo, hi); }
DEV void cp_async16(void* dst, const void* src, i32 bytes) { emu::cp_async(dst, src, bytes); }
DEV void cp_commit() { emu::cp_commit(); }
template <i32 N> DEV void cp_wait() { emu::cp_wait(N); }
DEV void ldmatrix4(u32 (&r)[4], const void* row) {
  emu::LoadMatrix l{r, row};
  emu::collective(emu::kLoadMatrix, &l);
}
DEV void ldmatrix4t(u32 (&r)[4], const void* row) {
  emu::LoadMatrix l{r, row};
  emu::collective(emu::kLoadTransposed, &l);
}
DEV void mma_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  emu::Multiply m{d, a, b0, b1};
  emu::collective(emu::kMultiply, &m);
}
