//go:build !purego

#include "textflag.h"

// func floatControl() uint32
TEXT ·floatControl(SB), NOSPLIT, $0-4
	MRS  FPCR, R0
	MOVW R0, ret+0(FP)
	RET

// func setFloatControl(c uint32)
TEXT ·setFloatControl(SB), NOSPLIT, $0-4
	MOVWU c+0(FP), R0
	MSR   R0, FPCR
	RET

// func pause()
TEXT ·pause(SB), NOSPLIT, $0-0
	YIELD
	RET
