//go:build !purego

#include "go_asm.h"
#include "textflag.h"

// Matrix tiles, AVX-512. A tile of R rows and 32 columns of C stays in Z0…Z(2R-1), two registers a
// row, while a step of the chain loads one row of B (Z24, Z25) and broadcasts one element of A for
// each row (Z26). Columns from t.n on are masked off by K1 and K2 where memory may end there: in C and
// the bias always, in B where the mode is ragged. The tiles of up to 8 rows also take B as bf16.
//
// Registers: AX tile, DI C, SI, R8, R9, R10 rows 0, 3, 6, 9 of A, DX bytes between rows of A, R11 bytes
// between steps of A, BX B, R12 bytes between rows of B, CX steps left, R13 bytes between rows of C,
// R14 what the phase needs.

// SETUP loads the arguments and makes the masks.
#define SETUP \
	MOVQ t+0(FP), AX;        \
	MOVQ c+8(FP), DI;        \
	MOVQ a+16(FP), SI;       \
	MOVQ b+24(FP), BX;       \
	MOVQ tile_rs(AX), DX;    \
	SHLQ $2, DX;             \
	LEAQ (DX)(DX*2), R11;    \
	LEAQ (SI)(R11*1), R8;    \
	LEAQ (R8)(R11*1), R9;    \
	LEAQ (R9)(R11*1), R10;   \
	MOVQ tile_ks(AX), R11;   \
	SHLQ $2, R11;            \
	MOVQ tile_ldb(AX), R12;  \
	SHLQ $2, R12;            \
	MOVQ tile_ldc(AX), R13;  \
	SHLQ $2, R13;            \
	MOVQ tile_n(AX), CX;     \
	MOVQ $1, R14;            \
	SHLQ CX, R14;            \
	DECQ R14;                \
	KMOVW R14, K1;           \
	SHRQ $16, R14;           \
	KMOVW R14, K2;           \
	MOVQ tile_k(AX), CX

// ZERO starts a row's chains from 0.
#define ZERO(lo, hi) \
	VPXORD lo, lo, lo; \
	VPXORD hi, hi, hi

// LOAD starts a row's chains from C at R14.
#define LOAD(lo, hi) \
	VMOVUPS.Z (R14), K1, lo;   \
	VMOVUPS.Z 64(R14), K2, hi; \
	ADDQ R13, R14

// FETCH brings a row of C nearer.
#define FETCH(p) \
	PREFETCHT0 (p);   \
	PREFETCHT0 64(p); \
	ADDQ R13, p

// STEP is one step of a row's chains: the element of A at addr times the row of B.
#define STEP(addr, lo, hi) \
	VBROADCASTSS addr, Z26;    \
	VFMADD231PS Z24, Z26, lo; \
	VFMADD231PS Z25, Z26, hi

// BIAS adds the bias in Z24 and Z25.
#define BIAS(lo, hi) \
	VADDPS Z24, lo, lo; \
	VADDPS Z25, hi, hi

// ADD adds C at R14.
#define ADD(lo, hi) \
	VMOVUPS.Z (R14), K1, Z24;   \
	VMOVUPS.Z 64(R14), K2, Z25; \
	VADDPS Z24, lo, lo;         \
	VADDPS Z25, hi, hi;         \
	ADDQ R13, R14

// STORE writes a row to C at DI.
#define STORE(lo, hi) \
	VMOVUPS lo, K1, (DI);   \
	VMOVUPS hi, K2, 64(DI); \
	ADDQ R13, DI


// func tile12AVX512(t *tile, c, a, b, bias *float32, mode int)
TEXT ·tile12AVX512(SB), NOSPLIT, $0-48
	SETUP                                 // arguments and masks
	CMPB tile_resume(AX), $0              // does the chain start from C?
	JNE resume
	ZERO(Z0, Z1)                          // row 0
	ZERO(Z2, Z3)                          // row 1
	ZERO(Z4, Z5)                          // row 2
	ZERO(Z6, Z7)                          // row 3
	ZERO(Z8, Z9)                          // row 4
	ZERO(Z10, Z11)                        // row 5
	ZERO(Z12, Z13)                        // row 6
	ZERO(Z14, Z15)                        // row 7
	ZERO(Z16, Z17)                        // row 8
	ZERO(Z18, Z19)                        // row 9
	ZERO(Z20, Z21)                        // row 10
	ZERO(Z22, Z23)                        // row 11
	JMP chosen

