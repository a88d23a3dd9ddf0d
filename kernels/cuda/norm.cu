#include "rows.h"

// rstd returns 1/sqrt(mean+eps) of a sum of n squares.
DEV float rstd(float squares, i32 n, float eps) { return div32(1, sqrt32(div32(squares, (float)n) + eps)); }

struct NormArgs {
  Mat y, x, w;
  float eps;
  i32 pad;
};

// y[i] = x[i] * w / sqrt(mean(x[i]²) + eps)
template <i32 WARPS> DEV void rms_norm(const NormArgs& a, u8* shared) {
  const Row<WARPS> r = row_of_thread<WARPS>();
  if (WARPS == 1 && r.row >= a.x.rows) return;
  float x[8], w[8], squares[1] = {0};
  for (i32 col = r.first; col < a.x.cols; col += r.step) {
    load8(x, a.x, r.row, col);
    UNROLL for (i32 e = 0; e < 8; e++) squares[0] = fma32(x[e], x[e], squares[0]);
  }
  sum_rows<WARPS>(squares, shared);
  const float scale = rstd(squares[0], a.x.cols, a.eps);
  for (i32 col = r.first; col < a.x.cols; col += r.step) {
    load8(x, a.x, r.row, col);
    load8(w, a.w, 0, col);
    UNROLL for (i32 e = 0; e < 8; e++) x[e] = x[e] * scale * w[e];
    store8(a.y, r.row, col, x);
  }
}
KERNEL(rms_norm_warp, NormArgs, kRowThreads, 4) { SMEM(shared); rms_norm<1>(a, shared); }
KERNEL(rms_norm_block, NormArgs, kRowThreads, 4) { SMEM(shared); rms_norm<8>(a, shared); }

struct NormGradArgs {
  Mat dx, dy, x, w;
  u64 scale;  // f32[rows], or 0: not wanted
  float eps;
  i32 pad;
};

// dx[i] += r*g - x[i]*r³*mean(g*x[i]) with r = 1/sqrt(mean(x[i]²)+eps) and g = dy[i]*w; scale[i] = r
template <i32 WARPS> DEV void rms_norm_grad(const NormGradArgs& a, u8* shared) {
  const Row<WARPS> r = row_of_thread<WARPS>();
  if (WARPS == 1 && r.row >= a.x.rows) return;
  float x[8], w[8], dy[8], dx[8], sums[2] = {0, 0};
  for (i32 col = r.first; col < a.x.cols; col += r.step) {
    load8(x, a.x, r.row, col);
    load8(dy, a.dy, r.row, col);
    load8(w, a.w, 0, col);
    UNROLL for (i32 e = 0; e < 8; e++) {
      sums[0] = fma32(x[e], x[e], sums[0]);
      sums[1] = fma32(dy[e] * w[e], x[e], sums[1]);
    }
  }
  sum_rows<WARPS>(sums, shared);
  const float scale = rstd(sums[0], a.x.cols, a.eps);
  const float inner = scale * scale * scale * div32(sums[1], (float)a.x.cols);
  if (a.scale && r.first == 0) ((float*)a.scale)[r.row] = scale;
  for (i32 col = r.first; col < a.x.cols; col += r.step) {
    load8(x, a.x, r.row, col);
    load8(dy, a.dy, r.row, col);
    load8(w, a.w, 0, col);
    load8(dx, a.dx, r.row, col);
    UNROLL for (i32 e = 0; e < 8; e++) dx[e] = dx[e] + fma32(-x[e], inner, scale * (dy[e] * w[e]));
    store8(a.dx, r.row, col, dx);
  }
}
KERNEL(rms_norm_grad_warp, NormGradArgs, kRowThreads, 4) { SMEM(shared); rms_norm_grad<1>(a, shared); }
KERNEL(rms_norm_grad_block, NormGradArgs, kRowThreads, 4) { SMEM(shared); rms_norm_grad<8>(a, shared); }
