//go:build !purego

#include "textflag.h"

// func floatControl() uint32
TEXT ·floatControl(SB), NOSPLIT, $0-4
	STMXCSR ret+0(FP)
	RET

// func setFloatControl(c uint32)
TEXT ·setFloatControl(SB), NOSPLIT, $0-4
	LDMXCSR c+0(FP)
	RET

// func pause()
TEXT ·pause(SB), NOSPLIT, $0-0
	PAUSE
	RET
