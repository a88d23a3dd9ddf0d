#include "wgmma.h"

typedef Ring<256, 4> Wide;
typedef Ring<128, 6> Narrow;

#define PRODUCT(name, F, R) \
  KERNEL(name, WgmmaArgs, kWgmmaThreads, 1) { SMEM(shared); wgmma_product<F>(a, R{shared}); }

// y[i][o] (+)= Σₖ x[i][k]*w[o][k] + bias[o]
PRODUCT(wgmma_forward_wide, kForward, Wide)
PRODUCT(wgmma_forward_narrow, kForward, Narrow)

// dx[i][k] (+)= Σₒ dy[i][o]*w[o][k]
PRODUCT(wgmma_grad_x_wide, kGradX, Wide)
PRODUCT(wgmma_grad_x_narrow, kGradX, Narrow)

// dw[o][k] += Σᵢ dy[i][o]*x[i][k]
PRODUCT(wgmma_grad_w_wide, kGradW, Wide)
PRODUCT(wgmma_grad_w_narrow, kGradW, Narrow)
