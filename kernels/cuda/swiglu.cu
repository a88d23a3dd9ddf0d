#include "exp.h"
#include "rows.h"

struct SwigluArgs {
  Mat y, gate, up;
  Mat scale;  // [rows, 1], or none
};

// y = gate/(1+exp(-gate)) * up, times scale[i] if there is one
KERNEL(swiglu, SwigluArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.y.rows, a.y.cols, &row, &col)) return;
  float g[8], u[8];
  load8(g, a.gate, row, col);
  load8(u, a.up, row, col);
  const float scale = a.scale.at ? load(a.scale, row, 0) : 1;
  UNROLL for (i32 e = 0; e < 8; e++) g[e] = div32(g[e], 1 + exp32(-g[e])) * u[e] * scale;
  store8(a.y, row, col, g);
}

// gradients turns dy, gate and up into dgate = dy*up*s*(1+gate*(1-s)) and dup = dy*gate*s, with
// s = 1/(1+exp(-gate)), for eight columns.
DEV void gradients(const float (&dy)[8], float (&gate)[8], float (&up)[8]) {
  UNROLL for (i32 e = 0; e < 8; e++) {
    const float s = div32(1, 1 + exp32(-gate[e])), d = dy[e] * s;
    const float dgate = d * up[e] * (1 + gate[e] * (1 - s));
    up[e] = d * gate[e];
    gate[e] = dgate;
  }
}

struct SwigluGradArgs {
  Mat dgate, dup, dy, gate, up;
};

// dgate and dup, the gradients of gate and up
KERNEL(swiglu_grad, SwigluGradArgs, kElementwise, 4) {
  i32 row, col;
  if (!place(a.gate.rows, a.gate.cols, &row, &col)) return;
  float dy[8], g[8], u[8];
  load8(dy, a.dy, row, col);
  load8(g, a.gate, row, col);
  load8(u, a.up, row, col);
  gradients(dy, g, u);
  store8(a.dgate, row, col, g);
  store8(a.dup, row, col, u);
}

struct ScaledSwigluGradArgs {
  Mat dgate, dup, dscale, dy, gate, up, scale;
};

// The same for scale[i]*dy, and dscale[i] = Σ dy[i][j] * gate/(1+exp(-gate)) * up
template <i32 WARPS> DEV void scaled_swiglu_grad(const ScaledSwigluGradArgs& a, u8* shared) {
  const Row<WARPS> r = row_of_thread<WARPS>();
  if (WARPS == 1 && r.row >= a.gate.rows) return;
  const float scale = load(a.scale, r.row, 0);
  float sum[1] = {0};
  for (i32 col = r.first; col < a.gate.cols; col += r.step) {
    float dy[8], g[8], u[8], scaled[8];
    load8(dy, a.dy, r.row, col);
    load8(g, a.gate, r.row, col);
    load8(u, a.up, r.row, col);
    UNROLL for (i32 e = 0; e < 8; e++) {
      sum[0] = fma32(dy[e] * div32(g[e], 1 + exp32(-g[e])), u[e], sum[0]);
      scaled[e] = dy[e] * scale;
    }
    gradients(scaled, g, u);
    store8(a.dgate, r.row, col, g);
    store8(a.dup, r.row, col, u);
  }
  sum_rows<WARPS>(sum, shared);
  if (r.first == 0) store(a.dscale, r.row, 0, sum[0]);
}
KERNEL(scaled_swiglu_grad_warp, ScaledSwigluGradArgs, kRowThreads, 4) {
  SMEM(shared);
  scaled_swiglu_grad<1>(a, shared);
}
KERNEL(scaled_swiglu_grad_block, ScaledSwigluGradArgs, kRowThreads, 4) {
  SMEM(shared);
  scaled_swiglu_grad<8>(a, shared);
}
