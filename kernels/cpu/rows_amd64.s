//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Rows, AVX-512: the Generic functions, 16 elements a round. CX counts the elements left, R13 is the
// offset of the round, K1 holds the lanes that exist in it. Products and sums are rounded apart,
// as in the Generic functions, so that both give the same bits.

// BEGIN starts a loop over CX elements.
#define BEGIN \
	MOVL $-1, AX; \
	XORL R13, R13

// LANES sets K1 to the lanes of this round: all 16, or what is left.
#define LANES \
	MOVQ $16, R15;      \
	CMPQ CX, R15;       \
	CMOVQLT CX, R15;    \
	BZHIL R15, AX, R14; \
	KMOVW R14, K1

// NEXT is the end of a round; JGT goes on while elements are left.
#define NEXT \
	ADDQ $64, R13; \
	SUBQ $16, CX

// TREE adds up the lanes of Z0 into X0: lanes 8 apart, then 4, 2 and 1. It uses Z1.
#define TREE \
	VEXTRACTF64X4 $1, Z0, Y1; \
	VADDPS Y1, Y0, Y0;        \
	VEXTRACTF128 $1, Y0, X1;  \
	VADDPS X1, X0, X0;        \
	VPERMILPS $0x0E, X0, X1;  \
	VADDPS X1, X0, X0;        \
	VPERMILPS $0x01, X0, X1;  \
	VADDSS X1, X0, X0

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

// func widenAVX512(dst []float32, src []uint16)
TEXT ·widenAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ src_base+24(FP), SI
	SUBQ $64, CX
	JLT  rest

four:
	VPMOVZXWD (SI), Z0                        // to the low half of 32 bits
	VPMOVZXWD 32(SI), Z1
	VPMOVZXWD 64(SI), Z2
	VPMOVZXWD 96(SI), Z3
	VPSLLD $16, Z0, Z0                        // to the high half: an f32
	VPSLLD $16, Z1, Z1
	VPSLLD $16, Z2, Z2
	VPSLLD $16, Z3, Z3
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	PREFETCHT0 4096(SI)
	PREFETCHT0 4160(SI)
	ADDQ $128, SI
	ADDQ $256, DI
	SUBQ $64, CX
	JGE  four

rest:
	ADDQ $64, CX
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVDQU16.Z (SI), K1, Y0                  // 16 bf16
	VPMOVZXWD Y0, Z0
	VPSLLD $16, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	ADDQ $32, SI
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func narrowAVX512(dst []uint16, src []float32)
TEXT ·narrowAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ src_base+24(FP), SI
	MOVL $1, R8
	VPBROADCASTD R8, Z31
	MOVL $0x7fff, R8
	VPBROADCASTD R8, Z30
	MOVL $0x40, R8
	VPBROADCASTD R8, Z29                      // the quiet bit
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0
	VPSRLD $16, Z0, Z1                        // the upper half
	VPANDD Z1, Z31, Z2                        // its last bit
	VPADDD Z30, Z2, Z2                        // 0x7fff + that bit
	VPADDD Z0, Z2, Z2                         // rounds to even at bit 16
	VCMPPS $3, Z0, Z0, K2                     // NaN?
	VPSRLD $16, Z2, Z2
	VPORD Z29, Z1, K2, Z2                     // a NaN keeps its upper half and is quiet
	VPMOVDW Z2, Y2                            // 16 bf16
	VMOVDQU16 Y2, K1, (DI)
	ADDQ $32, DI
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func roundAVX512(x []float32)
TEXT ·roundAVX512(SB), NOSPLIT, $0-24
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), CX
	MOVL $1, R8
	VPBROADCASTD R8, Z31
	MOVL $0x7fff, R8
	VPBROADCASTD R8, Z30
	MOVL $0x40, R8
	VPBROADCASTD R8, Z29                      // the quiet bit
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (DI)(R13*1), K1, Z0
	VPSRLD $16, Z0, Z1                        // the upper half
	VPANDD Z1, Z31, Z2                        // its last bit
	VPADDD Z30, Z2, Z2                        // 0x7fff + that bit
	VPADDD Z0, Z2, Z2                         // rounds to even at bit 16
	VCMPPS $3, Z0, Z0, K2                     // NaN?
	VPSRLD $16, Z2, Z2
	VPORD Z29, Z1, K2, Z2                     // a NaN keeps its upper half and is quiet
	VPSLLD $16, Z2, Z2                        // back to f32
	VMOVUPS Z2, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func dotAVX512(x, y []float32) float32
