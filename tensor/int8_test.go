package tensor

import (
	"testing"
	"unsafe"
)

// TestInt8Layout: integers and scales of all rows lie apart, inside what Bytes says, scales
// aligned.
func TestInt8Layout(t *testing.T) {
	for _, cols := range []int{1, 3, 4, 63, 64, 65, 130} {
		const rows = 5
		a, err := MapArena("test", 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		a.New(I8, 2, 7) // so that the next starts elsewhere
		before := a.Used()
		whole := a.New(I8, rows, cols)
		if n := (whole.Off + rows*whole.Stride); n > a.Used() || a.Used()-before > Bytes(I8, rows, cols)+Align {
			t.Errorf("%v ends at byte %d, the arena at %d", whole, n, a.Used())
		}
		end := a.Used()
		a.New(I8, 1, 1)
		for i := whole.Off; i < end; i++ {
			a.Host[i] = 0
		}
		m := whole.Slice(1, 4)
		q, scale := Int8(m)
		if uintptr(unsafe.Pointer(&scale[0]))%4 != 0 || m.Stride%4 != 0 {
			t.Errorf("%v: scales are not aligned", m)
		}
		for i := range m.Rows {
			for j := range cols {
				q[i*m.Stride+j]++
			}
			for r := range (cols + Int8Run - 1) / Int8Run {
				scale[i*m.Stride/4+r] += 1.5
			}
		}
		for i := range m.Rows {
			for j := range cols {
				if q[i*m.Stride+j] != 1 || scale[i*m.Stride/4+j/Int8Run] != 1.5 {
					t.Fatalf("%v: element [%d, %d] is shared", m, i, j)
				}
			}
		}
		for _, edge := range []Mat{whole.Slice(0, 1), whole.Slice(4, 5)} {
			for _, v := range Elems[int8](edge) {
				if v != 0 {
					t.Fatalf("%v: a row beside the slice was written", m)
				}
			}
		}
		for name, f := range map[string]func(){
			"columns": func() { m.ColSlice(0, 1) }, "another shape": func() { m.Slice(0, 1).Reshape(cols, 1) },
			"a value": func() { Encode(make([]byte, 1), I8, []float32{1}) },
		} {
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s of %v was not refused", name, m)
					}
				}()
				f()
			}()
		}
		a.Free()
	}
}