resume:
	MOVQ DI, R14                          // row 0 of C
	LOAD(Z0, Z1)                          // row 0
	LOAD(Z2, Z3)                          // row 1
	LOAD(Z4, Z5)                          // row 2
	LOAD(Z6, Z7)                          // row 3
	LOAD(Z8, Z9)                          // row 4
	LOAD(Z10, Z11)                        // row 5
	LOAD(Z12, Z13)                        // row 6
	LOAD(Z14, Z15)                        // row 7
	LOAD(Z16, Z17)                        // row 8
	LOAD(Z18, Z19)                        // row 9
	LOAD(Z20, Z21)                        // row 10
	LOAD(Z22, Z23)                        // row 11
	FETCH(R14)                            // row 12, for the next tile
	FETCH(R14)                            // row 13, for the next tile
	FETCH(R14)                            // row 14, for the next tile
	FETCH(R14)                            // row 15, for the next tile
	FETCH(R14)                            // row 16, for the next tile
	FETCH(R14)                            // row 17, for the next tile
	FETCH(R14)                            // row 18, for the next tile
	FETCH(R14)                            // row 19, for the next tile
	FETCH(R14)                            // row 20, for the next tile
	FETCH(R14)                            // row 21, for the next tile
	FETCH(R14)                            // row 22, for the next tile
	FETCH(R14)                            // row 23, for the next tile

chosen:
	MOVQ R12, R14
	SHLQ $5, R14                          // bytes between rows of B, 32 times
	TESTQ CX, CX                          // no steps?
	JZ bias
	CMPQ mode+40(FP), $const_ragged       // may memory end within a row of B?
	JEQ ragged

loop:
	VMOVUPS (BX), Z24                     // columns 0-15 of B
	VMOVUPS 64(BX), Z25                   // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	PREFETCHT0 64(BX)(R14*1)
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	STEP((R8)(DX*1), Z8, Z9)              // row 4
	STEP((R8)(DX*2), Z10, Z11)            // row 5
	STEP((R9), Z12, Z13)                  // row 6
	STEP((R9)(DX*1), Z14, Z15)            // row 7
	STEP((R9)(DX*2), Z16, Z17)            // row 8
	STEP((R10), Z18, Z19)                 // row 9
	STEP((R10)(DX*1), Z20, Z21)           // row 10
	STEP((R10)(DX*2), Z22, Z23)           // row 11
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R11, R9                          // A: next step
	ADDQ R11, R10                         // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ loop
	JMP bias

ragged:
	VMOVUPS.Z (BX), K1, Z24               // columns 0-15 of B
	VMOVUPS.Z 64(BX), K2, Z25             // columns 16-31
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	STEP((R8)(DX*1), Z8, Z9)              // row 4
	STEP((R8)(DX*2), Z10, Z11)            // row 5
	STEP((R9), Z12, Z13)                  // row 6
	STEP((R9)(DX*1), Z14, Z15)            // row 7
	STEP((R9)(DX*2), Z16, Z17)            // row 8
	STEP((R10), Z18, Z19)                 // row 9
	STEP((R10)(DX*1), Z20, Z21)           // row 10
	STEP((R10)(DX*2), Z22, Z23)           // row 11
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R11, R9                          // A: next step
	ADDQ R11, R10                         // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ ragged

bias:
	MOVQ bias+32(FP), R14
	TESTQ R14, R14                        // is there a bias?
	JZ add
	VMOVUPS.Z (R14), K1, Z24              // its columns 0-15
	VMOVUPS.Z 64(R14), K2, Z25            // 16-31
	BIAS(Z0, Z1)                          // row 0
	BIAS(Z2, Z3)                          // row 1
	BIAS(Z4, Z5)                          // row 2
	BIAS(Z6, Z7)                          // row 3
	BIAS(Z8, Z9)                          // row 4
	BIAS(Z10, Z11)                        // row 5
	BIAS(Z12, Z13)                        // row 6
	BIAS(Z14, Z15)                        // row 7
	BIAS(Z16, Z17)                        // row 8
	BIAS(Z18, Z19)                        // row 9
	BIAS(Z20, Z21)                        // row 10
	BIAS(Z22, Z23)                        // row 11

add:
	CMPB tile_add(AX), $0                 // is C added?
	JEQ store
	MOVQ DI, R14                          // row 0 of C
	ADD(Z0, Z1)                           // row 0
	ADD(Z2, Z3)                           // row 1
	ADD(Z4, Z5)                           // row 2
	ADD(Z6, Z7)                           // row 3
	ADD(Z8, Z9)                           // row 4
	ADD(Z10, Z11)                         // row 5
	ADD(Z12, Z13)                         // row 6
	ADD(Z14, Z15)                         // row 7
	ADD(Z16, Z17)                         // row 8
	ADD(Z18, Z19)                         // row 9
	ADD(Z20, Z21)                         // row 10
	ADD(Z22, Z23)                         // row 11

