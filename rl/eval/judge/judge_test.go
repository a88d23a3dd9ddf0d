package judge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"spell/rl/eval"
	"spell/rl/eval/bench"
	"spell/rl/role"
	"spell/rl/task"
)

// completion is a response that says text.
func completion(text string) string {
	raw, _ := json.Marshal(text)
	return fmt.Sprintf(`{"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": %s}}]}`, raw)
}

// endpoint returns a judge behind a server, which answers as serve does, and the pauses it made.
func endpoint(t *testing.T, serve http.HandlerFunc) (e *Endpoint, pauses *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	prompts, err := role.Load("full")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := OpenCache(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	pauses = &[]time.Duration{}
	e = &Endpoint{URL: server.URL + "/v1", Model: "m", Key: "k", Timeout: 10 * time.Second, Retries: 3,
		Prompts: prompts, Cache: cache, Wait: func(_ context.Context, pause time.Duration) error {
			*pauses = append(*pauses, pause)
			return nil
		}}
	return e, pauses
}

var question = &bench.Question{Question: task.Question{Text: "Who founded it?"}, Answers: []string{"Tolan", "T. Reed"}}

// TestReplies: what the judge says is read, and what is no completion is asked again.
func TestReplies(t *testing.T) {
	type response struct {
		code int
		body string
	}
	ok := func(text string) response { return response{200, completion(text)} }
	for _, tt := range []struct {
		name      string
		responses []response // the last one again and again
		want      eval.Verdict
		fails     string
		requests  int32
	}{
		{"yes", []response{ok("They agree. [[YES]]")}, eval.Yes, "", 1},
		{"no", []response{ok("They do not.\n[[NO]]")}, eval.No, "", 1},
		{"neither", []response{ok("I cannot tell.")}, eval.Invalid, "", 1},
		{"both", []response{ok("[[YES]] [[NO]]")}, eval.No, "", 1}, // the last one counts
		{"thoughts", []response{ok("<think>[[NO]]?</think>[[YES]]")}, eval.Yes, "", 1},
		{"no content", []response{{200, `{"choices": [{"message": {"content": null}}]}`}}, eval.Invalid, "", 1},
		{"busy, then yes", []response{{503, "busy"}, {429, ""}, ok("[[YES]]")}, eval.Yes, "", 3},
		{"garbage, then no", []response{{200, "<html>"}, {200, "{}"}, {200, ""}, ok("[[NO]]")}, eval.No, "", 4},
		{"garbage for ever", []response{{200, "<html>\x00"}}, "", `no completion but "<html>\x00"`, 4},
		{"busy for ever", []response{{500, "out of memory"}}, "", `500 Internal Server Error, "out of memory"`, 4},
		{"refused", []response{{401, "no key"}}, "", `401 Unauthorized, "no key"`, 1},
		{"not there", []response{{404, "no model m"}}, "", "404", 1},
	} {
		var requests atomic.Int32
		e, pauses := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			raw, _ := io.ReadAll(r.Body)
			var q request
			if err := json.Unmarshal(raw, &q); err != nil || q.Model != "m" || q.Temperature != 0 || q.TopP != 1 ||
				len(q.Messages) != 1 || r.URL.Path != "/v1/chat/completions" ||
				r.Header.Get("Authorization") != "Bearer k" {
				t.Errorf("%s %s: %s, %v", r.Method, r.URL, raw, err)
			}
			for _, part := range []string{"Who founded it?", "Tolan or T. Reed", "Predicted answer: Reed"} {
				if !strings.Contains(q.Messages[0].Content, part) {
					t.Errorf("the prompt lacks %q: %s", part, q.Messages[0].Content)
				}
			}
			n := int(requests.Add(1))
			res := tt.responses[min(n, len(tt.responses))-1]
			w.WriteHeader(res.code)
			io.WriteString(w, res.body)
		})
		got, err := e.Grade(t.Context(), question, "Reed")
		if got != tt.want || requests.Load() != tt.requests || (err == nil) != (tt.fails == "") ||
			err != nil && (!strings.Contains(err.Error(), tt.fails) || !strings.Contains(err.Error(), e.URL)) {
			t.Errorf("%s: %q, %v after %d requests", tt.name, got, err, requests.Load())
		}
		for i, pause := range *pauses {
			if pause != firstPause<<i {
				t.Errorf("%s: pauses %v", tt.name, *pauses)
			}
		}
		again, err := e.Grade(t.Context(), question, "Reed") // what was said is not asked again
		if err == nil && (again != got || requests.Load() != tt.requests) {
			t.Errorf("%s: again %q after %d requests", tt.name, again, requests.Load())
		}
	}
}

