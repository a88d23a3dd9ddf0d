package spell

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"spell/kernels/open/opentest"
	"spell/model"
	"spell/model/train"
	"spell/rl/runner/runnertest"
	"spell/tokenizer/chat"
)

// TestChatTemplate: every prompt of every role is a user's turn of the model's template, and a
// checkpoint carries the template.
func TestChatTemplate(t *testing.T) {
	const template = "{% if enable_thinking is defined %}think {{ enable_thinking }} {% endif %}on {{ " +
		"strftime_now('%Y') }} user : {{ messages[0].content }} assistant :\n{{ '\n' }}"
	c := small()
	c.Draw, c.VerifierGroups, c.Thinking, c.Date = len(fates), 2, false, "2031-02-03"
	text := runnertest.Dialog(t, testTokenizer(t), template)
	b := opentest.CPU(t, 1)
	dir := t.TempDir()
	docs := documents(12, 4)
	r, err := begin(context.Background(), c, testModel(t, b, model.F32, text), docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	followed(t, r, fateOf)
	rep, records, err := r.take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if rep.Update.MaxLogpDiff != 0 || rep.Counts.Good != 2 {
		t.Errorf("log-probabilities differ by %g, %d good questions", rep.Update.MaxLogpDiff, rep.Counts.Good)
	}
	stages := map[string]int{}
	for _, rec := range records {
		stages[rec.Stage]++
		if !strings.HasPrefix(rec.Prompt, "think False on 2031 user : ") ||
			!strings.HasSuffix(rec.Prompt, " assistant :\n\n") {
			t.Fatalf("the prompt of stage %s is %q", rec.Stage, rec.Prompt)
		}
	}
	if len(stages) < 4 {
		t.Errorf("records of stages %v", stages)
	}
	if err := r.Trainer().Save(dir, 1, 1, nil, text.Save); err != nil {
		t.Fatal(err)
	}
	saved, err := chat.Open(filepath.Join(dir, train.Name(1)))
	if err != nil {
		t.Fatal(err)
	}
	again, err := begin(context.Background(), c, testModel(t, b, model.F32, saved), docs, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Free()
	for what, d := range map[string]*chat.Dialog{"game": again.game.Chat, "loop": again.Model.Text} {
		const want = "think False on 2031 user : a assistant :\n\n"
		if ids, err := d.User("a"); err != nil || d.Tok.Decode(ids[0]) != want {
			t.Errorf("after resuming the %s's prompt is %q, %v", what, d.Tok.Decode(ids[0]), err)
		}
	}
}

// TestThinkingTemplate: where the template opens a thought, a reply that never ends it is none.
func TestThinkingTemplate(t *testing.T) {
	b := opentest.CPU(t, 1)
	for template, want := range map[string]bool{"{{ messages[0].content }}": false,
		"{{ messages[0].content }}<think>\n": true} {
		text := runnertest.Dialog(t, testTokenizer(t), template)
		r, err := begin(context.Background(), small(), testModel(t, b, model.F32, text), documents(3, 3), nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.game.Prompts.Thinking != want {
			t.Errorf("%q: thinking is %v", template, r.game.Prompts.Thinking)
		}
		r.Free()
	}
}

func TestChatTemplateErrors(t *testing.T) {
	b := opentest.CPU(t, 1)
	for template, want := range map[string]string{
		"{{ messages[0].content | upper | length }}": "exactly once",
		"{{ raise_exception('only tools') }}":        "only tools",
	} {
		text := runnertest.Dialog(t, testTokenizer(t), template)
		_, err := begin(context.Background(), small(), testModel(t, b, model.F32, text), documents(3, 3), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", template, err, want)
		}
	}
	c := small()
	c.Date = "yesterday"
	on := testModel(t, b, model.F32, &chat.Dialog{Tok: testTokenizer(t)})
	if _, err := begin(context.Background(), c, on, documents(3, 3), nil); err == nil ||
		!strings.Contains(err.Error(), "YYYY-MM-DD") {
		t.Errorf("a date that is none gives %v", err)
	}
}
