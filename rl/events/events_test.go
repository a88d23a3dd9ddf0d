package events_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"spell/rl/events"
)

// An event is one as the reader of this test has it, which knows the format from its definition alone.
type event struct {
	time    float64
	step    uint64
	version string
	values  map[string]float32
}

// crc32c is the checksum by its definition, bit by bit, masked as records have it.
func crc32c(b []byte) uint32 {
	c := ^uint32(0)
	for _, v := range b {
		c ^= uint32(v)
		for range 8 {
			low := c & 1
			if c >>= 1; low != 0 {
				c ^= 0x82f63b78
			}
		}
	}
	c = ^c
	return (c>>15 | c<<17) + 0xa282ead8
}

// fields calls do for the fields of a message.
func fields(t *testing.T, b []byte, do func(field int, number uint64, bytes []byte)) {
	t.Helper()
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		b = b[n:]
		switch key & 7 {
		case 0:
			v, n := binary.Uvarint(b)
			do(int(key>>3), v, nil)
			b = b[n:]
		case 1:
			do(int(key>>3), binary.LittleEndian.Uint64(b), nil)
			b = b[8:]
		case 2:
			size, n := binary.Uvarint(b)
			do(int(key>>3), 0, b[n:n+int(size)])
			b = b[n+int(size):]
		case 5:
			do(int(key>>3), uint64(binary.LittleEndian.Uint32(b)), nil)
			b = b[4:]
		default:
			t.Fatalf("wire type %d", key&7)
		}
	}
}

// read returns the events of a file, all of whose records must be whole.
func read(t *testing.T, path string) (list []event) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) > 0 {
		size := binary.LittleEndian.Uint64(b)
		if binary.LittleEndian.Uint32(b[8:]) != crc32c(b[:8]) {
			t.Fatal("the checksum of a length is wrong")
		}
		data := b[12 : 12+size]
		if binary.LittleEndian.Uint32(b[12+size:]) != crc32c(data) {
			t.Fatal("the checksum of an event is wrong")
		}
		b = b[16+size:]
		e := event{values: map[string]float32{}}
		fields(t, data, func(field int, number uint64, bytes []byte) {
			switch field {
			case 1:
				e.time = math.Float64frombits(number)
			case 2:
				e.step = number
			case 3:
				e.version = string(bytes)
			case 5:
				fields(t, bytes, func(_ int, _ uint64, value []byte) {
					var tag string
					fields(t, value, func(field int, number uint64, bytes []byte) {
						if field == 1 {
							tag = string(bytes)
						} else if field == 2 {
							e.values[tag] = math.Float32frombits(uint32(number))
						}
					})
				})
			}
		})
		list = append(list, e)
	}
	return list
}

// add adds an event of a step, three seconds and a half after 1970 for each.
func add(t *testing.T, f *events.File, step int) {
	t.Helper()
	type part struct {
		Name   string `json:"name"`
		Tokens int    `json:"tokens"`
	}
	metrics := map[string]any{"step": step, "pass_rate": 0.5, "done": true, "text": "no number", "none": nil,
		"update": map[string]any{"grad_norm": float64(step) / 4, "parts": []part{{"questioner", 7}, {"responder", 8}}},
		"m":      []int{5, 6}}
	if err := f.Add(step, time.UnixMilli(int64(3500*step)), metrics); err != nil {
		t.Fatal(err)
	}
}

func want(step int) event {
	return event{3.5 * float64(step), uint64(step), "", map[string]float32{"pass_rate": 0.5, "done": 1,
		"update/grad_norm": float32(step) / 4, "update/parts/questioner/tokens": 7, "update/parts/responder/tokens": 8,
		"m/0": 5, "m/1": 6}}
}

func goOn(t *testing.T, dir string, step int) (*events.File, string) {
	t.Helper()
	f, err := events.GoOn(dir, step)
	if err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "tensorboard", "*tfevents*"))
	if len(found) != 1 {
		t.Fatalf("files: %q", found)
	}
	return f, found[0]
}

// TestEvents: what is written is what the format's definition makes of it.
func TestEvents(t *testing.T) {
	f, path := goOn(t, t.TempDir(), 0)
	add(t, f, 1)
	add(t, f, 300)
	all := []event{{0, 0, "brain.Event:2", map[string]float32{}}, want(1), want(300)}
	if got := read(t, path); !reflect.DeepEqual(got, all) {
		t.Errorf("events are %+v, want %+v", got, all)
	}
}

// TestGoesOn: a run that goes on from a step leaves the events of a run that was left alone, whatever a
// killed process had begun to write.
func TestGoesOn(t *testing.T) {
	alone, path := goOn(t, t.TempDir(), 0)
	for step := range 4 {
		add(t, alone, step+1)
	}
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range all {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "tensorboard"), 0o777); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, "tensorboard", filepath.Base(path))
		if err := os.WriteFile(name, all[:cut], 0o666); err != nil {
			t.Fatal(err)
		}
		f, _ := goOn(t, dir, 2)
		for step := range 4 {
			if begins := len(read(t, name)); step+1 >= begins {
				add(t, f, step+1)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != string(all) {
			t.Fatalf("cut at %d of %d bytes, the file has %d: %v", cut, len(all), len(got), err)
		}
	}
}

// TestRefusals: what is no event file stays as it is.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	_, path := goOn(t, dir, 0)
	if err := os.WriteFile(path, []byte("my notes\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := events.GoOn(dir, 3); err == nil || !strings.Contains(err.Error(), path+" is no event file") {
		t.Errorf("a file of somebody's: %v", err)
	}
	if _, err := events.Begin(dir); err == nil || !strings.Contains(err.Error(), path+" is there already") {
		t.Errorf("beginning beside a file of somebody's: %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "my notes\n" {
		t.Errorf("it is now %q", got)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := events.GoOn(dir, 3); err == nil || !strings.Contains(err.Error(), fmt.Sprint(path, ": ")) {
		t.Errorf("a folder in its place: %v", err)
	}
}