// TestRetryAfter: an endpoint says how long to wait, within bounds.
func TestRetryAfter(t *testing.T) {
	for header, want := range map[string]time.Duration{"": time.Second, "7": 7 * time.Second, "100000": time.Minute,
		"0": time.Second, "Wed, 21 Oct 2026 07:28:00 GMT": time.Second} {
		e, pauses := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		e.Retries = 1
		if _, err := e.Grade(t.Context(), question, "x"); err == nil || len(*pauses) != 1 || (*pauses)[0] != want {
			t.Errorf("%q: pauses %v, %v", header, *pauses, err)
		}
	}
}

// TestReset: a connection that breaks off, before a reply or within one, is made again.
func TestReset(t *testing.T) {
	for name, sent := range map[string]string{"before": "",
		"within": "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{\"cho"} {
		for _, breaks := range []int32{1, 99} {
			var requests atomic.Int32
			e, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) > breaks {
					io.WriteString(w, completion("[[YES]]"))
					return
				}
				c, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(c, sent)
				c.(*net.TCPConn).SetLinger(0)
				c.Close()
			})
			got, err := e.Grade(t.Context(), question, "x")
			fails := breaks > 1
			if (err != nil) != fails || !fails && (got != eval.Yes || requests.Load() != 2) ||
				fails && !strings.Contains(err.Error(), e.URL) {
				t.Errorf("%s, %d times: %q after %d requests, %v", name, breaks, got, requests.Load(), err)
			}
		}
	}
}

// TestSlow: a request that takes too long is made again, and an interrupt ends all waiting.
func TestSlow(t *testing.T) {
	release := make(chan struct{})
	var requests atomic.Int32
	e, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if requests.Add(1) == 1 {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		io.WriteString(w, completion("[[YES]]"))
	})
	defer close(release)
	e.Timeout = 100 * time.Millisecond
	if v, err := e.Grade(t.Context(), question, "x"); v != eval.Yes || err != nil || requests.Load() < 2 {
		t.Errorf("%q, %v after %d requests", v, err, requests.Load())
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	busy, _ := endpoint(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		cancel(stop)
	})
	busy.Wait = nil // waits in earnest
	if _, err := busy.Grade(ctx, question, "x"); !errors.Is(err, stop) {
		t.Errorf("an interrupted judge ends with %v", err)
	}
	gone, _ := endpoint(t, nil)
	gone.URL, gone.Retries = "http://127.0.0.1:1", 1
	_, err := gone.Grade(t.Context(), question, "x")
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("nobody there: %v", err)
	}
}

// TestCache: what was said is known to the next process, whatever a crash left of the last line, and is
// asked once however many ask at a time.
func TestCache(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	asked := 0
	say := func(v eval.Verdict) func() (eval.Verdict, error) {
		return func() (eval.Verdict, error) { asked++; return v, nil }
	}
	open := func() *Cache {
		t.Helper()
		c, err := OpenCache(path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := open()
	if _, err := c.get("m", "a", func() (eval.Verdict, error) { return "", errors.New("x") }); err == nil {
		t.Error("an error is lost")
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if v, err := c.get("m", "a", say(eval.Yes)); v != eval.Yes || err != nil {
				t.Error(v, err)
			}
		})
	}
	all.Wait()
	c.get("m", "b", say(eval.No))
	c.get("n", "a", say(eval.Invalid))
	if err := c.Close(); err != nil || asked != 3 {
		t.Fatal(err, asked)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range []string{string(whole), string(whole) + `{"key": "x`, "garbage\n{}\n" + string(whole)} {
		if err := os.WriteFile(path, []byte(raw), 0o666); err != nil {
			t.Fatal(err)
		}
		asked = 0
		c := open()
		for _, tt := range []struct {
			model, text string
			want        eval.Verdict
		}{{"m", "a", eval.Yes}, {"m", "b", eval.No}, {"n", "a", eval.Invalid}, {"n", "b", "new"}} {
			if v, err := c.get(tt.model, tt.text, say("new")); v != tt.want || err != nil {
				t.Errorf("%s %s: %q, %v", tt.model, tt.text, v, err)
			}
		}
		if c.Close(); asked != 1 {
			t.Errorf("%d were asked again", asked-1)
		}
	}
}

// TestAddress: what is no address is refused before anything is done, and the path is completed.
func TestAddress(t *testing.T) {
	for address, want := range map[string]string{
		"http://localhost:8000/v1":  "http://localhost:8000/v1/chat/completions",
		"https://a.example/v1/":     "https://a.example/v1/chat/completions",
		"http://a/chat/completions": "http://a/chat/completions",
		"yes":                       "", "ftp://a": "", "http://": "", "": "", "http://[": "",
	} {
		e := &Endpoint{URL: address}
		err := e.Check()
		if (err == nil) != (want != "") || err == nil && e.completions() != want {
			t.Errorf("%s: %s, %v", address, e.completions(), err)
		}
	}
}
