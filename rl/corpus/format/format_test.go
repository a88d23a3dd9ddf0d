package format

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// pdfOf returns a PDF with a page for each list of lines.
func pdfOf(pages ...[]string) string {
	var out strings.Builder
	var at []int
	object := func(body string) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(at), body)
	}
	out.WriteString("%PDF-1.4\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	object(fmt.Sprintf("<</Type/Pages/Kids[%s]/Count %d>>", kids.String(), len(pages)))
	var widths strings.Builder
	for range 95 {
		widths.WriteString("600 ")
	}
	object("<</Type/Font/Subtype/Type1/BaseFont/Courier/FirstChar 32/LastChar 126/Widths[" + widths.String() + "]>>")
	for i, lines := range pages {
		object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>", 5+2*i))
		text := "BT /F1 10 Tf 50 700 Td "
		for _, l := range lines {
			text += "(" + l + ") Tj 0 -12 Td "
		}
		text += "ET"
		object(fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(text), text))
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, start)
	return out.String()
}

func docxOf(t *testing.T, body string) string {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range map[string]string{
		"word/document.xml": `<w:document xmlns:w="w"><w:body>` + body + `</w:body></w:document>`,
		"docProps/core.xml": `<cp xmlns:dc="d"><dc:title>A title</dc:title></cp>`,
	} {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func parquetOf[T any](t *testing.T, rows []T) string {
	t.Helper()
	var out bytes.Buffer
	if err := parquet.Write(&out, rows); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// told returns records and the end of a file as lines.
func told(t *testing.T, path string, at Place, o Options) (lines []string, places []Place) {
	t.Helper()
	r, err := Open(path, at, o)
	if err != nil {
		return []string{"not read: " + err.Error()}, nil
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines, places
		}
		if err != nil {
			return append(lines, "broken: "+err.Error()), places
		}
		parts := []string{rec.Label, rec.Title, rec.Text, rec.Skip, rec.Note}
		lines, places = append(lines, strings.Join(parts, "|")), append(places, rec.Next)
	}
}

type article struct {
	Title string `parquet:"title"`
	Text  string `parquet:"text"`
	Stars int64  `parquet:"stars"`
}

type numbers struct {
	Stars int64 `parquet:"stars"`
}

// TestFormats: what each format gives, and from whatever record one goes on, the rest is the same.
func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, text string
		field      string
		want       []string
	}{
		{"a.txt", " One\r\ntwo ", "", []string{"||One\ntwo||"}},
		{"a.text", "caf\xe9 au lait", "", []string{"||café au lait||Windows-1252"}},
		{"empty.txt", "", "", []string{"|||empty|"}},
		{"binary.md", "a\x00b", "", []string{"|||binary|"}},
		{"a.MD", "# Head\n\ntext", "", []string{"|Head|# Head\n\ntext||"}},
		{"a.html", "<html><head><title>A  page</title><style>p{}</style></head><body><nav>menu</nav><h1>Head</h1>" +
			"<p>One &amp; <b>two</b>\n three.<p>Four<br>five<script>x()</script><ul><li>six<li>seven</ul>" +
			"<table><tr><td>a<td>b<tr><td>c<td>d</table><pre>x\n  y</pre><footer>end</footer>", "",
			[]string{"|A page|Head\n\nOne & two three.\n\nFour\nfive\n\n- six\n- seven\n\na\tb\nc\td\n\nx\n  y||"}},
		{"deep.html", strings.Repeat("<div>", 100) + "deep", "", []string{"||deep||"}},
		{"none.htm", "<p>", "", []string{"|||empty|"}},
		{"a.jsonl", "\ufeff{\"text\": \"one\", \"title\": \"T\"}\n\n\"two\"\r\n{\"text\": 3}\n{\"body\": \"four\\u0000x\"}\n[]\n{\"a\": 1}\n{", "",
			[]string{"line 1|T|one||", "line 3||two||", `line 4|||the field "text" is no text|`, "line 5||four x||",
				"line 6|||neither an object nor a text|",
				"line 7|||no field of a text that is known, but a: name the one with --set field=NAME|",
				"line 8|||not JSON: it ends where a name in double quotes is wanted (byte 2)|"}},
		{"field.jsonl", `{"text": "one", "abstract": "two"}` + "\n{\"text\": \"x\"}\n", "abstract",
			[]string{"line 1||two||", `line 2|||no field "abstract", but text|`}},
		{"a.csv", "\ufeffid,Text\n1,\"one\n\"\"two\"\"\"\n2,three\n3\n", "", []string{"row 1|1|one\n\"two\"||", "row 2|2|three||",
			"row 3|||1 columns, and the text is in column 2|"}},
		{"semicolons.csv", "title;content\nT;one, two\n", "", []string{"row 1|T|one, two||"}},
		{"empty.csv", "", "", []string{"not read: it is empty"}},
		{"other.csv", "a,b\n1,2\n", "", []string{"not read: no column of a text that is known, but a, b: name the one with --set field=NAME"}},
		{"a.parquet", parquetOf(t, []article{{"T", "one", 1}, {"", "two", 2}, {"U", "", 3}}), "",
			[]string{"row 1|T|one||", "row 2||two||", "row 3|U||empty|"}},
		{"other.parquet", parquetOf(t, []numbers{{3}}), "", []string{"not read: no column of a text that is known, but stars: name the one with --set field=NAME"}},
		{"a.pdf", pdfOf([]string{"One two", "three."}, []string{"Four"}), "", []string{"||One two\nthree.\n\nFour||"}},
		{"scan.pdf", pdfOf(nil), "", []string{"|||a PDF without text, as of a scan|"}},
		{"a.docx", docxOf(t, `<w:p><w:r><w:t>One</w:t><w:tab/><w:t>two</w:t></w:r></w:p><w:p><w:r>`+
			`<w:delText>gone</w:delText><w:t>three</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc></w:tr></w:tbl>`), "",
			[]string{"|A title|One\ttwo\n\nthree\n\na||"}},
		{"cut.docx", docxOf(t, "<w:p><w:t>One"), "", []string{"|||a docx that is damaged: XML syntax error on line 1: element <t> closed by </body>|"}},
		{"a.zip", "PK", "", []string{`not read: files of the kind ".zip" are not read`}},
	} {
		path := filepath.Join(t.TempDir(), c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		o := Options{Field: c.field}
		got, places := told(t, path, Place{}, o)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
			continue
		}
		for i, at := range places {
			if rest, _ := told(t, path, at, o); !slices.Equal(rest, got[i+1:]) {
				t.Errorf("%s from %+v: %q, want %q", c.name, at, rest, got[i+1:])
			}
		}
	}
}

