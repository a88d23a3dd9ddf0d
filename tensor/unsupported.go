//go:build 386 || arm || mips || mipsle || !(unix || windows)

package tensor

// Arenas are larger than 32 bits can address, and are mapped memory. This name is declared nowhere,
// so that the compiler reports it in place of overflows all over the program.
const _ = spell_needs_a_64_bit_processor_such_as_amd64_or_arm64_and_unix_or_windows
