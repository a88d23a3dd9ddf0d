package tensor

import "testing"

// TestMomentLayout: words of all rows lie apart, inside what Bytes says; slices of rows are views
// of them, and the rest is refused.
func TestMomentLayout(t *testing.T) {
	for _, cols := range []int{1, 4, 5, 1023, 1024, 1025, 4097} {
		const rows = 5
		a, err := MapArena("test", 1<<18)
		if err != nil {
			t.Fatal(err)
		}
		a.New(M8, 2, 7) // so that the next starts elsewhere
		before := a.Used()
		whole := a.New(V8, rows, cols)
		codes, bases := MomentWords(cols)
		words := whole.Words()
		if 4*codes < cols || MomentRun*bases < cols || words.Rows != rows || words.Cols != codes+bases ||
			!words.Contiguous() {
			t.Errorf("%v has %d words of codes, %d bases, and is %v of words", whole, codes, bases, words)
		}
		if end := 4 * (words.Off + words.Len()); 4*words.Off < before || end > a.Used() ||
			a.Used()-before > Bytes(V8, rows, cols)+Align {
			t.Errorf("%v lies from byte %d to %d; the arena ends at %d", whole, 4*words.Off, end, a.Used())
		}
		part := Elems[uint32](whole.Slice(1, 4).Words())
		for i := range part {
			part[i]++
		}
		for i, v := range Elems[uint32](words) {
			if row := i / words.Cols; (v == 1) != (row >= 1 && row < 4) {
				t.Fatalf("%v: word %d of row %d is %d", whole, i%words.Cols, row, v)
			}
		}
		for name, f := range map[string]func(){
			"columns": func() { whole.ColSlice(0, 1) }, "another shape": func() { whole.Reshape(cols*rows, 1) },
			"words of f32": func() { a.New(F32, 1, 1).Words() },
			"a value":      func() { Encode(make([]byte, 1), M8, []float32{1}) },
			"rounding":     func() { Round(V8, 1.0) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s of %v was not refused", name, whole)
					}
				}()
				f()
			}()
		}
		a.Free()
	}
}
