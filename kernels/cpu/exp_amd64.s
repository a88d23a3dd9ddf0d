//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "lanes_amd64.h"

// Exponentials and what is made of them, AVX-512: expf of exp_generic.go step by step.

// EXP is Z0 = exp(Z0) as expf does it. It uses Z1, Z2 and the constants of EXPCONST.
#define EXP \
	VMAXPS Z0, Z17, Z0;          \
	VMINPS Z0, Z18, Z0;          \
	VMULPS Z16, Z0, Z1;          \
	VRNDSCALEPS $8, Z1, Z1;      \
	VFNMADD231PS Z19, Z1, Z0;    \
	VFNMADD231PS Z20, Z1, Z0;    \
	VMOVAPS Z21, Z2;             \
	VFMADD213PS Z22, Z0, Z2;     \
	VFMADD213PS Z23, Z0, Z2;     \
	VFMADD213PS Z24, Z0, Z2;     \
	VFMADD213PS Z25, Z0, Z2;     \
	VFMADD213PS Z26, Z0, Z2;     \
	VFMADD213PS Z27, Z0, Z2;     \
	VFMADD213PS Z27, Z0, Z2;     \
	VSCALEFPS Z1, Z2, Z0

// EXPCONST loads what EXP needs into Z16…Z27.
#define EXPCONST \
	VBROADCASTSS expTable<>+0(SB), Z16;  \
	VBROADCASTSS expTable<>+4(SB), Z17;  \
	VBROADCASTSS expTable<>+8(SB), Z18;  \
	VBROADCASTSS expTable<>+12(SB), Z19; \
	VBROADCASTSS expTable<>+16(SB), Z20; \
	VBROADCASTSS expTable<>+20(SB), Z21; \
	VBROADCASTSS expTable<>+24(SB), Z22; \
	VBROADCASTSS expTable<>+28(SB), Z23; \
	VBROADCASTSS expTable<>+32(SB), Z24; \
	VBROADCASTSS expTable<>+36(SB), Z25; \
	VBROADCASTSS expTable<>+40(SB), Z26; \
	VBROADCASTSS expTable<>+44(SB), Z27

DATA expTable<>+0(SB)/4, $0x3fb8aa3b        // log2(e)
DATA expTable<>+4(SB)/4, $0xc2d00000        // expMin
DATA expTable<>+8(SB)/4, $0x42b20000        // expMax
DATA expTable<>+12(SB)/4, $0x3f317200       // ln2High
DATA expTable<>+16(SB)/4, $0x35bfbe8e       // ln2Low
DATA expTable<>+20(SB)/4, $0x39500d01       // 1/7!
DATA expTable<>+24(SB)/4, $0x3ab60b61       // 1/6!
DATA expTable<>+28(SB)/4, $0x3c088889       // 1/5!
DATA expTable<>+32(SB)/4, $0x3d2aaaab       // 1/4!
DATA expTable<>+36(SB)/4, $0x3e2aaaab       // 1/3!
DATA expTable<>+40(SB)/4, $0x3f000000       // 1/2!
DATA expTable<>+44(SB)/4, $0x3f800000       // 1
GLOBL expTable<>(SB), RODATA|NOPTR, $48

