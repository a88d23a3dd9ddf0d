package main

import "fmt"

// The methods of a kernel that describe its instructions, in the order in which they run.

// emit appends an instruction and returns its result.
func (k *kernel) emit(in *instr) *value {
	*k.into = append(*k.into, in)
	if in.dst != nil {
		in.dst.def, in.dst.inLoop = in, k.loop != nil
		if in.text == "" {
			in.text = in.dst.text
		}
	}
	return in.dst
}

// sourced returns the uniform value in s, one for each source.
func (k *kernel) sourced(s source, text string) *value {
	for _, u := range k.uniforms {
		if *u.source == s {
			return u
		}
	}
	u := &value{text: text, tight: true, source: &s}
	k.uniforms = append(k.uniforms, u)
	return u
}

// arg returns a float32 or uint32 argument in all lanes.
func (k *kernel) arg(name string) *value { return k.sourced(source{arg: name}, name) }

// field returns a float32 of the struct that argument s points to.
func (k *kernel) field(s, typ, name string) *value {
	return k.sourced(source{arg: s, field: typ + "_" + name}, name)
}

// bits returns a constant by its bits.
func (k *kernel) bits(b uint32, text string) *value { return k.sourced(source{bits: b}, text) }

func (k *kernel) binary(o op, sign string, a, b *value) *value {
	text, tight := a.factor()+sign+b.factor(), false
	switch sign {
	case " + ":
		text = a.text + sign + b.text
	case "*", "/":
		tight = sign == "*"
	}
	return k.emit(&instr{op: o, dst: &value{text: text, tight: tight}, src: []*value{a, b}})
}

func (k *kernel) add(a, b *value) *value { return k.binary(opAdd, " + ", a, b) }
func (k *kernel) sub(a, b *value) *value { return k.binary(opSub, " - ", a, b) }
func (k *kernel) mul(a, b *value) *value { return k.binary(opMul, "*", a, b) }
func (k *kernel) div(a, b *value) *value { return k.binary(opDiv, "/", a, b) }
func (k *kernel) and(a, b *value) *value { return k.binary(opAnd, " & ", a, b) }
func (k *kernel) or(a, b *value) *value  { return k.binary(opOr, " | ", a, b) }
func (k *kernel) xor(a, b *value) *value { return k.binary(opXor, " ^ ", a, b) }

// addInt adds and subInt subtracts 32-bit integers.
func (k *kernel) addInt(a, b *value) *value { return k.binary(opAddInt, " + ", a, b) }
func (k *kernel) subInt(a, b *value) *value { return k.binary(opSubInt, " - ", a, b) }

// function emits an operation that reads like a function.
func (k *kernel) function(o op, imm int, text string, src ...*value) *value {
	return k.emit(&instr{op: o, dst: &value{text: text, tight: true}, src: src, imm: imm})
}

// raise returns max(a, least) and lower min(a, most), both a if that is NaN. A bound is not 0.
func (k *kernel) raise(a, least *value) *value {
	return k.function(opRaise, 0, "max("+a.text+", "+least.text+")", a, least)
}

func (k *kernel) lower(a, most *value) *value {
	return k.function(opLower, 0, "min("+a.text+", "+most.text+")", a, most)
}

func (k *kernel) max(a, b *value) *value {
	return k.function(opMax, 0, "max("+a.text+", "+b.text+")", a, b)
}

func (k *kernel) sqrt(a *value) *value { return k.function(opSqrt, 0, "sqrt("+a.text+")", a) }

func (k *kernel) fma(a, b, c *value) *value {
	v := k.function(opFMA, 0, a.factor()+"*"+b.factor()+" + "+c.text, a, b, c)
	v.tight = false
	return v
}

func (k *kernel) fnma(a, b, c *value) *value {
	v := k.function(opFNMA, 0, c.text+" - "+a.factor()+"*"+b.factor(), a, b, c)
	v.tight = false
	return v
}

func (k *kernel) nearest(a *value) *value { return k.function(opNearest, 0, "round("+a.text+")", a) }