TEXT ·dotAVX512(SB), NOSPLIT, $0-52
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVQ y_base+24(FP), DX
	VPXORD Z0, Z0, Z0                         // 16 sums
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z1             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z2             // y
	VMULPS Z1, Z2, Z1
	VADDPS Z1, Z0, K1, Z0
	NEXT
	JGT  loop

done:
	TREE
	VMOVSS X0, ret+48(FP)
	VZEROUPPER
	RET

// func sumSquaresAVX512(x []float32) float64
TEXT ·sumSquaresAVX512(SB), NOSPLIT, $0-32
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	VPXORD Z0, Z0, Z0                         // sums 0-7
	VPXORD Z1, Z1, Z1                         // sums 8-15
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z2             // x
	VEXTRACTF64X4 $1, Z2, Y3
	VCVTPS2PD Y2, Z2                          // elements 0-7 in f64
	VCVTPS2PD Y3, Z3                          // 8-15
	VFMADD231PD Z2, Z2, Z0                    // the product is exact
	VFMADD231PD Z3, Z3, Z1
	NEXT
	JGT  loop

done:
	VADDPD Z1, Z0, Z0                         // lanes 8 apart
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPD Y1, Y0, Y0                         // 4 apart
	VEXTRACTF128 $1, Y0, X1
	VADDPD X1, X0, X0                         // 2 apart
	VPERMILPD $1, X0, X1
	VADDSD X1, X0, X0
	VMOVSD X0, ret+24(FP)
	VZEROUPPER
	RET

// func addAVX512(z, x, y []float32)
TEXT ·addAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ z_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ y_base+48(FP), DX
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // y
	VADDPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func mulAVX512(z, x, y []float32)
TEXT ·mulAVX512(SB), NOSPLIT, $0-72
	MOVQ z_base+0(FP), DI
	MOVQ z_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ y_base+48(FP), DX
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // y
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func scaleAVX512(x []float32, a float32)
TEXT ·scaleAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), CX
	VBROADCASTSS a+24(FP), Z31
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (DI)(R13*1), K1, Z0
	VMULPS Z31, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func scaleMulAVX512(y, x, w []float32, a float32)
TEXT ·scaleMulAVX512(SB), NOSPLIT, $0-76
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ w_base+48(FP), DX
	VBROADCASTSS a+72(FP), Z31
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMULPS Z31, Z0, Z0                        // x*a
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // w
	VMULPS Z1, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func mulAddAVX512(z, x, y []float32, a float32)
TEXT ·mulAddAVX512(SB), NOSPLIT, $0-76
	MOVQ z_base+0(FP), DI
	MOVQ z_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ y_base+48(FP), DX
	VBROADCASTSS a+72(FP), Z31
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // x
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // y
	VMULPS Z1, Z0, Z0                         // x*y
	VMULPS Z31, Z0, Z0                        // x*y*a
	VMOVUPS.Z (DI)(R13*1), K1, Z2             // z
	VADDPS Z0, Z2, Z2
	VMOVUPS Z2, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func normGradAVX512(dx, g, x []float32, a, c float32)
TEXT ·normGradAVX512(SB), NOSPLIT, $0-80
	MOVQ dx_base+0(FP), DI
	MOVQ dx_len+8(FP), CX
	MOVQ g_base+24(FP), SI
	MOVQ x_base+48(FP), DX
	VBROADCASTSS a+72(FP), Z31
	VBROADCASTSS c+76(FP), Z30
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // g
	VMULPS Z31, Z0, Z0                        // a*g
	VMOVUPS.Z (DX)(R13*1), K1, Z1             // x
	VMULPS Z30, Z1, Z1                        // x*c
	VSUBPS Z1, Z0, Z0                         // a*g - x*c
	VMOVUPS.Z (DI)(R13*1), K1, Z2             // dx
	VADDPS Z0, Z2, Z2
	VMOVUPS Z2, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func rotateAVX512(y, x, cs []float32, sign float32)
