// Products in f32, of operands of any type: the same sums as by tensor cores, but element by element, in
// chains of fused multiply-adds. A block of 256 threads computes 64 × 64 elements, a thread 4 × 4.
#include "int8.h"
#include "product.h"

const i32 kSide = 64, kFmaStep = 16, kFmaThreads = 256;
const i32 kPitch = kSide + 4;  // floats

// load_side fills side, [kFmaStep, kPitch], with a patch from (row, col) on; 128 threads have eight numbers
// each. If BY_ROW a row of the patch is one of 64 of the tile, else a step of k.
template <bool BY_ROW> DEV void load_side(float* side, const Mat& m, i32 i, i32 row, i32 rows, i32 col, i32 cols) {
  const i32 r = BY_ROW ? i / 2 : i / 8, c = BY_ROW ? i % 2 * 8 : i % 8 * 8;
  float v[8] = {};
  if (row + r < rows) load8_weights(v, m, row + r, col + c, cols - col - c);
  UNROLL for (i32 e = 0; e < 8; e++) side[BY_ROW ? (c + e) * kPitch + r : r * kPitch + c + e] = v[e];
}

template <Form F> DEV void product(const ProductArgs& a, u8* shared) {
  float *sa = (float*)shared, *sb = sa + kFmaStep * kPitch;
  const i32 i = thread_id() % 128, row = thread_id() / 16 * 4, col = thread_id() % 16 * 4;
  const i32 run = F == kGradW ? 0x7fffffff : kProductRun;
  for (i32 n = block_id(); n < a.down * a.across; n += a.blocks) {
    const Tile t = tile_of<F, kSide, kSide>(a, n);
    float acc[4][4], total[4][4] = {};
    UNROLL for (i32 r = 0; r < 4; r++)
      UNROLL for (i32 c = 0; c < 4; c++) acc[r][c] = start<F>(a, t, t.row + row + r, t.col + col + c);
    for (i32 k = 0; k < t.k; k += kFmaStep) {
      sync_block();
      if (thread_id() < 128) {
        if (F == kGradW) {
          load_side<false>(sa, a.a, i, t.a_row + k, t.a_rows, t.a_col, t.a_cols);
        } else {
          load_side<true>(sa, a.a, i, t.a_row, t.a_rows, t.a_col + k, t.a_cols);
        }
      } else {
        if (F == kForward) {
          load_side<true>(sb, a.b, i, t.b_row, t.b_rows, t.b_col + k, t.b_cols);
        } else {
          load_side<false>(sb, a.b, i, t.b_row + k, t.b_rows, t.b_col, t.b_cols);
        }
      }
      sync_block();
      if (k && k % run == 0) {
        UNROLL for (i32 r = 0; r < 4; r++)
          UNROLL for (i32 c = 0; c < 4; c++) {
            total[r][c] = k == run ? acc[r][c] : total[r][c] + acc[r][c];
            acc[r][c] = 0;
          }
      }
      UNROLL for (i32 kk = 0; kk < kFmaStep; kk++) {
        const float4 va = *(const float4*)(sa + kk * kPitch + row), vb = *(const float4*)(sb + kk * kPitch + col);
        const float x[4] = {va.x, va.y, va.z, va.w}, w[4] = {vb.x, vb.y, vb.z, vb.w};
        UNROLL for (i32 r = 0; r < 4; r++)
          UNROLL for (i32 c = 0; c < 4; c++) acc[r][c] = fma32(x[r], w[c], acc[r][c]);
      }
    }
    UNROLL for (i32 r = 0; r < 4; r++)
      UNROLL for (i32 c = 0; c < 4; c++) {
        const float v = t.k > run ? total[r][c] + acc[r][c] : acc[r][c];
        finish(a, t, t.row + row + r, t.col + col + c, v);
      }
  }
}
KERNEL(fma_forward, ProductArgs, kFmaThreads, 3) { SMEM(shared); product<kForward>(a, shared); }
KERNEL(fma_grad_x, ProductArgs, kFmaThreads, 3) { SMEM(shared); product<kGradX>(a, shared); }
KERNEL(fma_grad_w, ProductArgs, kFmaThreads, 3) { SMEM(shared); product<kGradW>(a, shared); }
