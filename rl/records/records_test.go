package records

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// reader is one of records that have a question; what it finds is added to found.
func reader(found *[]string) *Reader {
	return &Reader{
		Known: func(f map[string]any) bool { return f["question"] != nil },
		Form:  "write it",
		Record: func(at Place, v any) error {
			fields, _ := v.(map[string]any)
			*found = append(*found, fmt.Sprintf("%s %d at %d: %v", at.Unit, at.Number, at.Line, fields["question"]))
			return nil
		},
		Bad: func(at Place, err error) error {
			rest := map[bool]string{true: ", and the rest is not read"}[at.Rest]
			*found = append(*found, fmt.Sprintf("%s %d at %d is bad: %v%s", at.Unit, at.Number, at.Line, err, rest))
			return nil
		},
	}
}

// TestForms: every form of a file gives its records with their places, and a damaged record does not
// take others with it.
func TestForms(t *testing.T) {
	zipped := func(text string) string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write([]byte(text))
		z.Close()
		return out.String()
	}
	for _, tt := range []struct{ name, text, want string }{
		{"lines.jsonl", "{\"question\": \"a\"}\n\n{\"question\": }\n{\"question\": NaN}\n",
			"line 1 at 1: a; line 3 at 3 is bad: this is not JSON, '}' stands where a value is wanted (byte 14); " +
				"write it, one object per line; line 4 at 4: 1e99999"},
		{"latin.jsonl", "{\"question\": \"\xe9\"}\n{\"question\": \"b\"}",
			"line 1 at 1 is bad: the text is not UTF-8, it has the byte 0xe9; convert it (byte 15); line 2 at 2: b"},
		{"list.json", "[\n {\n  \"question\": \"a\"\n },\n {\"question\": \"b}\n },\n {\"question\": \"c\"}\n]",
			"row 1 at 2: a; line 5 at 5 is bad: this is not JSON, the control character '\\n' stands in a string " +
				"(byte 45); write it, one object per line or all in one list; row 3 at 7: c"},
		{"cut.json", `[{"question": "a"}, {"question": "b`,
			"row 1 at 1: a; line 1 at 1 is bad: this is not JSON, it ends within a string (byte 36); write it, " +
				"one object per line or all in one list, and the rest is not read"},
		{"data.json", `{"version": 1, "data": [{"question": "a"}, {"question": "b"}]}`, "row 1 at 0: a; row 2 at 0: b"},
		{"one.json", "{\n\"question\": \"a\"\n}", "row 1 at 0: a"},
		{"table.csv", "question,answer\na,b\nc\n\"d\ne\",f\n\"g,h\ni,j\n",
			"line 2 at 2: a; line 3 at 3 is bad: the row has another number of fields than the 2 of the header; put " +
				"quotes around a text that holds what separates fields; line 4 at 4: d\ne; line 6 at 6 is bad: a " +
				"field in quotes has no closing quote, or text behind it; write \"\" for a quote within one"},
		{"table.tsv", "other\tquestion\n1\ta, b\n", "line 2 at 2: a, b"},
		{"unknown.tsv", "other\tname\n1\ta, b\n", "line 2 at 2: <nil>"},
		{"latin.csv", "question\n\xe9\nb\n", "line 2 at 2 is bad: the text is not UTF-8; convert the file; line 3 at 3: b"},
		{"twice.csv", "question,question\na,b\n", "line 1 at 1 is bad: the header has the field \"question\" twice; rename one of them"},
		{"zipped.jsonl.gz", zipped("{\"question\": \"a\"}\n"), "line 1 at 1: a"},
		{"zipped.json.gz", zipped("\ufeff\n [{\"question\": NaN}]"), "row 1 at 2: 1e99999"},
		{"many.json", strings.Repeat("\n", 1<<13) + "[{\"question\": \"a\"}]", "row 1 at 8193: a"},
		{"empty.json", "", ""},
	} {
		path := filepath.Join(t.TempDir(), tt.name)
		if err := os.WriteFile(path, []byte(tt.text), 0o666); err != nil {
			t.Fatal(err)
		}
		var found []string
		sum, err := reader(&found).Read(path)
		if got := strings.Join(found, "; "); got != tt.want || err != nil || len(sum) != 64 {
			t.Errorf("%s holds\n%s\nand %v, want\n%s", tt.name, got, err, tt.want)
		}
	}
	var found []string
	r := reader(&found)
	cut := filepath.Join(t.TempDir(), "cut.gz")
	if err := os.WriteFile(cut, []byte(zipped("[{}, {}]"))[:20], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(cut); err == nil || !strings.Contains(err.Error(), cut+" cannot be unpacked by gzip") {
		t.Errorf("half a file in gzip: %v", err)
	}
	stop := errors.New("enough")
	r.Record = func(Place, any) error { return stop }
	for _, name := range []string{"pairs.parquet", "list.json", "pairs.jsonl", "table.csv", "data.json"} {
		r.Known = func(f map[string]any) bool { return f["prompt"] != nil }
		if _, err := r.Read("../sft/testdata/read/" + name); err != stop {
			t.Errorf("%s: the reading ends with %v", name, err)
		}
	}
}

