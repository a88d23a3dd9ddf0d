// Package judge asks a model behind an OpenAI-compatible endpoint whether an answer is right. It is the
// one part of the program that uses a network, and only if it is given an address.
package judge

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"spell/rl/eval"
	"spell/rl/eval/bench"
	"spell/rl/role"
)

// prompt is what the judge is asked: whether an answer says what the reference says.
//
//go:embed judge.txt
var prompt string

// An Endpoint is a judge.
type Endpoint struct {
	URL     string // of the chat completions, or of what they are below
	Model   string
	Key     string        // sent as a bearer token; empty: none
	Timeout time.Duration // of one request
	Retries int           // further requests after one that failed
	Prompts *role.Prompts // read the verdict
	Cache   *Cache

	// Wait waits before a request is made again; nil: as long as it says.
	Wait func(context.Context, time.Duration) error
}

const (
	maxReply   = 8192    // tokens
	maxBody    = 1 << 20 // bytes
	firstPause = time.Second
	maxPause   = time.Minute
)

// Check returns an error if the address cannot be one.
func (e *Endpoint) Check() error {
	u, err := url.Parse(e.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("--judge %s is no address; give none, self, or one as http://localhost:8000/v1", e.URL)
	}
	return nil
}

// completions returns the address that requests go to.
func (e *Endpoint) completions() string {
	const path = "/chat/completions"
	base := strings.TrimRight(e.URL, "/")
	if strings.HasSuffix(base, path) {
		return base
	}
	return base + path
}

// Prompt returns what the judge is asked of a prediction.
func Prompt(question, prediction, reference string) string {
	return strings.NewReplacer("{{question}}", question, "{{prediction}}", prediction, "{{reference}}", reference).
		Replace(strings.TrimSpace(prompt))
}

// Grade asks the judge, or remembers what it said. A reply that says neither yes nor no is Invalid. An
// endpoint that cannot be reached, or answers with no completion, is asked again after a pause that
// doubles; the error of the last try is returned.
func (e *Endpoint) Grade(ctx context.Context, q *bench.Question, prediction string) (eval.Verdict, error) {
	text := Prompt(e.Prompts.QuestionText(q.Question), prediction, q.Reference())
	return e.Cache.get(e.Model, text, func() (eval.Verdict, error) {
		reply, err := e.ask(ctx, text)
		if err != nil {
			return "", err
		}
		switch e.Prompts.ParseVote(reply) {
		case role.Yes:
			return eval.Yes, nil
		case role.No:
			return eval.No, nil
		}
		return eval.Invalid, nil
	})
}

// A refused request is one that would fail again.
type refused struct{ error }

// A later request is one that the endpoint wants to have made later.
type later struct {
	error
	pause time.Duration
}

// ask returns the reply to a prompt.
func (e *Endpoint) ask(ctx context.Context, text string) (reply string, err error) {
	pause := firstPause
	for try := 0; ; try++ {
		reply, err = e.once(ctx, text)
		if err == nil {
			return reply, nil
		}
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		var never refused
		if errors.As(err, &never) || try >= e.Retries {
			return "", fmt.Errorf("the judge at %s: %w; what it said is kept, and the same command goes on", e.URL, err)
		}
		wait := pause
		if l := (later{}); errors.As(err, &l) {
			wait = max(wait, min(l.pause, maxPause))
		}
		if err := e.wait(ctx, wait); err != nil {
			return "", err
		}
		pause = min(2*pause, maxPause)
	}
}

func (e *Endpoint) wait(ctx context.Context, pause time.Duration) error {
	if e.Wait != nil {
		return e.Wait(ctx, pause)
	}
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A message is a turn of a conversation.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// A request is what an endpoint is asked.
type request struct {
	Model       string    `json:"model"`
	Messages    []message `json:"messages"`
	Temperature float64   `json:"temperature"`
	TopP        float64   `json:"top_p"`
	MaxTokens   int       `json:"max_tokens"`
}

// once makes one request.
func (e *Endpoint) once(ctx context.Context, text string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.Timeout)
	defer cancel()
	asked := request{Model: e.Model, Messages: []message{{"user", text}}, TopP: 1, MaxTokens: maxReply}
	body, err := json.Marshal(asked)
	if err != nil {
		return "", refused{err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.completions(), bytes.NewReader(body))
	if err != nil {
		return "", refused{err}
	}
	req.Header.Set("Content-Type", "application/json")
	if e.Key != "" {
		req.Header.Set("Authorization", "Bearer "+e.Key)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return "", fmt.Errorf("no answer within %v", e.Timeout)
		}
		return "", fmt.Errorf("it cannot be reached: %w", errors.Unwrap(err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return "", fmt.Errorf("its answer ended early: %w", err)
	}
	if err := status(res, raw); err != nil {
		return "", err
	}
	var reply struct {
		Choices []struct {
			Message struct {
				Content *string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal(raw, &reply); err != nil || len(reply.Choices) == 0 {
		return "", fmt.Errorf("it answers with no completion but %.80q", raw)
	}
	if content := reply.Choices[0].Message.Content; content != nil {
		return *content, nil
	}
	return "", nil // all of its tokens went into reasoning
}

// status returns an error unless a response is a success.
func status(res *http.Response, raw []byte) error {
	if res.StatusCode == http.StatusOK {
		return nil
	}
	err := fmt.Errorf("it answers %s, %.200q", res.Status, bytes.TrimSpace(raw))
	switch code := res.StatusCode; {
	case code == http.StatusTooManyRequests, code == http.StatusRequestTimeout, code >= 500:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return later{err, time.Duration(seconds) * time.Second}
	}
	return refused{err}
}
