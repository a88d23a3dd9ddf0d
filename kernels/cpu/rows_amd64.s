//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "lanes_amd64.h"

// Sums and elementwise operations on rows, AVX-512. Products and sums are rounded apart, as in the
// Generic functions, so that both give the same bits.

// func addAVX512(z, x, y []float32)
TEXT ·addAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI                     // z
	MOVQ z_len+8(FP), CX                      // elements left
	MOVQ x_base+24(FP), SI                    // x
	MOVQ y_base+48(FP), DX                    // y
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // y
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func mulAVX512(z, x, y []float32)
TEXT ·mulAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI                     // z
	MOVQ z_len+8(FP), CX                      // elements left
	MOVQ x_base+24(FP), SI                    // x
	MOVQ y_base+48(FP), DX                    // y
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // y
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func scaleAVX512(x []float32, a float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), DI                     // x
	MOVQ x_len+8(FP), CX                      // elements left
	VBROADCASTSS a+24(FP), Z31                // a in all lanes
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (DI)(R13*1), K1, Z0
	VMULPS Z31, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func divideAVX512(x []float32, a float32)
TEXT ·divideAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), DI                     // x
	MOVQ x_len+8(FP), CX                      // elements left
	VBROADCASTSS a+24(FP), Z31                // a in all lanes
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (DI)(R13*1), K1, Z0
	VDIVPS Z31, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func scaleMulAVX512(y, x, w []float32, a float32)
TEXT ·scaleMulAVX512(SB), NOSPLIT, $0-76
	MOVQ y_base+0(FP), DI                     // y
	MOVQ y_len+8(FP), CX                      // elements left
	MOVQ x_base+24(FP), SI                    // x
	MOVQ w_base+48(FP), DX                    // w
	VBROADCASTSS a+72(FP), Z31                // a in all lanes
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMULPS Z31, Z0, Z0                        // x*a
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // w
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func mulAddAVX512(z, x, y []float32, a float32)
TEXT ·mulAddAVX512(SB), NOSPLIT, $0-76
	MOVQ z_base+0(FP), DI                     // z
	MOVQ z_len+8(FP), CX                      // elements left
	MOVQ x_base+24(FP), SI                    // x
	MOVQ y_base+48(FP), DX                    // y
	VBROADCASTSS a+72(FP), Z31                // a in all lanes
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // y
	VMULPS Z1, Z0, Z0                         // x*y
	VMULPS Z31, Z0, Z0                        // x*y*a
	VMOVUPS.Z (DI)(R13*1), K1, Z2             // z
	VADDPS Z0, Z2, Z2
	VMOVUPS Z2, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func normGradAVX512(dx, g, x []float32, a, c float32)
TEXT ·normGradAVX512(SB), NOSPLIT, $0-80
	MOVQ dx_base+0(FP), DI                    // dx
	MOVQ dx_len+8(FP), CX                     // elements left
	MOVQ g_base+24(FP), SI                    // g
	MOVQ x_base+48(FP), DX                    // x
	VBROADCASTSS a+72(FP), Z31                // a in all lanes
	VBROADCASTSS c+76(FP), Z30                // c in all lanes
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // g
	VMULPS Z31, Z0, Z0                        // a*g
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // x
	VMULPS Z30, Z1, Z1                        // x*c
	VSUBPS Z1, Z0, Z0                         // a*g - x*c
	VMOVUPS.Z (DI)(R13*1), K1, Z2             // dx
	VADDPS Z0, Z2, Z2
	VMOVUPS Z2, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func rotateAVX512(y, x, cs []float32, sign float32)
// The sine is multiplied by sign: 1, or -1 to rotate back.
TEXT ·rotateAVX512(SB), NOSPLIT, $0-76
	MOVQ y_base+0(FP), DI                     // y
	MOVQ y_len+8(FP), CX                      // elements left
	MOVQ x_base+24(FP), SI                    // x
	MOVQ cs_base+48(FP), DX                   // cs
	VBROADCASTSS sign+72(FP), Z31             // sign in all lanes
	SHRQ $1, CX                               // pairs
	LEAQ (SI)(CX*4), R9                       // second half of x
	LEAQ (DI)(CX*4), R10                      // second half of y
	LEAQ (DX)(CX*4), R11                      // sines
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // p
	VMOVUPS.Z (R9)(R13*1), K1, Z1             // q
	VMOVUPS.Z (DX)(R13*1), K1, Z2             // cos
	VMOVUPS.Z (R11)(R13*1), K1, Z3            // sin
	VMULPS Z31, Z3, Z3
	VMULPS Z2, Z0, Z4                         // p*cos
	VMULPS Z3, Z1, Z5                         // q*sin
	VSUBPS Z5, Z4, Z4
	VMULPS Z2, Z1, Z5                         // q*cos
	VMULPS Z3, Z0, Z6                         // p*sin
	VADDPS Z6, Z5, Z5
	VMOVUPS Z4, K1, (DI)(R13*1)               // store
	VMOVUPS Z5, K1, (R10)(R13*1)              // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func dotAVX512(x, y []float32) float32