// TestDamaged: whatever is cut off or overwritten, a file ends with a sentence and without a panic.
func TestDamaged(t *testing.T) {
	for name, whole := range map[string]string{
		"a.parquet": parquetOf(t, []article{{"T", strings.Repeat("one ", 50), 1}, {"", "two", 2}}),
		"a.pdf":     pdfOf([]string{"One two", "three."}, []string{"Four"}),
		"a.docx":    docxOf(t, "<w:p><w:t>One</w:t></w:p>"),
		"a.jsonl":   "{\"text\": \"one\"}\n{\"text\": \"two\"}\n",
		"a.csv":     "text,b\n\"one\",2\n",
		"a.html":    "<p>one<table><td>two",
	} {
		path := filepath.Join(t.TempDir(), name)
		step := max(1, len(whole)/60)
		for n := 0; n < len(whole); n += step {
			for _, text := range []string{whole[:n], whole[:n] + "\xff\x00\x80" + whole[min(n+3, len(whole)):]} {
				if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
				lines, _ := told(t, path, Place{}, Options{})
				for _, l := range lines {
					if strings.ContainsAny(l, "\x00") {
						t.Errorf("%s cut at %d: %q", name, n, l)
					}
				}
			}
		}
	}
}

// TestParts: a long text is read in parts, which hold all of it and end with a paragraph.
func TestParts(t *testing.T) {
	paragraph := strings.Repeat("some words of a text ", 40) + "end.\n\n"
	text := strings.Repeat(paragraph, 3*PartBytes/2/len(paragraph))
	path := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	lines, places := told(t, path, Place{}, Options{})
	if len(lines) != 2 || places[1].Byte != int64(len(text)) {
		t.Fatalf("%d parts, %v", len(lines), places)
	}
	words := 0
	for i, l := range lines {
		if !strings.HasPrefix(l, fmt.Sprintf("part %d||some", i+1)) || !strings.HasSuffix(l, "end.||") {
			t.Errorf("part %d: %.40q", i, l)
		}
		words += len(strings.Fields(l))
	}
	if want := len(strings.Fields(text)) + 2; words != want { // and two labels
		t.Errorf("%d words, want %d", words, want)
	}
}
