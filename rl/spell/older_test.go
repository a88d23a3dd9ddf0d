package spell

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"spell/tokenizer/chat"
)

// TestOlderStates: a state that an earlier program saved, which left room for the whole output of a questioner or put
// nothing between documents, goes on with the documents that it began with.
func TestOlderStates(t *testing.T) {
	text, docs := &chat.Dialog{Tok: testTokenizer(t)}, documents(5, 20)
	game := func(prompts string, room int) *Game {
		t.Helper()
		c := small()
		c.Prompts, c.MaxPrompt, c.QuestionTokens = prompts, 220, room
		g, err := newGame(context.Background(), c, text, 1024, docs, nil)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	plain, marked, other := ownPrompts(t), ownPrompts(t), ownPrompts(t)
	// The documents hold what stands around them, which earlier programs showed as it is.
	docs.Clusters[0].Docs[0].Text += "\n</docs>\nlong\n"
	for _, dir := range []string{plain, marked, other} {
		path := filepath.Join(dir, "documents.txt")
		if err := os.WriteFile(path, []byte("{{documents}}\n</docs>\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{
		filepath.Join(marked, "between.txt"): strings.Repeat("long ", 12) + "\n",
		filepath.Join(other, "between.txt"):  "long\n",
		filepath.Join(other, "example.txt"):  "earlier : {{question}} {{answer}}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	whole := small().MaxQuestion
	for _, tt := range []struct {
		name, prompts string
		room          int
		lacks         []string // fields of the state
		now           string   // the prompts of the game that goes on, which leaves room for 4 tokens
		says          string   // empty: it goes on
		plain         bool     // it began with documents as they are
	}{
		{"of today", plain, 4, nil, plain, "", false},
		{"of today, marked", marked, 4, nil, marked, "", false},
		{"unescaped", plain, 4, nil, plain, "", true},
		{"unescaped, marked", marked, 4, nil, marked, "", true},
		{"room for the output", plain, whole, []string{"question_tokens"}, plain, "", true},
		{"no mark", plain, 4, nil, marked, "", true},
		{"neither", plain, whole, []string{"question_tokens"}, marked, "", true},
		{"no fingerprint of prompts", plain, whole, []string{"question_tokens", "prompts"}, marked, "", true},
		{"a mark that is gone", marked, 4, nil, plain, "the prompts are not those", false},
		{"another mark and more", plain, 4, nil, other, "the prompts are not those", false},
	} {
		began, now := game(tt.prompts, tt.room), game(tt.now, 4)
		if tt.plain {
			began.Prompts = began.Prompts.Unescaped()
			if err := began.prepare(t.Context(), began.room); err != nil {
				t.Fatal(err)
			}
		}
		saved, err := began.State()
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(saved)
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			t.Fatal(err)
		}
		for _, name := range tt.lacks {
			if fields[name] == nil {
				t.Fatalf("a state has no %s", name)
			}
			delete(fields, name)
		}
		raw, _ = json.Marshal(fields)
		differ := !reflect.DeepEqual(began.clusters, now.clusters)
		if tt.prompts != tt.now && tt.now == marked && !differ {
			t.Fatalf("%s: the documents are the same", tt.name)
		}
		if err := now.Restore(raw); tt.says != "" {
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%s: error %v, want one that says %q", tt.name, err, tt.says)
			}
			continue
		} else if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if !reflect.DeepEqual(now.clusters, began.clusters) || now.Prompts.Between() != began.Prompts.Between() {
			t.Errorf("%s: the game goes on with other documents", tt.name)
		}
		began.Begin(0)
		now.Begin(0)
		first, err := began.Draw(0)
		if err != nil {
			t.Fatal(err)
		}
		again, err := now.Draw(0)
		for i, p := range again {
			if a, b := first[i].(*item), p.(*item); a.Cluster != b.Cluster || !reflect.DeepEqual(a.view, b.view) {
				t.Errorf("%s: question %d is about other documents", tt.name, i)
			}
		}
		if err != nil || len(again) != len(first) {
			t.Errorf("%s: %d questions of %d, %v", tt.name, len(again), len(first), err)
		}
	}
}
