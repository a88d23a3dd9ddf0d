package rl

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spell/model"
	"spell/tokenizer/chat"
)

// chatModel is a folder with the test tokenizer and a chat template.
func chatModel(t *testing.T, template string) *chat.Dialog {
	t.Helper()
	dir := t.TempDir()
	if err := testTokenizer(t).WriteFile(filepath.Join(dir, "tokenizer.json")); err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]string{"chat_template": template})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), config, 0o644); err != nil {
		t.Fatal(err)
	}
	d, err := chat.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestChatTemplate: every prompt of every role is a user's turn of the model's template, and a
// checkpoint carries the template.
func TestChatTemplate(t *testing.T) {
	const template = "{% if enable_thinking is defined %}think {{ enable_thinking }} {% endif %}on {{ strftime_now('%Y') }} user : {{ messages[0].content }} assistant :\n{{ '\n' }}"
	c := small()
	c.Draw, c.VerifierGroups, c.Thinking, c.Date = len(fates), 2, false, "2031-02-03"
	text := chatModel(t, template)
	b := backend(t, 1)
	r, err := New(c, b, testWeights(t, b, model.F32, text.Tok.VocabSize()), text, documents(12, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	follow(t, r, fateOf)
	rep, records, err := r.Step(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Update.MaxLogpDiff != 0 || rep.Counts.Good != 2 {
		t.Errorf("log-probabilities differ by %g, %d good questions", rep.Update.MaxLogpDiff, rep.Counts.Good)
	}
	stages := map[string]int{}
	for _, rec := range records {
		stages[rec.Stage]++
		if !strings.HasPrefix(rec.Prompt, "think False on 2031 user : ") || !strings.HasSuffix(rec.Prompt, " assistant :\n\n") {
			t.Fatalf("the prompt of stage %s is %q", rec.Stage, rec.Prompt)
		}
	}
	if len(stages) < 4 {
		t.Errorf("records of stages %v", stages)
	}
	out := t.TempDir()
	if err := r.Save(out); err != nil {
		t.Fatal(err)
	}
	again, err := Resume(out, c, b, model.F32, documents(12, 4), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Free()
	if ids, err := again.Chat.User("a"); err != nil || again.Chat.Tok.Decode(ids[0]) != "think False on 2031 user : a assistant :\n\n" {
		t.Errorf("after resuming the prompt is %q, %v", again.Chat.Tok.Decode(ids[0]), err)
	}
}

// TestThinkingTemplate: where the template opens a thought, a reply that never ends it is none.
func TestThinkingTemplate(t *testing.T) {
	b := backend(t, 1)
	for template, want := range map[string]bool{"{{ messages[0].content }}": false, "{{ messages[0].content }}<think>\n": true} {
		text := chatModel(t, template)
		r, err := New(small(), b, testWeights(t, b, model.F32, text.Tok.VocabSize()), text, documents(3, 3), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Prompts.Thinking != want {
			t.Errorf("%q: thinking is %v", template, r.Prompts.Thinking)
		}
		r.Free()
	}
}

func TestChatTemplateErrors(t *testing.T) {
	b := backend(t, 1)
	for template, want := range map[string]string{
		"{{ messages[0].content | upper | length }}": "exactly once",
		"{{ raise_exception('only tools') }}":        "only tools",
	} {
		text := chatModel(t, template)
		_, err := New(small(), b, testWeights(t, b, model.F32, text.Tok.VocabSize()), text, documents(3, 3), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", template, err, want)
		}
	}
	c := small()
	c.Date = "yesterday"
	if _, err := New(c, b, testWeights(t, b, model.F32, 420), &chat.Dialog{Tok: testTokenizer(t)}, documents(3, 3), nil); err == nil || !strings.Contains(err.Error(), "YYYY-MM-DD") {
		t.Errorf("a date that is none gives %v", err)
	}
}
