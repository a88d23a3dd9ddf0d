package tensor

import (
	"testing"
	"unsafe"
)

// TestInt8Layout: integers and scales of all elements lie apart, inside what Bytes says, scales
// aligned, and slices of rows see those of the whole.
func TestInt8Layout(t *testing.T) {
	for _, cols := range []int{1, 3, 4, 63, 64, 65, 130} {
		for _, rows := range []int{1, 31, 32, 33, 70} {
			a, err := MapArena("test", 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			a.New(I8, 2, 7) // so that the next starts elsewhere
			before := a.Used()
			m := a.New(I8, rows, cols)
			n := Bytes(I8, rows, cols)
			if m.Off < before || m.Off+n < a.Used() || a.Used()-before > n+Align {
				t.Errorf("%v lies from byte %d on, the arena is used from %d to %d", m, m.Off, before, a.Used())
			}
			q, scale := Int8(m)
			if uintptr(unsafe.Pointer(&scale[0]))%4 != 0 {
				t.Errorf("%v: scales are not aligned", m)
			}
			for i := range rows {
				for j := range cols {
					at, s := m.Int8At(i, j)
					q[at]++
					if j%Int8Run == 0 {
						scale[s] += 1.5
					}
				}
			}
			for _, cut := range [][2]int{{0, rows}, {rows / 3, rows}, {rows / 2, rows/2 + 1}, {rows - 1, rows}} {
				part := m.Slice(0, cut[1]).Slice(cut[0], cut[1])
				ofPart, scaleOfPart := Int8(part)
				for i := range part.Rows {
					for j := range cols {
						at, s := m.Int8At(cut[0]+i, j)
						if q[at] != 1 || scale[s] != 1.5 {
							t.Fatalf("%v: element [%d, %d] is shared", m, cut[0]+i, j)
						}
						inPart, sInPart := part.Int8At(i, j)
						if &q[at] != &ofPart[inPart] || &scale[s] != &scaleOfPart[sInPart] {
							t.Fatalf("%v: element [%d, %d] is another than row %d of the whole", part, i, j, cut[0]+i)
						}
					}
				}
			}
			for name, f := range map[string]func(){
				"columns": func() { m.ColSlice(0, 1) }, "another shape": func() { m.Slice(0, 1).Reshape(cols, 1) },
				"a value": func() { Encode(make([]byte, 1), I8, []float32{1}) }, "elements": func() { Elems[int8](m) },
			} {
				if !panics(f) {
					t.Errorf("%s of %v was not refused", name, m)
				}
			}
			a.Free()
		}
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
