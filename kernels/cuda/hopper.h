// The part of the instruction layer that only an sm_90a has: barriers in shared memory, bulk copies that
// tensor maps describe, and products by warpgroups whose operands lie in shared memory. As layer.h it
// exists twice: here, and for the emulated device in emu_hopper.h.
//
// Threads are not alone with shared memory: bulk copies and the tensor cores of a warpgroup use it on
// their own, through what PTX calls the asynchronous proxy. What a thread writes they may read once that
// thread has called proxy_fence and a barrier has followed. What they write a thread may read after
// mbarrier_wait; what they have read may be written after wgmma_wait.
//
// A warpgroup is four warps, the first divisible by 4. What is called "of a warpgroup" is called by all of
// its 128 threads together.
#pragma once
#include "layer.h"

const i32 kWarpgroup = 128;  // threads

// A TensorMap tells bulk copies of a matrix and the size of a box of it: cuTensorMapEncodeTiled fills it.
// It is a part of the arguments.
struct alignas(64) TensorMap {
  u64 opaque[16];
};

#ifdef __CUDACC_RTC__

// mbarrier_init makes b a barrier whose phases end when so many have arrived and all bytes that were
// expected in it have come. mbarrier_init_fence, by the same thread, shows it to bulk copies.
DEV void mbarrier_init(u64* b, i32 arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(arrivals) : "memory");
}
DEV void mbarrier_init_fence() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

DEV void mbarrier_arrive(u64* b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(b)) : "memory");
}
// mbarrier_expect arrives, and makes the phase expect so many bytes.
DEV void mbarrier_expect(u64* b, i32 bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes)
               : "memory");
}
// mbarrier_wait waits until a phase of that parity has ended: the first is even. Before it, an odd one has.
DEV void mbarrier_wait(u64* b, u32 parity) {
  u32 ended;
  do {
    asm volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
                 : "=r"(ended) : "r"(shared_address(b)), "r"(parity) : "memory");
  } while (!ended);
}

// bulk_load begins to copy the box whose first element is (row, col), in rows of 128 bytes, to shared memory,
// at a multiple of 1024 bytes. What lies beyond the matrix is 0. All bytes of the box then come to b.
DEV void bulk_load(void* to, const TensorMap* m, i32 row, i32 col, u64* b) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%2, %3}], [%4];" ::"r"(shared_address(to)), "l"(m), "r"(col), "r"(row),
               "r"(shared_address(b)) : "memory");
}

DEV void proxy_fence() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// registers_less and registers_more give registers of the threads to other warpgroups, and take them. Of a
// warpgroup.
template <i32 N> DEV void registers_less() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N)); }
template <i32 N> DEV void registers_more() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N)); }

// pin keeps d in registers here, so that nothing that is computed with it moves over this place.
template <i32 N> DEV void pin(float (&d)[N]) {
  UNROLL for (i32 i = 0; i < N; i++) asm volatile("" : "+f"(d[i])::"memory");
}

// wgmma_fence comes before the first product of a group. wgmma_commit closes a group. wgmma_wait<N> waits
// until only the N newest groups are under way; only then may their d be read. Of a warpgroup.
template <i32 C> DEV void wgmma_fence(float (&d)[C]) {
  pin(d);
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
DEV void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <i32 N, i32 C> DEV void wgmma_wait(float (&d)[C]) {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
  pin(d);
}

// wgmma begins to add a*bᵀ to d, or if add is false to set it: a is 64×16, b N×16, of bf16, where
// descriptors say; d is 64×N. A_ALONG tells that the lines of a run along its 64 rows and not along its 16
// columns, B_ALONG the same of b. Thread 32w+l of the group holds, as d[i], row 16w + l/4 + 8(i/2%2) and
// column 8(i/4) + 2(l%4) + i%2. Of a warpgroup.
#define WGMMA(N, D, A, B, ADD, A_TRANSPOSED, B_TRANSPOSED, ...)                                                  \
  template <bool A_ALONG, bool B_ALONG> DEV void wgmma(float (&d)[N / 2], u64 a, u64 b, bool add) {              \
    asm volatile("{.reg .pred p; setp.ne.b32 p, " ADD ", 0; wgmma.mma_async.sync.aligned.m64n" #N                \
                 "k16.f32.bf16.bf16 {" D "}, " A ", " B ", p, 1, 1, " A_TRANSPOSED ", " B_TRANSPOSED ";}"        \
                 : __VA_ARGS__ : "l"(a), "l"(b), "r"((i32)add), "n"((i32)A_ALONG), "n"((i32)B_ALONG) : "memory"); \
  }
#define NAMES4(t) "%" t "0,%" t "1,%" t "2,%" t "3"
#define NAMES8(t) NAMES4(t) ",%" t "4,%" t "5,%" t "6,%" t "7"
#define NAMES10(t) NAMES8(t) ",%" t "8,%" t "9"
#define NAMES60 \
  NAMES10("") "," NAMES10("1") "," NAMES10("2") "," NAMES10("3") "," NAMES10("4") "," NAMES10("5")
#define NAMES120 \
  NAMES60 "," NAMES10("6") "," NAMES10("7") "," NAMES10("8") "," NAMES10("9") "," NAMES10("10") "," NAMES10("11")
#define HELD4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define HELD16(i) HELD4(i), HELD4(i + 4), HELD4(i + 8), HELD4(i + 12)
#define HELD64(i) HELD16(i), HELD16(i + 16), HELD16(i + 32), HELD16(i + 48)
WGMMA(128, NAMES60 "," NAMES4("6"), "%64", "%65", "%66", "%67", "%68", HELD64(0))
WGMMA(256, NAMES120 "," NAMES8("12"), "%128", "%129", "%130", "%131", "%132", HELD64(0), HELD64(64))

#else
#include "emu_hopper.h"
#endif

// A patch is an operand of products in shared memory, in lines of 64 elements whose eight pieces of 16 bytes
// are permuted as bulk copies with a swizzle of 128 bytes leave them: piece p of line l lies at p ^ l%8.
//
//   - Lines along k: line r holds 64 steps of k of row r.
//   - Lines along rows: each 64 rows are a box of 64 lines, line k of which holds them at step k.
const i32 kLine = 128;           // bytes
const i32 kBox = 64 * kLine;     // bytes
const i32 kAtom = 8 * kLine;     // bytes, after which the permutation repeats

// operand_of returns the descriptor of 16 steps of k, from 16*step on, of the rows of a patch from row on, a
// multiple of 64.
template <bool ALONG_ROWS> DEV u64 operand_of(const u8* patch, i32 row, i32 step) {
  const u64 at = shared_address(patch) + row * kLine + step * (ALONG_ROWS ? 2 * kAtom : 32);
  const u64 swizzle = 1;  // of 128 bytes
  return at >> 4 | (u64)(ALONG_ROWS ? kBox >> 4 : 1) << 16 | (u64)(kAtom >> 4) << 32 | swizzle << 62;
}