store:
	STORE(Z0, Z1)                         // row 0
	STORE(Z2, Z3)                         // row 1
	STORE(Z4, Z5)                         // row 2
	STORE(Z6, Z7)                         // row 3
	STORE(Z8, Z9)                         // row 4
	STORE(Z10, Z11)                       // row 5
	STORE(Z12, Z13)                       // row 6
	STORE(Z14, Z15)                       // row 7
	STORE(Z16, Z17)                       // row 8
	STORE(Z18, Z19)                       // row 9
	STORE(Z20, Z21)                       // row 10
	STORE(Z22, Z23)                       // row 11
	VZEROUPPER
	RET

// func tile8AVX512(t *tile, c, a, b, bias *float32, mode int)
TEXT ·tile8AVX512(SB), NOSPLIT, $0-48
	SETUP                                 // arguments and masks
	CMPB tile_resume(AX), $0              // does the chain start from C?
	JNE resume
	ZERO(Z0, Z1)                          // row 0
	ZERO(Z2, Z3)                          // row 1
	ZERO(Z4, Z5)                          // row 2
	ZERO(Z6, Z7)                          // row 3
	ZERO(Z8, Z9)                          // row 4
	ZERO(Z10, Z11)                        // row 5
	ZERO(Z12, Z13)                        // row 6
	ZERO(Z14, Z15)                        // row 7
	JMP chosen

resume:
	MOVQ DI, R14                          // row 0 of C
	LOAD(Z0, Z1)                          // row 0
	LOAD(Z2, Z3)                          // row 1
	LOAD(Z4, Z5)                          // row 2
	LOAD(Z6, Z7)                          // row 3
	LOAD(Z8, Z9)                          // row 4
	LOAD(Z10, Z11)                        // row 5
	LOAD(Z12, Z13)                        // row 6
	LOAD(Z14, Z15)                        // row 7

chosen:
	MOVQ R12, R14
	SHLQ $5, R14                          // bytes between rows of B, 32 times
	TESTQ CX, CX                          // no steps?
	JZ bias
	CMPQ mode+40(FP), $const_half         // is B bf16?
	JEQ half
	CMPQ mode+40(FP), $const_ragged       // may memory end within a row of B?
	JEQ ragged

loop:
	VMOVUPS (BX), Z24                     // columns 0-15 of B
	VMOVUPS 64(BX), Z25                   // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	PREFETCHT0 64(BX)(R14*1)
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	STEP((R8)(DX*1), Z8, Z9)              // row 4
	STEP((R8)(DX*2), Z10, Z11)            // row 5
	STEP((R9), Z12, Z13)                  // row 6
	STEP((R9)(DX*1), Z14, Z15)            // row 7
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R11, R9                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ loop
	JMP bias

ragged:
	VMOVUPS.Z (BX), K1, Z24               // columns 0-15 of B
	VMOVUPS.Z 64(BX), K2, Z25             // columns 16-31
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	STEP((R8)(DX*1), Z8, Z9)              // row 4
	STEP((R8)(DX*2), Z10, Z11)            // row 5
	STEP((R9), Z12, Z13)                  // row 6
	STEP((R9)(DX*1), Z14, Z15)            // row 7
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R11, R9                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ ragged
	JMP bias

half:
	VPMOVZXWD (BX), Z24                   // columns 0-15 of B
	VPMOVZXWD 32(BX), Z25                 // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	VPSLLD $16, Z24, Z24                  // bf16 to f32
	VPSLLD $16, Z25, Z25
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	STEP((R8)(DX*1), Z8, Z9)              // row 4
	STEP((R8)(DX*2), Z10, Z11)            // row 5
	STEP((R9), Z12, Z13)                  // row 6
	STEP((R9)(DX*1), Z14, Z15)            // row 7
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R11, R9                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ half

bias:
	MOVQ bias+32(FP), R14
	TESTQ R14, R14                        // is there a bias?
	JZ add
	VMOVUPS.Z (R14), K1, Z24              // its columns 0-15
	VMOVUPS.Z 64(R14), K2, Z25            // 16-31
	BIAS(Z0, Z1)                          // row 0
	BIAS(Z2, Z3)                          // row 1
	BIAS(Z4, Z5)                          // row 2
	BIAS(Z6, Z7)                          // row 3
	BIAS(Z8, Z9)                          // row 4
	BIAS(Z10, Z11)                        // row 5
	BIAS(Z12, Z13)                        // row 6
	BIAS(Z14, Z15)                        // row 7

add:
	CMPB tile_add(AX), $0                 // is C added?
	JEQ store
	MOVQ DI, R14                          // row 0 of C
	ADD(Z0, Z1)                           // row 0
	ADD(Z2, Z3)                           // row 1
	ADD(Z4, Z5)                           // row 2
	ADD(Z6, Z7)                           // row 3
	ADD(Z8, Z9)                           // row 4
	ADD(Z10, Z11)                         // row 5
	ADD(Z12, Z13)                         // row 6
	ADD(Z14, Z15)                         // row 7

store:
	STORE(Z0, Z1)                         // row 0
	STORE(Z2, Z3)                         // row 1
	STORE(Z4, Z5)                         // row 2
	STORE(Z6, Z7)                         // row 3
	STORE(Z8, Z9)                         // row 4
	STORE(Z10, Z11)                       // row 5
	STORE(Z12, Z13)                       // row 6
	STORE(Z14, Z15)                       // row 7
	VZEROUPPER
	RET

// func tile4AVX512(t *tile, c, a, b, bias *float32, mode int)
TEXT ·tile4AVX512(SB), NOSPLIT, $0-48
	SETUP                                 // arguments and masks
	CMPB tile_resume(AX), $0              // does the chain start from C?
	JNE resume
	ZERO(Z0, Z1)                          // row 0
	ZERO(Z2, Z3)                          // row 1
	ZERO(Z4, Z5)                          // row 2
	ZERO(Z6, Z7)                          // row 3
	JMP chosen

resume:
	MOVQ DI, R14                          // row 0 of C
	LOAD(Z0, Z1)                          // row 0
	LOAD(Z2, Z3)                          // row 1
	LOAD(Z4, Z5)                          // row 2
	LOAD(Z6, Z7)                          // row 3

chosen:
	MOVQ R12, R14
	SHLQ $5, R14                          // bytes between rows of B, 32 times
	TESTQ CX, CX                          // no steps?
	JZ bias
	CMPQ mode+40(FP), $const_half         // is B bf16?
	JEQ half
	CMPQ mode+40(FP), $const_ragged       // may memory end within a row of B?
	JEQ ragged

loop:
	VMOVUPS (BX), Z24                     // columns 0-15 of B
	VMOVUPS 64(BX), Z25                   // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	PREFETCHT0 64(BX)(R14*1)
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ loop
	JMP bias

ragged:
	VMOVUPS.Z (BX), K1, Z24               // columns 0-15 of B
	VMOVUPS.Z 64(BX), K2, Z25             // columns 16-31
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ ragged
	JMP bias

half:
	VPMOVZXWD (BX), Z24                   // columns 0-15 of B
	VPMOVZXWD 32(BX), Z25                 // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	VPSLLD $16, Z24, Z24                  // bf16 to f32
	VPSLLD $16, Z25, Z25
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	STEP((SI)(DX*2), Z4, Z5)              // row 2
	STEP((R8), Z6, Z7)                    // row 3
	ADDQ R11, SI                          // A: next step
	ADDQ R11, R8                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ half

bias:
	MOVQ bias+32(FP), R14
	TESTQ R14, R14                        // is there a bias?
	JZ add
	VMOVUPS.Z (R14), K1, Z24              // its columns 0-15
	VMOVUPS.Z 64(R14), K2, Z25            // 16-31
	BIAS(Z0, Z1)                          // row 0
	BIAS(Z2, Z3)                          // row 1
	BIAS(Z4, Z5)                          // row 2
	BIAS(Z6, Z7)                          // row 3

add:
	CMPB tile_add(AX), $0                 // is C added?
	JEQ store
	MOVQ DI, R14                          // row 0 of C
	ADD(Z0, Z1)                           // row 0
	ADD(Z2, Z3)                           // row 1
	ADD(Z4, Z5)                           // row 2
	ADD(Z6, Z7)                           // row 3

store:
	STORE(Z0, Z1)                         // row 0
	STORE(Z2, Z3)                         // row 1
	STORE(Z4, Z5)                         // row 2
	STORE(Z6, Z7)                         // row 3
	VZEROUPPER
	RET

// func tile2AVX512(t *tile, c, a, b, bias *float32, mode int)
TEXT ·tile2AVX512(SB), NOSPLIT, $0-48
	SETUP                                 // arguments and masks
	CMPB tile_resume(AX), $0              // does the chain start from C?
	JNE resume
	ZERO(Z0, Z1)                          // row 0
	ZERO(Z2, Z3)                          // row 1
	JMP chosen

resume:
	MOVQ DI, R14                          // row 0 of C
	LOAD(Z0, Z1)                          // row 0
	LOAD(Z2, Z3)                          // row 1

chosen:
	MOVQ R12, R14
	SHLQ $5, R14                          // bytes between rows of B, 32 times
	TESTQ CX, CX                          // no steps?
	JZ bias
	CMPQ mode+40(FP), $const_half         // is B bf16?
	JEQ half
	CMPQ mode+40(FP), $const_ragged       // may memory end within a row of B?
	JEQ ragged

loop:
	VMOVUPS (BX), Z24                     // columns 0-15 of B
	VMOVUPS 64(BX), Z25                   // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	PREFETCHT0 64(BX)(R14*1)
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	ADDQ R11, SI                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ loop
	JMP bias

ragged:
	VMOVUPS.Z (BX), K1, Z24               // columns 0-15 of B
	VMOVUPS.Z 64(BX), K2, Z25             // columns 16-31
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	ADDQ R11, SI                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ ragged
	JMP bias

half:
	VPMOVZXWD (BX), Z24                   // columns 0-15 of B
	VPMOVZXWD 32(BX), Z25                 // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	VPSLLD $16, Z24, Z24                  // bf16 to f32
	VPSLLD $16, Z25, Z25
	STEP((SI), Z0, Z1)                    // row 0
	STEP((SI)(DX*1), Z2, Z3)              // row 1
	ADDQ R11, SI                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ half

bias:
	MOVQ bias+32(FP), R14
	TESTQ R14, R14                        // is there a bias?
	JZ add
	VMOVUPS.Z (R14), K1, Z24              // its columns 0-15
	VMOVUPS.Z 64(R14), K2, Z25            // 16-31
	BIAS(Z0, Z1)                          // row 0
	BIAS(Z2, Z3)                          // row 1

add:
	CMPB tile_add(AX), $0                 // is C added?
	JEQ store
	MOVQ DI, R14                          // row 0 of C
	ADD(Z0, Z1)                           // row 0
	ADD(Z2, Z3)                           // row 1

store:
	STORE(Z0, Z1)                         // row 0
	STORE(Z2, Z3)                         // row 1
	VZEROUPPER
	RET

// func tile1AVX512(t *tile, c, a, b, bias *float32, mode int)
TEXT ·tile1AVX512(SB), NOSPLIT, $0-48
	SETUP                                 // arguments and masks
	CMPB tile_resume(AX), $0              // does the chain start from C?
	JNE resume
	ZERO(Z0, Z1)                          // row 0
	JMP chosen

resume:
	MOVQ DI, R14                          // row 0 of C
	LOAD(Z0, Z1)                          // row 0

chosen:
	MOVQ R12, R14
	SHLQ $5, R14                          // bytes between rows of B, 32 times
	TESTQ CX, CX                          // no steps?
	JZ bias
	CMPQ mode+40(FP), $const_half         // is B bf16?
	JEQ half
	CMPQ mode+40(FP), $const_ragged       // may memory end within a row of B?
	JEQ ragged

loop:
	VMOVUPS (BX), Z24                     // columns 0-15 of B
	VMOVUPS 64(BX), Z25                   // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	PREFETCHT0 64(BX)(R14*1)
	STEP((SI), Z0, Z1)                    // row 0
	ADDQ R11, SI                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ loop
	JMP bias

ragged:
	VMOVUPS.Z (BX), K1, Z24               // columns 0-15 of B
	VMOVUPS.Z 64(BX), K2, Z25             // columns 16-31
	STEP((SI), Z0, Z1)                    // row 0
	ADDQ R11, SI                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ ragged
	JMP bias

half:
	VPMOVZXWD (BX), Z24                   // columns 0-15 of B
	VPMOVZXWD 32(BX), Z25                 // columns 16-31
	PREFETCHT0 (BX)(R14*1)                // the row 32 steps on
	VPSLLD $16, Z24, Z24                  // bf16 to f32
	VPSLLD $16, Z25, Z25
	STEP((SI), Z0, Z1)                    // row 0
	ADDQ R11, SI                          // A: next step
	ADDQ R12, BX                          // B: next row
	DECQ CX
	JNZ half

bias:
	MOVQ bias+32(FP), R14
	TESTQ R14, R14                        // is there a bias?
	JZ add
	VMOVUPS.Z (R14), K1, Z24              // its columns 0-15
	VMOVUPS.Z 64(R14), K2, Z25            // 16-31
	BIAS(Z0, Z1)                          // row 0

add:
	CMPB tile_add(AX), $0                 // is C added?
	JEQ store
	MOVQ DI, R14                          // row 0 of C
	ADD(Z0, Z1)                           // row 0

store:
	STORE(Z0, Z1)                         // row 0
	VZEROUPPER
	RET