func (k *kernel) scale2(a, n, one *value) *value {
	return k.function(opScale2, 0, a.factor()+"*2^"+n.factor(), a, n, one)
}

func (k *kernel) shiftLeft(a *value, n int) *value {
	return k.function(opShiftLeft, n, fmt.Sprintf("%s<<%d", a.factor(), n), a)
}

func (k *kernel) shiftRight(a *value, n int) *value {
	return k.function(opShiftRight, n, fmt.Sprintf("%s>>%d", a.factor(), n), a)
}

func (k *kernel) ifNaN(a, b, c *value) *value {
	return k.function(opIfNaN, 0, fmt.Sprintf("%s is NaN ? %s : %s", a.text, b.text, c.text), a, b, c)
}

// nonzero returns v where test is not 0, else 0.
func (k *kernel) nonzero(test, v *value) *value {
	return k.function(opNonzero, 0, fmt.Sprintf("%s ≠ 0 ? %s : 0", test.text, v.text), v, test, k.bits(0, "0"))
}

// present returns v, and pad in the lanes beyond the end.
func (k *kernel) present(v, pad *value) *value {
	k.loop.masks = true
	return k.function(opPresent, 0, v.text, v, pad)
}

func (k *kernel) accumulator(o op, text string, size int, src ...*value) *value {
	return k.emit(&instr{op: o, dst: &value{text: text, tight: true, accu: size}, src: src})
}

// sums returns 16 sums, maxima 16 maxima and squares 16 sums of squares in f64.
func (k *kernel) sums(text string) *value {
	return k.accumulator(opStart, text, 1, k.bits(0, "0"))
}

func (k *kernel) maxima(least *value) *value { return k.accumulator(opStart, "maxima", 1, least) }

func (k *kernel) squares() *value { return k.accumulator(opStart64, "sums", 2) }

func (k *kernel) sumTo(acc, v *value) {
	k.loop.masks = true
	k.emit(&instr{op: opSumTo, src: []*value{acc, v}, text: acc.text + " += " + v.text})
}

func (k *kernel) maxTo(acc, v *value) {
	k.emit(&instr{op: opMaxTo, src: []*value{acc, v}, text: acc.text + " = max(" + acc.text + ", " + v.text + ")"})
}

func (k *kernel) nanTo(acc, v *value) {
	k.emit(&instr{op: opNaNTo, src: []*value{acc, v}, text: "a NaN stays"})
}

func (k *kernel) squareTo(acc, v *value) {
	k.emit(&instr{op: opSquareTo, src: []*value{acc, v}, text: acc.text + " += " + v.text + "² in f64"})
}

func (k *kernel) tree(acc *value) *value    { return k.function(opTree, 0, "sum of "+acc.text, acc) }
func (k *kernel) treeMax(acc *value) *value { return k.function(opTreeMax, 0, "max", acc) }
func (k *kernel) tree64(acc *value) *value  { return k.function(opTree64, 0, "sum of "+acc.text, acc) }

// peek returns element i of a slice, in all lanes; poke stores there.
func (k *kernel) peek(slice string, i int) *value {
	return k.emit(&instr{op: opPeek, dst: &value{text: fmt.Sprintf("%s[%d]", slice, i), tight: true},
		param: k.param(slice), imm: 4 * i})
}

func (k *kernel) poke(slice string, i int, v *value) {
	k.emit(&instr{op: opPoke, src: []*value{v}, param: k.param(slice), imm: 4 * i,
		text: fmt.Sprintf("%s[%d] = %s", slice, i, v.text)})
}

func (k *kernel) assign(to, v *value) {
	k.emit(&instr{op: opAssign, src: []*value{to, v}, text: to.text + " = " + v.text})
}

// result returns v as the named result.
func (k *kernel) result(name string, v *value) {
	p, o := k.param(name), opReturn
	if p.typ == "float64" {
		o = opReturn64
	}
	k.emit(&instr{op: o, src: []*value{v}, param: p, text: v.text})
}

// load returns the next 16 elements of a slice, bf16 widened. store writes them, bf16 in the low
// halves of the lanes.
func (k *kernel) load(slice string) *value      { return k.loadOf(slice, false) }
func (k *kernel) loadUpper(slice string) *value { return k.loadOf(slice, true) }

