package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"spell/tokenizer"
)

func tokenizeCommand() *cobra.Command {
	var dir, file string
	var decode, spans bool
	cmd := &cobra.Command{
		Use:   "tokenize (--model DIR | --tokenizer FILE)",
		Short: "Turn text into token ids, or back",
		Long:  "tokenize reads a JSON string a line from standard input and prints a JSON array of token ids a line,\nwithout adding special tokens. With --decode it is the other way round,\nand --spans prints [id, start, end] with the bytes of the text each id stands for.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if (dir == "") == (file == "") {
				return errors.New("name either --model DIR or --tokenizer FILE")
			}
			if dir != "" {
				file = filepath.Join(dir, "tokenizer.json")
			}
			t, err := tokenizer.Load(file)
			if err != nil {
				return err
			}
			in := json.NewDecoder(bufio.NewReader(cmd.InOrStdin()))
			buf := bufio.NewWriter(cmd.OutOrStdout())
			out := json.NewEncoder(buf)
			out.SetEscapeHTML(false)
			for line := 1; ; line++ {
				var text string
				var ids []int32
				if decode {
					err = in.Decode(&ids)
				} else {
					err = in.Decode(&text)
				}
				if err == io.EOF {
					return buf.Flush()
				} else if err != nil {
					return fmt.Errorf("standard input, value %d: %w; write a JSON %s a line", line, err, map[bool]string{true: "array of ids", false: "string"}[decode])
				}
				switch {
				case spans:
					ids, at := t.EncodeSpans(text)
					list := make([][3]int, len(ids))
					for i, id := range ids {
						list[i] = [3]int{int(id), at[i].Start, at[i].End}
					}
					err = out.Encode(list)
				case decode:
					for _, id := range ids {
						if id < 0 || int(id) >= t.VocabSize() {
							return fmt.Errorf("standard input, value %d: id %d lies outside the vocabulary of %d", line, id, t.VocabSize())
						}
					}
					err = out.Encode(t.Decode(ids))
				default:
					err = out.Encode(append([]int32{}, t.Encode(text)...))
				}
				if err != nil {
					return err
				}
			}
		},
	}
	cmd.Flags().StringVar(&dir, "model", "", "model directory that holds tokenizer.json")
	cmd.Flags().StringVar(&file, "tokenizer", "", "tokenizer.json")
	cmd.Flags().BoolVar(&spans, "spans", false, "print where in the text each id comes from, too")
	cmd.Flags().BoolVar(&decode, "decode", false, "read ids, print text")
	cmd.MarkFlagsMutuallyExclusive("decode", "spans")
	return cmd
}