// The sine is multiplied by sign: 1, or -1 to rotate back.
TEXT ·rotateAVX512(SB), NOSPLIT, $0-76
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ cs_base+48(FP), DX
	VBROADCASTSS sign+72(FP), Z31
	SHRQ $1, CX                               // pairs
	LEAQ (SI)(CX*4), R9                       // second half of x
	LEAQ (DI)(CX*4), R10                      // second half of y
	LEAQ (DX)(CX*4), R11                      // sines
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
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
	VMOVUPS Z4, K1, (DI)(R13*1)
	VMOVUPS Z5, K1, (R10)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func swigluAVX512(y, g, u []float32)
TEXT ·swigluAVX512(SB), NOSPLIT, $0-72
	MOVQ y_base+0(FP), DI
	MOVQ y_len+8(FP), CX
	MOVQ g_base+24(FP), SI
	MOVQ u_base+48(FP), DX
	EXPCONST
	MOVL $0x80000000, R8
	VPBROADCASTD R8, Z31                      // the sign bit
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z3             // g
	VPXORD Z31, Z3, Z0                        // -g
	EXP
	VADDPS Z27, Z0, Z0                        // 1 + exp(-g)
	VDIVPS Z0, Z3, Z3                         // g/(1+exp(-g))
	VMOVUPS.Z (DX)(R13*1), K1, Z4             // u
	VMULPS Z4, Z3, Z3
	VMOVUPS Z3, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func swigluGradAVX512(dg, du, dy, g, u []float32)
TEXT ·swigluGradAVX512(SB), NOSPLIT, $0-120
	MOVQ dg_base+0(FP), DI
	MOVQ dg_len+8(FP), CX
	MOVQ du_base+24(FP), BX
	MOVQ dy_base+48(FP), R9
	MOVQ g_base+72(FP), SI
	MOVQ u_base+96(FP), DX
	EXPCONST
	MOVL $0x80000000, R8
	VPBROADCASTD R8, Z31                      // the sign bit
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z3             // g
	VPXORD Z31, Z3, Z0                        // -g
	EXP
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
	VMOVUPS Z5, K1, (BX)(R13*1)
	VMOVUPS Z4, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func adamwAVX512(p, m, v, g []float32, s *adamStep)
TEXT ·adamwAVX512(SB), NOSPLIT, $0-104
	MOVQ p_base+0(FP), DI
	MOVQ p_len+8(FP), CX
	MOVQ m_base+24(FP), SI
	MOVQ v_base+48(FP), DX
	MOVQ g_base+72(FP), BX
	MOVQ s+96(FP), R8
	VBROADCASTSS adamStep_beta1(R8), Z16
	VBROADCASTSS adamStep_beta2(R8), Z17
	VBROADCASTSS adamStep_one1(R8), Z18
	VBROADCASTSS adamStep_one2(R8), Z19
	VBROADCASTSS adamStep_grad(R8), Z20
	VBROADCASTSS adamStep_rate(R8), Z21
	VBROADCASTSS adamStep_root(R8), Z22
	VBROADCASTSS adamStep_eps(R8), Z23
	VBROADCASTSS adamStep_decay(R8), Z24
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
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
	VMOVUPS Z1, K1, (SI)(R13*1)
	VMOVUPS Z2, K1, (DX)(R13*1)
	VSQRTPS Z2, Z2
	VMULPS Z22, Z2, Z2
	VADDPS Z23, Z2, Z2                        // sqrt(v)*root + eps
	VMULPS Z21, Z1, Z1                        // rate*m
	VDIVPS Z2, Z1, Z1
	VMOVUPS.Z (DI)(R13*1), K1, Z3             // p
	VMULPS Z24, Z3, Z4                        // decay*p
	VADDPS Z4, Z1, Z1
	VSUBPS Z1, Z3, Z3
	VMOVUPS Z3, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func maxAVX512(x []float32) float32
TEXT ·maxAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), SI
	MOVQ x_len+8(FP), CX
	MOVL $0xff800000, R8                      // -Inf
	VPBROADCASTD R8, Z0
	KXORW K3, K3, K3                          // lanes with a NaN
	BEGIN
	TESTQ CX, CX
	JLE  tree

