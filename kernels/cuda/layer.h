// The instruction layer: everything that a kernel needs and C++ has not. It exists twice, with one
// meaning: here for a device, compiled by NVRTC, and in emu.h for the emulated device of the tests,
// compiled by g++. Kernels include nothing else, and all PTX is here.
//
// Rules of the kernels:
//
//   - Blocks and grids are one-dimensional; a block has a multiple of 32 threads, 512 at most.
//   - Arguments are one struct by value, of fields of fixed width, 8-byte fields first, padding
//     named. Go mirrors it, and the emulator compares the sizes at every launch.
//   - Shared memory is the one array of SMEM, whose contents are unknown when a block starts.
//   - What is called "of a warp" is called by all its 32 lanes together. No thread leaves before the
//     last barrier of its block. What lanes exchange through shared memory has sync_warp between.
//   - Nothing is contracted: fma32 is where one rounding is meant.
//   - Rows and columns beyond the end are read as 0. They are never masked afterwards, since 0 * NaN
//     is NaN, and NaN may lie beside every matrix.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef int i32;
typedef long long i64;

#ifdef __CUDACC_RTC__

#define DEV __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define SERIAL _Pragma("unroll 1")  // nor is the first round taken out
#define INFINITY __int_as_float(0x7f800000)

// KERNEL defines an entry point for blocks of at most threads threads, blocks of which shall fit on a
// multiprocessor. The body sees its arguments as a.
#define KERNEL(name, Args, threads, blocks) KERNEL_(name, Args, threads, blocks)
#define KERNEL_(name, Args, threads, blocks) \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name(const __grid_constant__ Args a)

// SMEM names the shared memory of the block, aligned to 1024 bytes.
#define SMEM(name) extern __shared__ __align__(1024) u8 name[]

DEV i32 thread_id() { return (i32)threadIdx.x; }
DEV i32 block_id() { return (i32)blockIdx.x; }
DEV i32 lane_id() { return (i32)(threadIdx.x & 31); }

DEV void sync_block() { __syncthreads(); }
DEV void sync_warp() { __syncwarp(); }
// shfl_xor returns v of the lane whose number differs in the bits of mask. Of a warp.
DEV u32 shfl_xor(u32 v, i32 mask) { return __shfl_xor_sync(0xffffffffu, v, mask); }

// shfl returns v of a lane. Of a warp.
DEV u32 shfl(u32 v, i32 lane) { return __shfl_sync(0xffffffffu, v, lane); }

// atomic_add adds to shared memory that other threads add to.
DEV void atomic_add(u64* p, u64 v) { atomicAdd(p, v); }

DEV u32 f32_bits(float f) { return __float_as_uint(f); }
DEV float bits_f32(u32 u) { return __uint_as_float(u); }
DEV u64 f64_bits(double d) { return (u64)__double_as_longlong(d); }
DEV double bits_f64(u64 u) { return __longlong_as_double((i64)u); }

DEV float fma32(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DEV double fma64(double a, double b, double c) { return __fma_rn(a, b, c); }
DEV float div32(float a, float b) { return __fdiv_rn(a, b); }
DEV float sqrt32(float a) { return __fsqrt_rn(a); }
DEV float round32(float a) { return rintf(a); }  // to the nearest integer, ties to even
DEV float exp2_approx(float a) {  // to 2 ulp, and subnormals as 0: for softmax alone
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
  return r;
}
DEV float log32(float a) { return logf(a); }
DEV void sincos64(double a, double* s, double* c) { sincos(a, s, c); }

// pack_bf16 returns the bf16s nearest to lo, in the low half, and hi, ties to even. A NaN is 0x7fff.
DEV u32 pack_bf16(float lo, float hi) {
  u32 r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
  return r;
}

DEV u32 shared_address(const void* p) { return (u32)__cvta_generic_to_shared(p); }

// cp_async16 begins to copy 16 bytes to shared memory, of which bytes come from src and the rest is 0.
DEV void cp_async16(void* dst, const void* src, i32 bytes) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(dst)), "l"(src), "r"(bytes)
               : "memory");
}
// cp_commit closes a group of copies. cp_wait<N> waits until only the N newest groups of the thread are
// under way.
DEV void cp_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <i32 N> DEV void cp_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// ldmatrix4 loads four 8×8 matrices of 16-bit elements: lane l names row l%8 of matrix l/8, and r[j] is
// columns 2(l%4) and 2(l%4)+1 of row l/4 of matrix j. ldmatrix4t transposes each. Of a warp.
DEV void ldmatrix4(u32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}
DEV void ldmatrix4t(u32 (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
}

// mma_bf16 adds a*b to d: a is 16×16, b 16×8, d 16×8. With g = lane/4 and t = lane%4, a holds (g, 2t),
// (g+8, 2t), (g, 2t+8), (g+8, 2t+8), each with the next column; b0 and b1 hold (2t, g) and (2t+8, g),
// each with the next row; d holds (g, 2t), (g, 2t+1), (g+8, 2t), (g+8, 2t+1). Of a warp.
DEV void mma_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#else
#include "emu.h"
#endif

DEV float shfl(float v, i32 lane) { return bits_f32(shfl(f32_bits(v), lane)); }
DEV float shfl_xor(float v, i32 mask) { return bits_f32(shfl_xor(f32_bits(v), mask)); }
DEV u64 shfl_xor(u64 v, i32 mask) { return (u64)shfl_xor((u32)(v >> 32), mask) << 32 | shfl_xor((u32)v, mask); }
DEV double shfl_xor(double v, i32 mask) { return bits_f64(shfl_xor(f64_bits(v), mask)); }
