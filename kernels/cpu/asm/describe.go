package main

// An op is an operation on vectors of 16 f32 lanes.
type op int

const (
	opLoad op = iota // 16 elements of array, 0 where it has ended
	opStore
	opAdd
	opSub
	opMul
	opDiv
	opMax // a > b ? a : b, so that b wins where one is NaN, and of two zeros
	opRaise
	opLower
	opSqrt
	opFMA     // a*b + c
	opFNMA    // c - a*b
	opNearest // to an integer, ties to even
	opScale2  // a * 2^b for an integral b, rounded once; src[2] is 1
	opAnd
	opOr
	opXor
	opAddInt
	opSubInt
	opShiftLeft
	opShiftRight
	opIfNaN    // where a is NaN b, else c
	opNonzero  // a where b is not 0, else 0; src[2] is 0
	opPresent  // a, but b in lanes beyond the end
	opStart    // an accumulator whose lanes are all a
	opSumTo    // accumulator += a, but for lanes beyond the end
	opMaxTo    // accumulator = max(accumulator, a)
	opNaNTo    // accumulator = a where that is NaN
	opStart64  // an accumulator of 16 f64 lanes, 0
	opSquareTo // accumulator += a*a in f64
	opTree     // sum of the lanes of an accumulator: those 8 apart, then 4, 2 and 1
	opTreeMax
	opTree64
	opPeek   // the f32 at imm bytes of a slice, in all lanes
	opPoke   // stores lane 0 there
	opReturn // lane 0 is the result
	opReturn64
	opAssign // src[0] = src[1], both outside loops
	opFetch  // prefetches array, imm bytes ahead
	opLoop
	opRows
	opRuns
	opUnlessEqual
)

// A value is a vector. What a loop computes lives in as many parts as the machine needs registers
// for 16 lanes; a uniform value, the same in every lane, in one.
type value struct {
	text   string // what it is, for comments
	tight  bool   // text needs no parentheses
	source *source
	def    *instr
	accu   int // registers per part, of an accumulator; else 0
	born   int // position of the instruction that defines it, 0 for a source
	last   int // position of its last use
	uses   int
	regs   []int
	inLoop bool
}

// A source is memory that holds a uniform value all the time: an argument, a field of the struct
// that an argument points to, or a constant.
type source struct {
	arg   string
	field string
	bits  uint32
}

// as names v in comments.
func (v *value) as(name string) *value {
	if v.def != nil {
		v.def.text = name + " = " + v.text
	}
	v.text, v.tight = name, true
	return v
}

// factor returns the text of v as a factor of a product.
func (v *value) factor() string {
	if v.tight {
		return v.text
	}
	return "(" + v.text + ")"
}

// An array is a slice of the signature as one loop walks it.
type array struct {
	param     *param
	upper     bool // its second half
	in, out   bool
	streaming bool // stores bypass the caches, if the instruction set can
}

// An instr is an operation, or a loop with its body.
type instr struct {
	op    op
	dst   *value
	src   []*value
	array *array
	imm   int
	text  string
	pos   int
	param *param
	body  []*instr
	loop  *loop
	lines []line // of opRows
	end   int    // of body
}

// A line says how far apart the rows of a slice lie: as many elements as an int argument says, or
// n.
type line struct {
	slice *param
	apart *param
	n     int
}

// A loop runs over count elements, 16 at a time.
type loop struct {
	count       *param // a slice, whose length counts, or an int
	halfLength  bool   // count elements are half the length
	arrays      []*array
	masks       bool   // the lanes beyond the end are told apart by more than load and store
	rows        bool   // it is inside opRows, and its arrays are rows
	unrolled    int    // full rounds that a first loop takes together; 0: there is no such loop
	ahead       *array // what that loop prefetches, if not nil
	runs        bool   // it is inside opRuns, which has set its pointers
	interleaved bool   // the unrolled rounds go through the body together, as far as there are registers
}

// A kernel is a primitive: a signature and its instructions.
type kernel struct {
	name        string
	doc         string
	params      []*param
	args        int  // bytes of arguments and results
	ownLengths  bool // slices have lengths of their own, which are not checked against the first
	body        []*instr
	into        *[]*instr // where instructions go
	loop        *loop
	lines       []line // of the opRows that is being described
	uniforms    []*value
	handwritten string // "transpose" or "peak": the body is written per machine
}
