#include "mma.h"

// y[i][o] (+)= Σₖ x[i][k]*w[o][k] + bias[o]; the few rows of a decode step are the columns of a tile
typedef Shape<128, 128, 64, 32, 4> Large;
typedef Shape<64, 64, 32, 32, 3> Small;
typedef Shape<32, 16, 16, 16, 6> Few;
KERNEL(matmul_large, ProductArgs, Large::kThreads, 2) { SMEM(shared); product<kForward, Large, true>(a, shared); }
KERNEL(matmul_small, ProductArgs, Small::kThreads, 4) { SMEM(shared); product<kForward, Small, true>(a, shared); }
KERNEL(matmul_ragged, ProductArgs, Small::kThreads, 4) { SMEM(shared); product<kForward, Small, false>(a, shared); }
KERNEL(matmul_few, ProductArgs, Few::kThreads, 8) { SMEM(shared); product<kForward, Few, true>(a, shared); }
