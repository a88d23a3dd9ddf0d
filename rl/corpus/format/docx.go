package format

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// docxText returns the text of a document of Word.
func docxText(raw []byte, o Options) (Record, error) {
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return Record{Skip: "no docx: " + err.Error()}, nil
	}
	text, err := docxBody(z, o.Stop)
	if stop := o.Stop(); stop != nil {
		return Record{}, stop
	}
	if err != nil {
		return Record{Skip: "a docx that is damaged: " + err.Error()}, nil
	}
	r := Record{Text: clean(text)}
	if f, err := z.Open("docProps/core.xml"); err == nil {
		defer f.Close()
		var about struct {
			Title string `xml:"title"`
		}
		if xml.NewDecoder(io.LimitReader(f, 1<<20)).Decode(&about) == nil {
			r.Title = oneLine(about.Title)
		}
	}
	return r, nil
}

// docxBody returns the text of the body: what is deleted is not in it, as Word shows it.
func docxBody(z *zip.Reader, stop func() error) (string, error) {
	f, err := z.Open("word/document.xml")
	if err != nil {
		return "", err
	}
	defer f.Close()
	var out strings.Builder
	limited := &io.LimitedReader{R: f, N: fileBytes}
	in := xml.NewDecoder(limited)
	inText, row := false, 0
	for n := 0; ; n++ {
		if n%4096 == 0 {
			if err := stop(); err != nil {
				return "", err
			}
		}
		token, err := in.Token()
		switch {
		case err == io.EOF:
			return out.String(), nil
		case err != nil && limited.N == 0:
			return "", fmt.Errorf("its text has more than %d MB: split it", fileBytes>>20)
		case err != nil:
			return "", err
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "t":
				inText = true
			case "tab":
				out.WriteByte('\t')
			case "br", "cr":
				out.WriteByte('\n')
			case "tr":
				row++
			}
		case xml.EndElement:
			switch t.Name.Local {
			case "t":
				inText = false
			case "p":
				if row > 0 {
					out.WriteByte(' ')
				} else {
					out.WriteString("\n\n")
				}
			case "tc":
				out.WriteByte('\t')
			case "tr":
				row--
				out.WriteByte('\n')
			case "tbl":
				out.WriteByte('\n')
			}
		case xml.CharData:
			if inText {
				out.Write(t)
			}
		}
	}
}