func (k *kernel) loadOf(slice string, upper bool) *value {
	a := k.walk(slice, upper)
	a.in = true
	return k.emit(&instr{op: opLoad, dst: &value{text: slice, tight: true}, array: a})
}

func (k *kernel) store(slice string, v *value)      { k.storeOf(slice, false, v) }
func (k *kernel) storeUpper(slice string, v *value) { k.storeOf(slice, true, v) }

func (k *kernel) storeOf(slice string, upper bool, v *value) {
	a := k.walk(slice, upper)
	a.out = true
	text := slice + " = " + v.text
	if v.text == slice {
		text = "store"
	}
	k.emit(&instr{op: opStore, src: []*value{v}, array: a, text: text})
}

// storeStreaming stores full rounds with streaming stores, if the instruction set has them, to
// addresses that are multiples of 64.
func (k *kernel) storeStreaming(slice string, v *value) {
	k.walk(slice, false).streaming = true
	k.store(slice, v)
}

// fetch prefetches the elements of a slice that lie ahead bytes ahead.
func (k *kernel) fetch(slice string, ahead int) { k.fetchOf(slice, false, ahead) }

func (k *kernel) fetchOf(slice string, upper bool, ahead int) {
	k.emit(&instr{op: opFetch, array: k.walk(slice, upper), imm: ahead})
}

// walk returns the array of the running loop that is slice or its second half.
func (k *kernel) walk(slice string, upper bool) *array {
	for _, a := range k.loop.arrays {
		if a.param.name == slice && a.upper == upper {
			return a
		}
	}
	a := &array{param: k.param(slice), upper: upper}
	k.loop.arrays = append(k.loop.arrays, a)
	return a
}

// inside collects what f describes as the body of in.
func (k *kernel) inside(in *instr, f func()) {
	k.emit(in)
	was := k.into
	k.into = &in.body
	f()
	k.into = was
}

// each runs body over the elements of a slice, or over as many as an int argument says.
func (k *kernel) each(count string, body func()) { k.over(&loop{count: k.param(count)}, body) }

// stream is each for much data in memory and little to do: 4 rounds at a time, one slice
// prefetched.
func (k *kernel) stream(count, ahead string, body func()) {
	l := &loop{count: k.param(count), unrolled: 4}
	k.over(l, func() {
		l.ahead = k.walk(ahead, false)
		body()
	})
}

// blocks is each for a count that is often a multiple of 64.
func (k *kernel) blocks(count string, body func()) {
	k.over(&loop{count: k.param(count), unrolled: 4, interleaved: true}, body)
}

// pairs runs body over half the length of slice count, again for every run of that length in the
// slice all. The other slices are as long as all; count starts anew with every run.
func (k *kernel) pairs(count, all string, body func()) {
	k.inside(&instr{op: opRuns, param: k.param(all)}, func() {
		k.over(&loop{count: k.param(count), halfLength: true, runs: true}, body)
	})
}

func (k *kernel) over(l *loop, body func()) {
	k.loop, l.rows = l, k.lines != nil
	k.inside(&instr{op: opLoop, loop: l}, body)
	k.loop = nil
}

// rows runs body for each of rows rows of the slices in lines.
func (k *kernel) rows(lines []line, body func()) {
	k.lines = lines
	k.inside(&instr{op: opRows, lines: lines}, body)
	k.lines = nil
}

// apart returns rows of a slice that lie as far apart as an int argument says; every returns rows
// of n elements.
func (k *kernel) apart(slice, step string) line {
	return line{slice: k.param(slice), apart: k.param(step)}
}

func (k *kernel) every(n int, slice string) line { return line{slice: k.param(slice), n: n} }

// unlessEqual skips body where lane 0 of a equals that of b.
func (k *kernel) unlessEqual(a, b *value, body func()) {
	k.inside(&instr{op: opUnlessEqual, src: []*value{a, b}, text: a.text + " = " + b.text + "?"}, body)
}
