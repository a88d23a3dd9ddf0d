package records

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestCursor: records of every form are read again as they were, in any order, those of plain text without
// what is before them.
func TestCursor(t *testing.T) {
	const (
		list  = "\n[{\"question\": \"a\"},\n {\"question\": NaN},\n {\"question\": },\n {\"question\": \"\\u00e9\"}]"
		lines = "{\"question\": \"a\"}\n\n{\"question\": }\n  {\"question\": Infinity} \r\n{\"question\": \"\u00e9\"}"
		table = "question;answer\n\n\"a\n;\"\"b\";c\r\nd\ne;f\n\n\"\u00e9\";\"\"\n"
		mark  = "\ufeff"
	)
	for _, tt := range []struct {
		name, text    string
		records       int
		alone, zipped bool
	}{
		{"list.json", list, 3, true, false},
		{"list.json.gz", list, 3, false, true},
		{"mark.json", mark + list, 3, true, false},
		{"lines.jsonl", lines, 3, true, false},
		{"mark.jsonl", mark + lines, 3, true, false},
		{"lines.jsonl.gz", lines, 3, false, true},
		{"table.csv", table, 3, true, false},
		{"mark.csv", mark + table, 3, true, false},
		{"table.csv.gz", table, 3, false, true},
		{"data.json", `{"data": ` + strings.Replace(list, " },", " 1},", 1) + "}", 4, false, false},
		{"pairs.parquet", "", 4, false, false},
	} {
		path := filepath.Join(t.TempDir(), tt.name)
		text := []byte(tt.text)
		if tt.text == "" {
			path = "../sft/testdata/read/" + tt.name
		} else if tt.zipped {
			var out bytes.Buffer
			z := gzip.NewWriter(&out)
			z.Write(text)
			z.Close()
			text = out.Bytes()
		}
		if tt.text != "" {
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		var found []string
		r := reader(&found)
		var places []Place
		var values []any
		r.Record = func(at Place, v any) error {
			places, values = append(places, at), append(values, v)
			return nil
		}
		if _, err := r.Read(path); err != nil || len(values) != tt.records {
			t.Fatalf("%s: %d records, %v, %v", tt.name, len(values), found, err)
		}
		c := r.Cursor(path)
		n := len(values)
		for i := range 4 * n { // in their order, each twice, and back
			k := []int{i % n, i / 2 % n, n - 1 - i%n}[min(i/n, 2)]
			v, err := c.Record(places[k])
			if err != nil || !reflect.DeepEqual(v, values[k]) || (places[k].size > 0) != tt.alone {
				t.Errorf("%v in %d bytes is then %v, %v, want %v", places[k], places[k].size, v, err, values[k])
			}
		}
		beyond := places[n-1]
		beyond.Number, beyond.offset = 100, 1000
		if v, err := c.Record(beyond); err == nil {
			t.Errorf("%s: behind its end is %v", tt.name, v)
		}
		c.Close()
		c.Close()
	}
}

// counted counts the bytes that are read of a text that repeats.
type counted struct {
	begin, again string
	n            int
}

func (c *counted) Read(p []byte) (int, error) {
	const most = 32 << 20
	if c.n > most {
		return 0, errors.New("all of it is read")
	}
	n := 0
	for n < len(p) {
		rest := c.begin
		if at := c.n - len(c.begin); at >= 0 {
			rest = c.again[at%len(c.again):]
		} else {
			rest = rest[c.n:]
		}
		k := copy(p[n:], rest)
		n, c.n = n+k, c.n+k
	}
	return n, nil
}

// TestOneByOne: records of a long text come as it is read.
func TestOneByOne(t *testing.T) {
	for _, tt := range []counted{
		{begin: "[", again: "{\"question\": \"a\"},\n"},
		{again: "{\"question\": \"a\"}\n"},
		{begin: "question,answer\n", again: "\"a\nb\",c\n"},
	} {
		const ahead, wanted = 4 << 20, 1 << 16
		enough := errors.New("enough")
		read := 0
		var found []string
		r := reader(&found)
		r.Record = func(at Place, v any) error {
			if read++; read == wanted {
				return enough
			}
			return nil
		}
		err := (&file{Reader: r, path: "x"}).read(&tt)
		if most := wanted*len(tt.again) + ahead; err != enough || tt.n > most {
			t.Errorf("%q: %v, %v, %d bytes are read for %d records", tt.again, err, found, tt.n, read)
		}
	}
}
