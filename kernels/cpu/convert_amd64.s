//go:build !purego

#include "go_asm.h"
#include "textflag.h"
#include "lanes_amd64.h"

// Conversions and copies, AVX-512.

// ROWS4 loads 4 elements of the rows r, r+4, r+8 and r+12 of the source into the quarters of z.
#define ROWS4(p, x, z) \
	VMOVUPS (p), x;                   \
	VINSERTF32X4 $1, (p)(DX*1), z, z; \
	VINSERTF32X4 $2, (p)(DX*2), z, z; \
	VINSERTF32X4 $3, (p)(R12*1), z, z

// func widenAVX512(dst []float32, src []uint16)
TEXT ·widenAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI                   // dst
	MOVQ dst_len+8(FP), CX                    // elements left
	MOVQ src_base+24(FP), SI                  // src
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
	VMOVUPS Z0, (DI)                          // store
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
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVDQU16.Z (SI), K1, Y0                  // 16 bf16
	VPMOVZXWD Y0, Z0
	VPSLLD $16, Z0, Z0
	VMOVUPS Z0, K1, (DI)(R13*1)               // store
	ADDQ $32, SI                              // 16 bf16 on
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func narrowAVX512(dst []uint16, src []float32)
TEXT ·narrowAVX512(SB), NOSPLIT, $0-48
	MOVQ dst_base+0(FP), DI                   // dst
	MOVQ dst_len+8(FP), CX                    // elements left
	MOVQ src_base+24(FP), SI                  // src
	MOVL $1, R8
	VPBROADCASTD R8, Z31
	MOVL $0x7fff, R8
	VPBROADCASTD R8, Z30
	MOVL $0x40, R8
	VPBROADCASTD R8, Z29                      // the quiet bit
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
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
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func roundAVX512(x []float32)
TEXT ·roundAVX512(SB), NOSPLIT, $0-24
	MOVQ x_base+0(FP), DI                     // x
	MOVQ x_len+8(FP), CX                      // elements left
	MOVL $1, R8
	VPBROADCASTD R8, Z31
	MOVL $0x7fff, R8
	VPBROADCASTD R8, Z30
	MOVL $0x40, R8
	VPBROADCASTD R8, Z29                      // the quiet bit
	BEGIN                                     // the first round
	TESTQ CX, CX                              // nothing?
	JLE  done

loop:
	LANES                                     // lanes of this round
	VMOVUPS.Z (DI)(R13*1), K1, Z0
	VPSRLD $16, Z0, Z1                        // the upper half
	VPANDD Z1, Z31, Z2                        // its last bit
	VPADDD Z30, Z2, Z2                        // 0x7fff + that bit
	VPADDD Z0, Z2, Z2                         // rounds to even at bit 16
	VCMPPS $3, Z0, Z0, K2                     // NaN?
	VPSRLD $16, Z2, Z2
	VPORD Z29, Z1, K2, Z2                     // a NaN keeps its upper half and is quiet
	VPSLLD $16, Z2, Z2                        // back to f32
	VMOVUPS Z2, K1, (DI)(R13*1)               // store
	NEXT                                      // 16 elements on
	JGT  loop                                 // while some are left

done:
	VZEROUPPER                                // for SSE code that follows
	RET

// func copyRowsAVX512(dst []float32, ldd int, src []float32, lds, rows, cols int)
TEXT ·copyRowsAVX512(SB), NOSPLIT, $0-80
	MOVQ dst_base+0(FP), DI                   // dst
	MOVQ ldd+24(FP), BX                       // ldd
	SHLQ $2, BX                               // bytes between rows of dst
	MOVQ src_base+32(FP), SI                  // src
	MOVQ lds+56(FP), DX                       // lds
	SHLQ $2, DX                               // bytes between rows of src
	MOVQ rows+64(FP), R10                     // rows
	MOVQ cols+72(FP), CX                      // cols
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
	VMOVUPS Z0, (R8)                          // store
	ADDQ $64, R9
	ADDQ $64, R8
	DECQ R12
	JNZ  loop

part:
	TESTQ R11, R11
	JZ   next
	VMOVUPS.Z (R9), K1, Z0
	VMOVUPS Z0, K1, (R8)                      // store

next:
	ADDQ DX, SI
	ADDQ BX, DI
	DECQ R10
	JNZ  row
	VZEROUPPER                                // for SSE code that follows
	RET

// func widenRowsAVX512(dst []float32, ldd int, src []uint16, lds, rows, cols int)
TEXT ·widenRowsAVX512(SB), NOSPLIT, $0-80
	MOVQ dst_base+0(FP), DI                   // dst
	MOVQ ldd+24(FP), BX                       // ldd
	SHLQ $2, BX                               // bytes between rows of dst
	MOVQ src_base+32(FP), SI                  // src
	MOVQ lds+56(FP), DX                       // lds
	SHLQ $1, DX                               // bytes between rows of src
	MOVQ rows+64(FP), R10                     // rows
	MOVQ cols+72(FP), CX                      // cols
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
	VMOVUPS Z0, (R8)                          // store
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
	VMOVUPS Z0, K1, (R8)                      // store

next:
	ADDQ DX, SI
	ADDQ BX, DI
	DECQ R10
	JNZ  row
	VZEROUPPER                                // for SSE code that follows
	RET

// func transposeAVX512(dst []float32, ldd int, src []float32, lds, cols int)
// transposeAVX512 is dst[k*ldd+r] = src[r*lds+k] for r < 16 and k < cols, a multiple of 4.
TEXT ·transposeAVX512(SB), NOSPLIT, $0-72
	MOVQ dst_base+0(FP), DI                   // dst
	MOVQ ldd+24(FP), BX                       // ldd
	SHLQ $2, BX                               // bytes between rows of dst
	MOVQ src_base+32(FP), SI                  // src
	MOVQ lds+56(FP), AX                       // lds
	SHLQ $2, AX                               // bytes between rows of src
	MOVQ cols+64(FP), CX                      // cols
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
	VMOVUPS Z0, (DI)                          // store
	ADDQ BX, DI
	VMOVUPS Z1, (DI)                          // store
	ADDQ BX, DI
	VMOVUPS Z2, (DI)                          // store
	ADDQ BX, DI
	VMOVUPS Z3, (DI)                          // store
	ADDQ BX, DI
	ADDQ $16, SI                              // 4 columns on
	ADDQ $16, R8
	ADDQ $16, R9
	ADDQ $16, R10
	SUBQ $4, CX
	JGE  loop

done:
	VZEROUPPER                                // for SSE code that follows
	RET