// func swigluAVX512(y, g, u []float32)
TEXT ·swigluAVX512(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI                     // y
	MOVQ y_len+8(FP), CX                      // elements left
	MOVQ g_base+24(FP), SI                    // g
	MOVQ u_base+48(FP), DX                    // u
	EXPCONST                                  // constants of EXP
	MOVL $0x80000000, R8
	VPBROADCASTD R8, Z31                      // the sign bit
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z3             // g
	VPXORD Z31, Z3, Z0                        // -g
	EXP                                       // exp
	VADDPS Z27, Z0, Z0                        // 1 + exp(-g)
	VDIVPS Z0, Z3, Z3                         // g/(1+exp(-g))
	VMOVUPS.Z (DX)(R13*1), K1, Z4             // u
	VMULPS Z4, Z3, Z3
	VMOVUPS Z3, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func swigluGradAVX512(dg, du, dy, g, u []float32)
TEXT ·swigluGradAVX512(SB), NOSPLIT, $0-120
	MOVQ dg_base+0(FP), DI                    // dg
	MOVQ dg_len+8(FP), CX                     // elements left
	MOVQ du_base+24(FP), BX                   // du
	MOVQ dy_base+48(FP), R9                   // dy
	MOVQ g_base+72(FP), SI                    // g
	MOVQ u_base+96(FP), DX                    // u
	EXPCONST                                  // constants of EXP
	MOVL $0x80000000, R8
	VPBROADCASTD R8, Z31                      // the sign bit
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z3             // g
	VPXORD Z31, Z3, Z0                        // -g
	EXP                                       // exp
	VADDPS Z27, Z0, Z0                        // 1 + exp(-g)
	VDIVPS Z0, Z27, Z0                        // s
	VMOVUPS.Z (R9)(R13*1), K1, Z4             // dy
	VMULPS Z0, Z4, Z4                         // dy*s
	VMOVUPS.Z (DX)(R13*1), K1, Z6             // u
	VSUBPS Z0, Z27, Z0                        // 1-s
	VMULPS Z0, Z3, Z0                         // g*(1-s)
	VADDPS Z0, Z27, Z0                        // 1 + g*(1-s)
	VMULPS Z3, Z4, Z5                         // du = dy*s*g
	VMULPS Z6, Z4, Z4                         // dy*s*u
	VMULPS Z0, Z4, Z4                         // dg
	VMOVUPS Z5, K1, (BX)(R13*1)               // store
	VMOVUPS Z4, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func expSumAVX512(p, z []float32, top float32) float32
TEXT ·expSumAVX512(SB), NOSPLIT, $0-60
	MOVQ p_base+0(FP), DI                     // p
	MOVQ p_len+8(FP), CX                      // elements left
	MOVQ z_base+24(FP), SI                    // z
	VBROADCASTSS top+48(FP), Z31              // top in all lanes
	EXPCONST                                  // constants of EXP
	VPXORD Z3, Z3, Z3                         // 16 sums
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // z
	VSUBPS Z31, Z0, Z0                        // z - top
	EXP                                       // exp
	VMOVUPS Z0, K1, (DI)(R13*1)               // p
	VADDPS Z0, Z3, K1, Z3
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VMOVAPS Z3, Z0
	TREE                                      // sum of the lanes
	VMOVSS X0, ret+56(FP)                     // result
	VZEROUPPER                                // for SSE code that follows
	RET

// func expMomentsAVX512(z []float32, top float32) (sum, moment float32)
TEXT ·expMomentsAVX512(SB), NOSPLIT, $0-40
	MOVQ z_base+0(FP), SI                     // z
	MOVQ z_len+8(FP), CX                      // elements left
	VBROADCASTSS top+24(FP), Z31              // top in all lanes
	EXPCONST                                  // constants of EXP
	VPXORD Z3, Z3, Z3                         // 16 sums
	VPXORD Z4, Z4, Z4                         // 16 moments
	VPXORD Z6, Z6, Z6
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z5             // z
	VSUBPS Z31, Z5, Z5                        // d = z - top
	VMOVAPS Z5, Z0
	EXP                                       // exp
	VADDPS Z0, Z3, K1, Z3
	VCMPPS $4, Z6, Z0, K1, K2                 // where exp(d) is not 0
	VMULPS Z5, Z0, Z0                         // exp(d)*d
	VADDPS Z0, Z4, K2, Z4
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VMOVAPS Z3, Z0
	TREE                                      // sum of the lanes
	VMOVSS X0, sum+32(FP)                     // result
	VMOVAPS Z4, Z0
	TREE                                      // sum of the lanes
	VMOVSS X0, moment+36(FP)                  // result
	VZEROUPPER                                // for SSE code that follows
	RET

// func logitGradAVX512(z []float32, lse, inv, c, h, entropy float32)
TEXT ·logitGradAVX512(SB), NOSPLIT, $0-44
	MOVQ z_base+0(FP), SI                     // z
	MOVQ z_len+8(FP), CX                      // elements left
	VBROADCASTSS lse+24(FP), Z31              // lse in all lanes
	VBROADCASTSS inv+28(FP), Z30              // inv in all lanes
	VPXORD Z6, Z6, Z6
	VBROADCASTSS c+32(FP), Z29                // c in all lanes
	VSUBPS Z29, Z6, Z29                       // -c
	VBROADCASTSS h+36(FP), Z28                // h in all lanes
	VBROADCASTSS entropy+40(FP), Z15          // entropy in all lanes
	EXPCONST                                  // constants of EXP
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z5             // z
	VSUBPS Z31, Z5, Z5                        // log p
	VMOVAPS Z5, Z0
	EXP                                       // p
	VCMPPS $4, Z6, Z0, K1, K2                 // where p is not 0
	VADDPS Z15, Z5, Z5                        // log p + entropy
	VMULPS Z28, Z5, Z5
	VMOVAPS Z29, Z4                           // -c
	VSUBPS Z5, Z29, K2, Z4                    // -c - h*(log p + entropy)
	VMULPS Z4, Z0, Z0
	VMULPS Z30, Z0, Z0
	VMOVUPS Z0, K1, (SI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func scoreGradAVX512(z, dp []float32, lse, delta, scale float32)
TEXT ·scoreGradAVX512(SB), NOSPLIT, $0-60
	MOVQ z_base+0(FP), SI                     // z
	MOVQ z_len+8(FP), CX                      // elements left
	MOVQ dp_base+24(FP), DX                   // dp
	VBROADCASTSS lse+48(FP), Z31              // lse in all lanes
	VBROADCASTSS delta+52(FP), Z30            // delta in all lanes
	VBROADCASTSS scale+56(FP), Z29            // scale in all lanes
	EXPCONST                                  // constants of EXP
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // z
	VMULPS Z29, Z0, Z0                        // z*scale
	VSUBPS Z31, Z0, Z0                        // - lse
	EXP                                       // p
	VMOVUPS Z0, K1, (SI)(R13*1)               // store
	VMOVUPS.Z (DX)(R13*1), K1, Z5             // dp
	VSUBPS Z30, Z5, Z5                        // dp - delta
	VMULPS Z5, Z0, Z0
	VMULPS Z29, Z0, Z0                        // ds
	VMOVUPS Z0, K1, (DX)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func softmaxAVX512(z, o, state []float32, seen int, scale float32)
TEXT ·softmaxAVX512(SB), NOSPLIT, $0-84
	MOVQ z_base+0(FP), SI                     // z
	MOVQ state_base+48(FP), DX                // state
	MOVQ seen+72(FP), CX                      // seen
	MOVQ $-1, AX
	BZHIQ CX, AX, AX                          // a bit for each key that is seen
	VBROADCASTSS scale+80(FP), Z31            // scale in all lanes
	EXPCONST                                  // constants of EXP
	MOVL $0xff800000, R8                      // -Inf
	KMOVW AX, K1                              // keys 0-15
	SHRQ $16, AX
	VPBROADCASTD R8, Z4
	VMOVUPS.Z (SI), K1, Z0                    // s
	VMULPS Z31, Z0, K1, Z4                    // z, -Inf where the key is not seen
	KMOVW AX, K2                              // keys 16-31
	SHRQ $16, AX
	VPBROADCASTD R8, Z5
	VMOVUPS.Z 64(SI), K2, Z0                  // s
	VMULPS Z31, Z0, K2, Z5                    // z, -Inf where the key is not seen
	KMOVW AX, K3                              // keys 32-47
	SHRQ $16, AX
	VPBROADCASTD R8, Z6
	VMOVUPS.Z 128(SI), K3, Z0                 // s
	VMULPS Z31, Z0, K3, Z6                    // z, -Inf where the key is not seen
	KMOVW AX, K4                              // keys 48-63
	VPBROADCASTD R8, Z7
	VMOVUPS.Z 192(SI), K4, Z0                 // s
	VMULPS Z31, Z0, K4, Z7                    // z, -Inf where the key is not seen
	VMAXPS Z4, Z5, Z0
	VMAXPS Z6, Z7, Z1
	VMAXPS Z0, Z1, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VMAXPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0x0E, X0, X1
	VMAXPS X1, X0, X0
	VPERMILPS $0x01, X0, X1
	VMAXSS X1, X0, X0                         // maximum of the block
	VMOVSS (DX), X8                           // running maximum
	VMAXSS X8, X0, X9                         // the new one
	VBROADCASTSS X9, Z30
	VSUBPS Z30, Z4, Z0                        // z - maximum
	EXP                                       // exp
	VMOVAPS.Z Z0, K1, Z4                      // p, 0 where not seen
	VMOVUPS Z4, (SI)                          // store
	VSUBPS Z30, Z5, Z0                        // z - maximum
	EXP                                       // exp
	VMOVAPS.Z Z0, K2, Z5                      // p, 0 where not seen
	VMOVUPS Z5, 64(SI)
	VSUBPS Z30, Z6, Z0                        // z - maximum
	EXP                                       // exp
	VMOVAPS.Z Z0, K3, Z6                      // p, 0 where not seen
	VMOVUPS Z6, 128(SI)
	VSUBPS Z30, Z7, Z0                        // z - maximum
	EXP                                       // exp
	VMOVAPS.Z Z0, K4, Z7                      // p, 0 where not seen
	VMOVUPS Z7, 192(SI)
	VADDPS Z4, Z5, Z0                         // 16 sums, keys in order
	VADDPS Z0, Z6, Z0
	VADDPS Z0, Z7, Z0
	TREE                                      // sum of the lanes
	VMOVAPS Z0, Z3                            // sum of the block
	VUCOMISS X8, X9                           // has the maximum risen?
	JNE  rescale
	JPS  rescale
	VADDSS 4(DX), X3, X3                      // running sum
	VMOVSS X3, 4(DX)
	VZEROUPPER                                // for SSE code that follows
	RET

rescale:
	VSUBSS X9, X8, X0                         // old - new
	EXP                                       // factor
	VMULSS 4(DX), X0, X1
	VADDSS X3, X1, X3
	VMOVSS X3, 4(DX)                          // running sum
	VMOVSS X9, (DX)                           // running maximum
	VBROADCASTSS X0, Z31
	MOVQ o_base+24(FP), DI                    // o
	MOVQ o_len+32(FP), CX                     // elements left
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (DI)(R13*1), K1, Z0             // o
	VMULPS Z31, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET
