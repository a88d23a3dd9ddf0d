// Loops over rows of f32, AVX-512, 16 elements a round. CX counts the elements left, R13 is the byte
// offset of the round, K1 holds the lanes that exist in it; AX, R14 and R15 are scratch.

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
