package format

import (
	"bytes"
	"errors"
	"math"
	"strings"

	"github.com/ledongthuc/pdf"
)

// pdfText returns the text of a PDF, a page after another.
func pdfText(raw []byte, o Options) (r Record, err error) {
	defer func() { // how the library answers to some files that are damaged
		if p := recover(); p != nil {
			r, err = Record{Skip: "a PDF that is damaged"}, nil
		}
	}()
	in, err := pdf.NewReader(bytes.NewReader(raw), int64(len(raw)))
	switch {
	case errors.Is(err, pdf.ErrInvalidPassword):
		return Record{Skip: "a PDF with a password"}, nil
	case err != nil:
		return Record{Skip: "no PDF that can be read: " + strings.TrimSpace(err.Error())}, nil
	}
	r.Title = oneLine(in.Trailer().Key("Info").Key("Title").Text())
	var text strings.Builder
	pages := in.NumPage()
	for n := 1; n <= pages && text.Len() < fileBytes; n++ {
		if err := o.Stop(); err != nil {
			return r, err
		}
		text.WriteString(pageText(in.Page(n).Content().Text))
		text.WriteString("\n\n")
	}
	if r.Text = clean(text.String()); r.Text == "" && pages > 0 {
		r.Skip = "a PDF without text, as of a scan"
	}
	return r, nil
}

// pageText returns the glyphs of a page as text: their distances tell words, lines and paragraphs.
func pageText(glyphs []pdf.Text) string {
	var out strings.Builder
	for i, g := range glyphs {
		if i > 0 {
			last := glyphs[i-1]
			size := max(1, math.Abs(last.FontSize))
			down, along := math.Abs(last.Y-g.Y), g.X-(last.X+last.W)
			switch {
			case down > 1.7*size:
				out.WriteString("\n\n")
			case down > 0.6*size:
				out.WriteByte('\n')
			case (along > 0.17*size || along < -2*size) && g.S != " " && last.S != " ":
				out.WriteByte(' ')
			}
		}
		out.WriteString(g.S)
	}
	return out.String()
}