loop:
	LANES
	VPBROADCASTD R8, Z1
	VMOVUPS (SI)(R13*1), K1, Z1               // x, -Inf where there is none
	VCMPPS $3, Z1, Z1, K2                     // NaN?
	KORW K2, K3, K3
	VMAXPS Z1, Z0, Z0
	NEXT
	JGT  loop

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
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func expSumAVX512(p, z []float32, top float32) float32
TEXT ·expSumAVX512(SB), NOSPLIT, $0-60
	MOVQ p_base+0(FP), DI
	MOVQ p_len+8(FP), CX
	MOVQ z_base+24(FP), SI
	VBROADCASTSS top+48(FP), Z31
	EXPCONST
	VPXORD Z3, Z3, Z3                         // 16 sums
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // z
	VSUBPS Z31, Z0, Z0                        // z - top
	EXP
	VMOVUPS Z0, K1, (DI)(R13*1)               // p
	VADDPS Z0, Z3, K1, Z3
	NEXT
	JGT  loop

done:
	VMOVAPS Z3, Z0
	TREE
	VMOVSS X0, ret+56(FP)
	VZEROUPPER
	RET

// func expMomentsAVX512(z []float32, top float32) (sum, moment float32)
TEXT ·expMomentsAVX512(SB), NOSPLIT, $0-40
	MOVQ z_base+0(FP), SI
	MOVQ z_len+8(FP), CX
	VBROADCASTSS top+24(FP), Z31
	EXPCONST
	VPXORD Z3, Z3, Z3                         // 16 sums
	VPXORD Z4, Z4, Z4                         // 16 moments
	VPXORD Z6, Z6, Z6
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z5             // z
	VSUBPS Z31, Z5, Z5                        // d = z - top
	VMOVAPS Z5, Z0
	EXP
	VADDPS Z0, Z3, K1, Z3
	VCMPPS $4, Z6, Z0, K1, K2                 // where exp(d) is not 0
	VMULPS Z5, Z0, Z0                         // exp(d)*d
	VADDPS Z0, Z4, K2, Z4
	NEXT
	JGT  loop

done:
	VMOVAPS Z3, Z0
	TREE
	VMOVSS X0, sum+32(FP)
	VMOVAPS Z4, Z0
	TREE
	VMOVSS X0, moment+36(FP)
	VZEROUPPER
	RET

// func logitGradAVX512(z []float32, lse, inv, c, h, entropy float32)
TEXT ·logitGradAVX512(SB), NOSPLIT, $0-44
	MOVQ z_base+0(FP), SI
	MOVQ z_len+8(FP), CX
	VBROADCASTSS lse+24(FP), Z31
	VBROADCASTSS inv+28(FP), Z30
	VPXORD Z6, Z6, Z6
	VBROADCASTSS c+32(FP), Z29
	VSUBPS Z29, Z6, Z29                       // -c
	VBROADCASTSS h+36(FP), Z28
	VBROADCASTSS entropy+40(FP), Z15
	EXPCONST
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
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
	VMOVUPS Z0, K1, (SI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func scoreGradAVX512(z, dp []float32, lse, delta, scale float32)
TEXT ·scoreGradAVX512(SB), NOSPLIT, $0-60
	MOVQ z_base+0(FP), SI
	MOVQ z_len+8(FP), CX
	MOVQ dp_base+24(FP), DX
	VBROADCASTSS lse+48(FP), Z31
	VBROADCASTSS delta+52(FP), Z30
	VBROADCASTSS scale+56(FP), Z29
	EXPCONST
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (SI)(R13*1), K1, Z0             // z
	VMULPS Z29, Z0, Z0                        // z*scale
	VSUBPS Z31, Z0, Z0                        // - lse
	EXP                                       // p
	VMOVUPS Z0, K1, (SI)(R13*1)
	VMOVUPS.Z (DX)(R13*1), K1, Z5             // dp
	VSUBPS Z30, Z5, Z5                        // dp - delta
	VMULPS Z5, Z0, Z0
	VMULPS Z29, Z0, Z0                        // ds
	VMOVUPS Z0, K1, (DX)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func divideAVX512(x []float32, a float32)
TEXT ·divideAVX512(SB), NOSPLIT, $0-28
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), CX
	VBROADCASTSS a+24(FP), Z31
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (DI)(R13*1), K1, Z0
	VDIVPS Z31, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func softmaxAVX512(z, o, state []float32, seen int, scale float32)
