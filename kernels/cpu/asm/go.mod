module spell/kernels/cpu/asm

go 1.26.0