TEXT ·dotAVX512(SB), NOSPLIT, $0-52
	MOVQ x_base+0(FP), SI                     // x
	MOVQ x_len+8(FP), CX                      // elements left
	MOVQ y_base+24(FP), DX                    // y
	VPXORD Z0, Z0, Z0                         // 16 sums
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z1             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z2             // y
	VMULPS Z1, Z2, Z1
	VADDPS Z1, Z0, K1, Z0
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	TREE                                      // sum of the lanes
	VMOVSS X0, ret+48(FP)                     // result
	VZEROUPPER                                // for SSE code that follows
	RET

// func sumSquaresAVX512(x []float32) float64
TEXT ·sumSquaresAVX512(SB), NOSPLIT, $0-32
	MOVQ x_base+0(FP), SI                     // x
	MOVQ x_len+8(FP), CX                      // elements left
	VPXORD Z0, Z0, Z0                         // sums 0-7
	VPXORD Z1, Z1, Z1                         // sums 8-15
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z2             // x
	VEXTRACTF64X4 $1, Z2, Y3
	VCVTPS2PD Y2, Z2                          // elements 0-7 in f64
	VCVTPS2PD Y3, Z3                          // 8-15
	VFMADD231PD Z2, Z2, Z0                    // the product is exact
	VFMADD231PD Z3, Z3, Z1
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VADDPD Z1, Z0, Z0                         // lanes 8 apart
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPD Y1, Y0, Y0                         // 4 apart
	VEXTRACTF128 $1, Y0, X1
	VADDPD X1, X0, X0                         // 2 apart
	VPERMILPD $1, X0, X1
	VADDSD X1, X0, X0
	VMOVSD X0, ret+24(FP)
	VZEROUPPER                                // for SSE code that follows
	RET

// func maxAVX512(x []float32) float32
TEXT ·maxAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), SI                     // x
	MOVQ x_len+8(FP), CX                      // elements left
	MOVL $0xff800000, R8                      // -Inf
	VPBROADCASTD R8, Z0
	KXORW K3, K3, K3                          // lanes with a NaN
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  tree

loop:
	LANES                                     // lanes of this round
	VPBROADCASTD R8, Z1
	VMOVUPS (SI)(R13*1), K1, Z1               // x, -Inf where there is none
	VCMPPS $3, Z1, Z1, K2                     // NaN?
	KORW K2, K3, K3
	VMAXPS Z1, Z0, Z0
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

tree:
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0x0E, X0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0x01, X0, X1
	VMAXSS X1, X0, X0
	KORTESTW K3, K3
	JEQ done
	MOVL $0x7fc00000, R8                      // NaN
	VMOVD R8, X0

done:
	VMOVSS X0, ret+24(FP)                     // result
	VZEROUPPER                                // for SSE code that follows
	RET

// func adamwAVX512(p, m, v, g []float32, s *adamStep)
TEXT ·adamwAVX512(SB), NOSPLIT, $0-104
	MOVQ p_base+0(FP), DI                     // p
	MOVQ p_len+8(FP), CX                      // elements left
	MOVQ m_base+24(FP), SI                    // m
	MOVQ v_base+48(FP), DX                    // v
	MOVQ g_base+72(FP), BX                    // g
	MOVQ s+96(FP), R8                         // s
	VBROADCASTSS adamStep_beta1(R8), Z16      // beta1
	VBROADCASTSS adamStep_beta2(R8), Z17      // beta2
	VBROADCASTSS adamStep_one1(R8), Z18       // one1
	VBROADCASTSS adamStep_one2(R8), Z19       // one2
	VBROADCASTSS adamStep_grad(R8), Z20       // grad
	VBROADCASTSS adamStep_rate(R8), Z21       // rate
	VBROADCASTSS adamStep_root(R8), Z22       // root
	VBROADCASTSS adamStep_eps(R8), Z23        // eps
	VBROADCASTSS adamStep_decay(R8), Z24      // decay
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (BX)(R13*1), K1, Z0             // g
	VMULPS Z20, Z0, Z0                        // d = g*scale
	VMOVUPS.Z (SI)(R13*1), K1, Z1             // m
	VMULPS Z16, Z1, Z1                        // beta1*m
	VMULPS Z18, Z0, Z2
	VADDPS Z2, Z1, Z1                         // + (1-beta1)*d
	VMOVUPS.Z (DX)(R13*1), K1, Z2             // v
	VMULPS Z17, Z2, Z2                        // beta2*v
	VMULPS Z19, Z0, Z3
	VMULPS Z0, Z3, Z3
	VADDPS Z3, Z2, Z2                         // + (1-beta2)*d*d
	VMOVUPS Z1, K1, (SI)(R13*1)               // store
	VMOVUPS Z2, K1, (DX)(R13*1)               // store
	VSQRTPS Z2, Z2
	VMULPS Z22, Z2, Z2
	VADDPS Z23, Z2, Z2                        // sqrt(v)*root + eps
	VMULPS Z21, Z1, Z1                        // rate*m
	VDIVPS Z2, Z1, Z1
	VMOVUPS.Z (DI)(R13*1), K1, Z3             // p
	VMULPS Z24, Z3, Z4                        // decay*p
	VADDPS Z4, Z1, Z1
	VSUBPS Z1, Z3, Z3
	VMOVUPS Z3, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET
