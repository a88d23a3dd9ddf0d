package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"spell/model/nano"
	"spell/rl/runner"
	"spell/tokenizer"
	"spell/tokenizer/chat"
)

// tokenizeFlags are what the user said.
type tokenizeFlags struct {
	dir, file, text    string
	raw, decode, spans bool
	asChat, noThink    bool
	template           string
}

func tokenizeCommand() *cobra.Command {
	var t tokenizeFlags
	cmd := &cobra.Command{
		Use:   "tokenize (--model DIR | --tokenizer FILE)",
		Short: "Turn text into token ids, or back",
		Long: "tokenize reads a JSON string per line from standard input and prints a JSON array of token ids\n" +
			"per line, without adding special tokens. With --raw each line is a text as it stands, without\n" +
			"its newline. --text takes one text from the command line. --spans prints [id, start, end] with\n" +
			"the bytes of the text that each id stands for.\n\n" +
			"--chat puts each text into the model's chat template as a user's turn, and prints an object with\n" +
			"the prompt and its ids, special tokens included: what the model sees when it is to reply.\n\n" +
			"--decode goes the other way, from arrays to strings, or with --raw to plain text.\n\n" +
			"Bytes that are no UTF-8 are tokenized as bytes. Half a surrogate pair in a JSON string is an error.",
		Example: "  echo '\"The ferry leaves\"' | spell tokenize --model path/to/model\n" +
			"  spell tokenize --model path/to/model --raw < lines.txt\n" +
			"  spell tokenize --model path/to/model --chat --text 'Where is the ferry?'\n" +
			"  echo '[464, 35095]' | spell tokenize --model path/to/model --decode",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&t.dir, "model", "", "model folder that holds tokenizer.json, GGUF file, "+nano.Paths())
	f.StringVar(&t.file, "tokenizer", "", "tokenizer.json")
	f.StringVar(&t.text, "text", "", "the text to tokenize, instead of standard input")
	f.BoolVar(&t.raw, "raw", false, "read lines of plain text, not JSON strings; with --decode: print them")
	f.BoolVar(&t.spans, "spans", false, "print where in the text each id comes from, too")
	f.BoolVar(&t.decode, "decode", false, "read ids, print text")
	f.BoolVar(&t.asChat, "chat", false, "print the prompt that the text makes as a user's turn, and its ids")
	f.StringVar(&t.template, "template", "", "with --chat: which of several chat templates of the model renders")
	f.BoolVar(&t.noThink, "no-thinking", false, "with --chat: set enable_thinking of the template to false")
	cmd.MarkFlagsMutuallyExclusive("chat", "decode", "spans")
	cmd.MarkFlagsMutuallyExclusive("chat", "tokenizer")
	cmd.MarkFlagsMutuallyExclusive("decode", "spans")
	cmd.MarkFlagsMutuallyExclusive("decode", "text")
	cmd.MarkFlagsMutuallyExclusive("raw", "text")
	return cmd
}

func (t *tokenizeFlags) run(cmd *cobra.Command) error {
	if (t.dir == "") == (t.file == "") {
		return errors.New("name either --model DIR or --tokenizer FILE")
	}
	if !t.asChat && (t.noThink || t.template != "") {
		return errors.New("--no-thinking and --template are about the chat template; give --chat, too")
	}
	text, err := t.load()
	if err != nil {
		return err
	}
	next := t.source(cmd)
	buf := bufio.NewWriter(cmd.OutOrStdout())
	for n := 1; ; n++ {
		value, err := next()
		if err == io.EOF {
			return buf.Flush()
		}
		if err == nil {
			err = t.write(buf, text, value)
		}
		if err != nil {
			buf.Flush() // of the values before this one
			if errors.Is(err, errUnread) {
				return err
			}
			return fmt.Errorf("standard input, value %d: %w", n, err)
		}
	}
}

// load reads the tokenizer and, for chats, the template.
func (t *tokenizeFlags) load() (*chat.Dialog, error) {
	if t.dir == "" {
		tok, err := tokenizer.Load(t.file)
		return &chat.Dialog{Tok: tok}, err
	}
	dir, done, err := runner.ModelFolder(t.dir)
	if err != nil {
		return nil, err
	}
	defer done()
	if !t.asChat {
		tok, err := runner.OpenTokenizer(dir)
		return &chat.Dialog{Tok: tok}, err
	}
	text, err := runner.OpenText(dir, 0)
	if err == nil && text == nil {
		err = runner.NoTokenizer(t.dir, "name a model with one, or leave out --chat")
	}
	if err != nil {
		return nil, err
	}
	return chatOf(text, t.dir, t.template, t.noThink)
}

// chatOf returns the text side of the model in a folder for chats, with the template of a name.
func chatOf(text *chat.Dialog, dir, template string, noThink bool) (*chat.Dialog, error) {
	text, err := text.Choose(template)
	if err != nil {
		return nil, err
	}
	if text.Template == nil {
		return nil, fmt.Errorf("%s has no chat template, neither in chat_template.jinja nor in "+
			"tokenizer_config.json; leave out --chat", dir)
	}
	text.Now = time.Now()
	if noThink {
		text.Vars = map[string]json.RawMessage{"enable_thinking": json.RawMessage("false")}
	}
	return text, nil
}

// source returns what gives the values to work on, one after the other: texts, or, to be decoded,
// JSON.
func (t *tokenizeFlags) source(cmd *cobra.Command) func() ([]byte, error) {
	in := bufio.NewReader(cmd.InOrStdin())
	if !cmd.Flags().Changed("text") {
		skipMark(in)
	}
	switch values := json.NewDecoder(in); {
	case cmd.Flags().Changed("text"):
		left := [][]byte{[]byte(t.text)}
		return func() ([]byte, error) {
			if len(left) == 0 {
				return nil, io.EOF
			}
			text := left[0]
			left = nil
			return text, nil
		}
	case t.raw && !t.decode:
		return func() ([]byte, error) { return readLine(in) }
	default:
		return func() ([]byte, error) {
			var raw json.RawMessage
			if err := values.Decode(&raw); err == io.EOF {
				return nil, err
			} else if err != nil {
				return nil, fmt.Errorf("%w; write a JSON %s per line", notJSON(err), t.kind())
			}
			if t.decode {
				return raw, nil
			}
			return unquote(raw)
		}
	}
}

// kind names the JSON that is read.
func (t *tokenizeFlags) kind() string {
	if t.decode {
		return "array of ids"
	}
	return "string"
}

// write writes what becomes of one value.
func (t *tokenizeFlags) write(w io.Writer, text *chat.Dialog, value []byte) error {
	tok := text.Tok
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	switch {
	case t.asChat:
		prompt, ids, err := text.Prompt(string(value))
		if err != nil {
			return err
		}
		return out.Encode(struct {
			Prompt string  `json:"prompt"`
			IDs    []int32 `json:"ids"`
		}{prompt, ids})
	case t.decode:
		ids, err := decodeIDs(value)
		if err != nil {
			return fmt.Errorf("%w; write a JSON %s per line", err, t.kind())
		}
		for _, id := range ids {
			if id < 0 || int(id) >= tok.VocabSize() {
				return fmt.Errorf("id %d lies outside the vocabulary of %d", id, tok.VocabSize())
			}
		}
		if t.raw {
			_, err := fmt.Fprintln(w, tok.Decode(ids))
			return err
		}
		return out.Encode(tok.Decode(ids))
	case t.spans:
		ids, at := tok.EncodeSpans(string(value))
		list := make([][3]int, len(ids))
		for i, id := range ids {
			list[i] = [3]int{int(id), at[i].Start, at[i].End}
		}
		return out.Encode(list)
	}
	return out.Encode(append([]int32{}, tok.Encode(string(value))...))
}

// skipMark skips a byte order mark. It waits for no more than the first byte if that begins none.
func skipMark(in *bufio.Reader) {
	if first, err := in.Peek(1); err != nil || first[0] != byteOrderMark[0] {
		return
	}
	if mark, err := in.Peek(len(byteOrderMark)); err == nil && string(mark) == byteOrderMark {
		in.Discard(len(mark))
	}
}

// notJSON says in plain words that input is not JSON; other errors stay.
func notJSON(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return errors.New("this is not JSON")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the input ends in the middle of a value")
	}
	return err
}

// readLine returns the next line without its newline, of any length.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err == io.EOF && len(line) > 0 {
		err = nil
	}
	if body, ended := bytes.CutSuffix(line, []byte("\n")); ended {
		line = bytes.TrimSuffix(body, []byte("\r"))
	}
	return line, err
}