TEXT ·softmaxAVX512(SB), NOSPLIT, $0-84
	MOVQ z_base+0(FP), SI
	MOVQ state_base+48(FP), DX
	MOVQ seen+72(FP), CX
	MOVQ $-1, AX
	BZHIQ CX, AX, AX                          // a bit for each key that is seen
	VBROADCASTSS scale+80(FP), Z31
	EXPCONST
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
	EXP
	VMOVAPS.Z Z0, K1, Z4                      // p, 0 where not seen
	VMOVUPS Z4, (SI)
	VSUBPS Z30, Z5, Z0                        // z - maximum
	EXP
	VMOVAPS.Z Z0, K2, Z5                      // p, 0 where not seen
	VMOVUPS Z5, 64(SI)
	VSUBPS Z30, Z6, Z0                        // z - maximum
	EXP
	VMOVAPS.Z Z0, K3, Z6                      // p, 0 where not seen
	VMOVUPS Z6, 128(SI)
	VSUBPS Z30, Z7, Z0                        // z - maximum
	EXP
	VMOVAPS.Z Z0, K4, Z7                      // p, 0 where not seen
	VMOVUPS Z7, 192(SI)
	VADDPS Z4, Z5, Z0                         // 16 sums, keys in order
	VADDPS Z0, Z6, Z0
	VADDPS Z0, Z7, Z0
	TREE
	VMOVAPS Z0, Z3                            // sum of the block
	VUCOMISS X8, X9                           // has the maximum risen?
	JNE  rescale
	JPS  rescale
	VADDSS 4(DX), X3, X3                      // running sum
	VMOVSS X3, 4(DX)
	VZEROUPPER
	RET

rescale:
	VSUBSS X9, X8, X0                         // old - new
	EXP                                       // factor
	VMULSS 4(DX), X0, X1
	VADDSS X3, X1, X3
	VMOVSS X3, 4(DX)                          // running sum
	VMOVSS X9, (DX)                           // running maximum
	VBROADCASTSS X0, Z31
	MOVQ o_base+24(FP), DI
	MOVQ o_len+32(FP), CX
	BEGIN
	TESTQ CX, CX
	JLE  done

loop:
	LANES
	VMOVUPS.Z (DI)(R13*1), K1, Z0             // o
	VMULPS Z31, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)
	NEXT
	JGT  loop

done:
	VZEROUPPER
	RET

// func copyRowsAVX512(dst []float32, ldd int, src []float32, lds, rows, cols int)
TEXT ·copyRowsAVX512(SB), NOSPLIT, $0-80
	MOVQ dst_base+0(FP), DI
	MOVQ ldd+24(FP), BX
	SHLQ $2, BX                               // bytes between rows of dst
	MOVQ src_base+32(FP), SI
	MOVQ lds+56(FP), DX
	SHLQ $2, DX                               // bytes between rows of src
	MOVQ rows+64(FP), R10
	MOVQ cols+72(FP), CX
	MOVL $-1, AX
	MOVQ CX, R11
	ANDQ $15, R11
	BZHIL R11, AX, R14
	KMOVW R14, K1                             // the lanes of the last, partial round
	SHRQ $4, CX                               // full rounds

row:
	MOVQ CX, R12
	MOVQ SI, R9
	MOVQ DI, R8
	TESTQ R12, R12
	JZ   part

loop:
	VMOVUPS (R9), Z0
	VMOVUPS Z0, (R8)
	ADDQ $64, R9
	ADDQ $64, R8
	DECQ R12
	JNZ  loop

part:
	TESTQ R11, R11
	JZ   next
	VMOVUPS.Z (R9), K1, Z0
	VMOVUPS Z0, K1, (R8)

next:
	ADDQ DX, SI
	ADDQ BX, DI
	DECQ R10
	JNZ  row
	VZEROUPPER
	RET