// TestColumns: columns that are not asked for are not read, and a table without any tells its names.
func TestColumns(t *testing.T) {
	for columns, want := range map[string]int{"question": 1, "question answer": 2, "none": 3} {
		var fields map[string]any
		r := Reader{Columns: strings.Fields(columns), Record: func(_ Place, v any) error {
			fields = v.(map[string]any)
			return nil
		}}
		if _, err := r.Read("../sft/testdata/read/pairs.parquet"); err != nil || len(fields) != want {
			t.Errorf("%s: %v, %v", columns, fields, err)
		}
	}
}

// TestDamagedParquet: a Parquet file with wrong bytes, or a part of one, gives records or an error.
func TestDamagedParquet(t *testing.T) {
	for _, name := range []string{"messages", "pairs", "alpaca"} {
		raw, err := os.ReadFile("../sft/testdata/read/" + name + ".parquet")
		if err != nil {
			t.Fatal(err)
		}
		tried, refused := 0, 0
		for at := 0; at < len(raw); at += 13 {
			for _, bad := range [][]byte{raw[:at], slices.Concat(raw[:at], []byte{raw[at] ^ 0x55}, raw[at+1:])} {
				tried++
				var found []string
				f := &file{Reader: reader(&found), path: "x"}
				if err := f.read(bytes.NewReader(bad)); err != nil {
					refused++
					if s := err.Error(); strings.Contains(s, "reader") || strings.Contains(s, "offset") ||
						len(bad) < len(raw) && len(bad) > 4 && !strings.Contains(s, "not a whole Parquet file") {
						t.Fatalf("%s, %d bytes: %v", name, len(bad), err)
					}
				}
			}
		}
		if refused < tried*2/5 { // those that are cut; a wrong byte may be one of text
			t.Errorf("%s: %d of %d damaged files are refused", name, refused, tried)
		}
	}
}

// TestDamagedTable: a row that is no CSV is told with its line, in plain words.
func TestDamagedTable(t *testing.T) {
	for text, want := range map[string]string{
		"a,b,c\n":                   "line 2 at 2 is bad: the row has another number of fields than the 2 of the header",
		"a,b\na\n":                  "line 3 at 3 is bad: the row has another number of fields",
		"a,b\n\"a,b\nc,d\n":         "line 3 at 3 is bad: a field in quotes has no closing quote",
		"\"a\" b,c\n":               "line 2 at 2 is bad: a field in quotes has no closing quote, or text behind it",
		"a,b\na \"b\" c,d\n":        "line 3 at 3 is bad: a quote stands in a field that has none around it",
		"\"two\nlines\",b\na,b,c\n": "line 4 at 4 is bad: the row has another number of fields",
	} {
		var found []string
		f := &file{Reader: reader(&found), path: "x.csv"}
		err := f.read(strings.NewReader("question,answer\n" + text))
		got := strings.Join(found, "; ")
		if err != nil || !strings.Contains(got, want) || strings.Contains(got, "extraneous") {
			t.Errorf("%q: %s, %v, want %s", text, got, err, want)
		}
	}
	var found []string
	err := (&file{Reader: reader(&found), path: "x.csv"}).read(strings.NewReader("question,\"answer\na,b\n"))
	if err != nil || len(found) != 1 || !strings.HasPrefix(found[0], "line 1 at 1 is bad: a field in quotes") {
		t.Error(found, err)
	}
}
