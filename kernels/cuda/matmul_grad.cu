#include "mma.h"

typedef Shape<128, 128, 64, 32, 4> Large;
typedef Shape<64, 64, 32, 32, 3> Small;

// dx[i][k] (+)= Σₒ dy[i][o]*w[o][k]
KERNEL(matmul_grad_x_large, ProductArgs, Large::kThreads, 2) { SMEM(shared); product<kGradX, Large, true>(a, shared); }
KERNEL(matmul_grad_x_small, ProductArgs, Small::kThreads, 4) { SMEM(shared); product<kGradX, Small, true>(a, shared); }
KERNEL(matmul_grad_x_ragged, ProductArgs, Small::kThreads, 4) {
  SMEM(shared);
  product<kGradX, Small, false>(a, shared);
}

// dw[o][k] += Σᵢ dy[i][o]*x[i][k]
KERNEL(matmul_grad_w_large, ProductArgs, Large::kThreads, 1) { SMEM(shared); product<kGradW, Large, true>(a, shared); }
KERNEL(matmul_grad_w_small, ProductArgs, Small::kThreads, 4) { SMEM(shared); product<kGradW, Small, true>(a, shared); }
KERNEL(matmul_grad_w_ragged, ProductArgs, Small::kThreads, 4) {
  SMEM(shared);
  product<kGradW, Small, false>(a, shared);
}
