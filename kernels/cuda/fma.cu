// Products in f32, of operands of any type: the same sums as by tensor cores, but element by element, in
// chains of fused multiply-adds. A block of 256 threads computes SIDE × SIDE elements, a thread 4 × 4 of each
// 64 × 64 of them. While it works on kFmaStep steps of k, the next are on their way to registers.
#include "int8.h"
#include "product.h"

const i32 kFmaStep = 16, kFmaThreads = 256;

template <i32 SIDE> struct Side {
  enum : i32 { kPitch = SIDE + 4, kSize = kFmaStep * kPitch };  // floats
};

// at_side calls f with a row and the first of eight columns of a patch, which the thread takes as its i-th. If
// BY_ROW a row of the patch is one of the tile, else a step of k.
template <bool BY_ROW, i32 SIDE, typename Func> DEV void at_side(i32 i, Func f) {
  const i32 across = BY_ROW ? kFmaStep / 8 : SIDE / 8;
  f(i / across, i % across * 8);
}

// load_side reads eight numbers of a patch from (row, col) on, and store_side writes them to side,
// [kFmaStep, kPitch].
template <bool BY_ROW, i32 SIDE>
DEV void load_side(float (&v)[8], const Mat& m, i32 i, i32 row, i32 rows, i32 col, i32 cols) {
  at_side<BY_ROW, SIDE>(i, [&](i32 r, i32 c) {
    const bool there = row + r < rows;
    load8_weights(v, m, there ? row + r : 0, col + c, there ? cols - col - c : 0);
  });
}
template <bool BY_ROW, i32 SIDE> DEV void store_side(float* side, const float (&v)[8], i32 i) {
  const i32 pitch = Side<SIDE>::kPitch;
  at_side<BY_ROW, SIDE>(i, [&](i32 r, i32 c) {
    UNROLL for (i32 e = 0; e < 8; e++) side[BY_ROW ? (c + e) * pitch + r : r * pitch + c + e] = v[e];
  });
}

// Patches are the pieces of eight numbers that a thread has of the next patches of a and b.
template <Form F, i32 SIDE> struct Patches {
  enum : bool { kA = F != kGradW, kB = F == kForward };  // whether their rows are rows of the tile
  float v[SIDE / 64][8];
};

// each_piece calls f with the pieces of the thread, the number of each in its patch, and whether that is a's.
template <Form F, i32 SIDE, typename Func> DEV void each_piece(Patches<F, SIDE>& p, Func f) {
  const i32 each = 2 * SIDE;  // pieces of a patch
  UNROLL for (i32 n = 0; n < SIDE / 64; n++) {
    const i32 i = thread_id() + n * kFmaThreads;
    f(p.v[n], i % each, i < each);
  }
}

template <Form F, i32 SIDE> DEV void load_patches(Patches<F, SIDE>& p, const ProductArgs& a, const Tile& t, i32 k) {
  const i32 ak = Patches<F, SIDE>::kA ? 0 : k, bk = Patches<F, SIDE>::kB ? 0 : k;  // along rows
  each_piece(p, [&](float (&v)[8], i32 i, bool is_a) {
    if (is_a) {
      load_side<Patches<F, SIDE>::kA, SIDE>(v, a.a, i, t.a_row + ak, t.a_rows, t.a_col + k - ak, t.a_cols);
    } else {
      load_side<Patches<F, SIDE>::kB, SIDE>(v, a.b, i, t.b_row + bk, t.b_rows, t.b_col + k - bk, t.b_cols);
    }
  });
}

// each_sum calls f with the sums of the thread and their places in the tile.
template <i32 PER, typename Func> DEV void each_sum(float (&acc)[PER][PER], i32 row, i32 col, Func f) {
  UNROLL for (i32 r = 0; r < PER; r++)
    UNROLL for (i32 c = 0; c < PER; c++) f(acc[r][c], row + r % 4 + r / 4 * 64, col + c % 4 + c / 4 * 64);
}

template <Form F, i32 SIDE> DEV void product(const ProductArgs& a, u8* shared) {
  const i32 PER = SIDE / 16, pitch = Side<SIDE>::kPitch;
  float *sa = (float*)shared, *sb = sa + Side<SIDE>::kSize;
  float* total = (float*)a.totals + (i64)block_id() * SIDE * SIDE + thread_id();
  const i32 row = thread_id() / 16 * 4, col = thread_id() % 16 * 4, run = F == kGradW ? 0x7fffffff : kProductRun;
  for (i32 n = block_id(); n < a.down * a.across; n += a.blocks) {
    const Tile t = tile_of<F, SIDE, SIDE>(a, n);
    float acc[PER][PER];
    each_sum(acc, row, col, [&](float& v, i32 r, i32 c) { v = start<F>(a, t, t.row + r, t.col + c); });
    Patches<F, SIDE> next;
    load_patches(next, a, t, 0);
    for (i32 first = 0; first < t.k; first += run) {
      const i32 end = min(first + run, t.k);
      SERIAL for (i32 k = first; k < end; k += kFmaStep) {
        sync_block();
        each_piece(next, [&](float (&v)[8], i32 i, bool is_a) {
          if (is_a) {
            store_side<Patches<F, SIDE>::kA, SIDE>(sa, v, i);
          } else {
            store_side<Patches<F, SIDE>::kB, SIDE>(sb, v, i);
          }
        });
        sync_block();
        if (k + kFmaStep < t.k) load_patches(next, a, t, k + kFmaStep);
        UNROLL for (i32 kk = 0; kk < kFmaStep; kk++) {
          float x[PER], w[PER];
          UNROLL for (i32 i = 0; i < PER; i += 4) {
            const float4 va = *(const float4*)(sa + kk * pitch + row + i / 4 * 64);
            const float4 vb = *(const float4*)(sb + kk * pitch + col + i / 4 * 64);
            x[i] = va.x, x[i + 1] = va.y, x[i + 2] = va.z, x[i + 3] = va.w;
            w[i] = vb.x, w[i + 1] = vb.y, w[i + 2] = vb.z, w[i + 3] = vb.w;
          }
          UNROLL for (i32 r = 0; r < PER; r++)
            UNROLL for (i32 c = 0; c < PER; c++) acc[r][c] = fma32(x[r], w[c], acc[r][c]);
        }
      }
      if (run >= t.k) break;
      i64 at = 0;
      each_sum(acc, row, col, [&](float& v, i32, i32) {
        if (first) v = total[at] + v;
        if (end < t.k) {
          total[at] = v;
          v = 0;
        }
        at += kFmaThreads;
      });
    }
    each_sum(acc, row, col, [&](float& v, i32 r, i32 c) { finish(a, t, t.row + r, t.col + c, v); });
  }
}

#define FMA(name, form)                                                                                     \
  KERNEL(fma_##name##_large, ProductArgs, kFmaThreads, 1) { SMEM(shared); product<form, 128>(a, shared); } \
  KERNEL(fma_##name##_small, ProductArgs, kFmaThreads, 2) { SMEM(shared); product<form, 64>(a, shared); }

// y = x·wᵀ, dx = dy·w and dw += dyᵀ·x, as MatMul and its gradients
FMA(forward, kForward)
FMA(grad_x, kGradX)
FMA(grad_w, kGradW)