// func widenRowsAVX512(dst []float32, ldd int, src []uint16, lds, rows, cols int)
TEXT ·widenRowsAVX512(SB), NOSPLIT, $0-80
	MOVQ dst_base+0(FP), DI
	MOVQ ldd+24(FP), BX
	SHLQ $2, BX                               // bytes between rows of dst
	MOVQ src_base+32(FP), SI
	MOVQ lds+56(FP), DX
	SHLQ $1, DX                               // bytes between rows of src
	MOVQ rows+64(FP), R10
	MOVQ cols+72(FP), CX
	MOVL $-1, AX
	MOVQ CX, R11
	ANDQ $15, R11
	BZHIL R11, AX, R14
	KMOVW R14, K1                             // the lanes of the last, partial round
	SHRQ $4, CX                               // full rounds

row:
	MOVQ CX, R12
	MOVQ SI, R9
	MOVQ DI, R8
	TESTQ R12, R12
	JZ   part

loop:
	VPMOVZXWD (R9), Z0                        // 16 bf16
	VPSLLD $16, Z0, Z0
	VMOVUPS Z0, (R8)
	ADDQ $32, R9
	ADDQ $64, R8
	DECQ R12
	JNZ  loop

part:
	TESTQ R11, R11
	JZ   next
	VMOVDQU16.Z (R9), K1, Y0
	VPMOVZXWD Y0, Z0
	VPSLLD $16, Z0, Z0
	VMOVUPS Z0, K1, (R8)

next:
	ADDQ DX, SI
	ADDQ BX, DI
	DECQ R10
	JNZ  row
	VZEROUPPER
	RET

// ROWS4 loads 4 elements of the rows r, r+4, r+8 and r+12 of the source into the quarters of z.
#define ROWS4(p, x, z) \
	VMOVUPS (p), x;                   \
	VINSERTF32X4 $1, (p)(DX*1), z, z; \
	VINSERTF32X4 $2, (p)(DX*2), z, z; \
	VINSERTF32X4 $3, (p)(R12*1), z, z

// func transposeAVX512(dst []float32, ldd int, src []float32, lds, cols int)
// transposeAVX512 is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols, a multiple of 4.
TEXT ·transposeAVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI
	MOVQ ldd+24(FP), BX
	SHLQ $2, BX                               // bytes between rows of dst
	MOVQ src_base+32(FP), SI
	MOVQ lds+56(FP), AX
	SHLQ $2, AX                               // bytes between rows of src
	MOVQ cols+64(FP), CX
	LEAQ (SI)(AX*1), R8                       // row 1
	LEAQ (SI)(AX*2), R9                       // row 2
	LEAQ (R8)(AX*2), R10                      // row 3
	LEAQ (AX*4), DX                           // 4 rows
	LEAQ (DX)(DX*2), R12                      // 12 rows
	SUBQ $4, CX
	JLT  done

loop:
	ROWS4(SI, X0, Z0)                         // rows 0 4 8 12
	ROWS4(R8, X1, Z1)                         // rows 1 5 9 13
	ROWS4(R9, X2, Z2)                         // rows 2 6 10 14
	ROWS4(R10, X3, Z3)                        // rows 3 7 11 15
	VUNPCKLPS Z1, Z0, Z4                      // columns 0 1 of rows 0 1
	VUNPCKHPS Z1, Z0, Z5                      // columns 2 3
	VUNPCKLPS Z3, Z2, Z6                      // columns 0 1 of rows 2 3
	VUNPCKHPS Z3, Z2, Z7                      // columns 2 3
	VUNPCKLPD Z6, Z4, Z0                      // column 0 of all 16 rows
	VUNPCKHPD Z6, Z4, Z1                      // column 1
	VUNPCKLPD Z7, Z5, Z2                      // column 2
	VUNPCKHPD Z7, Z5, Z3                      // column 3
	VMOVUPS Z0, (DI)
	ADDQ BX, DI
	VMOVUPS Z1, (DI)
	ADDQ BX, DI
	VMOVUPS Z2, (DI)
	ADDQ BX, DI
	VMOVUPS Z3, (DI)
	ADDQ BX, DI
	ADDQ $16, SI                              // 4 columns on
	ADDQ $16, R8
	ADDQ $16, R9
	ADDQ $16, R10
	SUBQ $4, CX
	JGE  loop

done:
	VZEROUPPER
	RET
