package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"spell/rl/corpus"
	corpora "spell/rl/corpus/build"
	texts "spell/rl/corpus/decode"
	"spell/rl/corpus/folder"
)

// readDocuments reads the documents at a path, whole: of a folder of text files, of a corpus, a file, or standard
// input. show is told how far that is.
func readDocuments(cmd *cobra.Command, path string, show func(done, total int)) (docs []corpus.Document, err error) {
	ctx := cmd.Context()
	if path != "-" && corpora.Is(path) {
		_, host := machine()
		c, _, err := corpora.Open(ctx, path, host, show)
		if err != nil {
			return nil, err
		}
		for _, k := range c.Clusters {
			docs = append(docs, k.Docs...)
		}
		return docs, nil
	}
	if info, err := os.Stat(path); path != "-" && (err != nil || info.IsDir()) {
		files, _, err := folder.Texts(ctx, path, folder.Options{OnProgress: show})
		for _, t := range files {
			docs = append(docs, corpus.Document(t))
		}
		return docs, err
	}
	raw, name, err := readInput(cmd, path)
	if err != nil {
		return nil, err
	}
	d, err := texts.Decode(raw, ctx.Err)
	switch {
	case errors.Is(err, texts.ErrBinary), errors.Is(err, texts.ErrUnknown):
		return nil, fmt.Errorf("%s is %w; spell corpus reads other formats, such as PDF and docx", name, err)
	case err != nil:
		return nil, err
	case d.Text == "":
		return nil, fmt.Errorf("%s has no text", name)
	}
	if path != "-" {
		name = filepath.Base(path)
	}
	return []corpus.Document{{Name: name, Text: d.Text}}, nil
}
