package report_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"spell/rl/report"
	"spell/rl/runner"
	"spell/rl/spell"
	"spell/rl/task"
)

// A browser that is installed, or none.
func browser() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// makeRun writes the logs of a run of two steps with so many questions each, every third of them good.
func makeRun(t *testing.T, questions int) string {
	t.Helper()
	dir := t.TempDir()
	var metrics, lines strings.Builder
	for step := 1; step <= 2; step++ {
		fmt.Fprintf(&metrics, `{"step":%d,"questions":{"drawn":%d,"good":%d,"all_wrong":0},`+
			`"kinds":[{"name":"numeric","readable":4,"pass_rate":0.25,"right":%d}],"agree":0.875,`+
			`"roles":[{"role":"verifier","reward":0.%d}],"pass_rate":0.5}`+"\n", step, questions,
			questions/3, step, step)
		for q := range questions {
			r := spell.Record{Step: step, Question: q, Stage: "ask", Task: task.Numeric, Outcome: "all wrong",
				Cluster: "a cluster", Prompt: strings.Repeat("documents ", 200), Text: fmt.Sprintf("Question %d?", q),
				Answer:  "</pre><script>document.title = 'taken'</script>",
				Samples: []spell.Output{{Text: "{" + strings.Repeat("x", 500) + "}", Tokens: 3, Finish: "stop"}}}
			if q%3 == 0 {
				r.Outcome, r.Task = "good", task.GeneralQA
			}
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			lines.Write(append(line, '\n'))
		}
	}
	ahead, err := json.Marshal(spell.Record{Stage: "ask", For: "static", Outcome: "all right", Text: "What first?"})
	if err != nil {
		t.Fatal(err)
	}
	text := string(ahead) + "\n" + lines.String()
	metrics.WriteString(`{"step":2,"held_out":[{"all":{"n":4,"right":3}},{"all":{"n":4,"right":2}}]}` + "\n" + `{"ste`)
	for name, text := range map[string]string{runner.MetricsFile: metrics.String(),
		runner.TranscriptFile: text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// write writes the report and returns its pages.
func write(t *testing.T, dir string, most int) (paths, pages []string) {
	t.Helper()
	paths, err := report.Write(dir, most)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, string(text))
	}
	return paths, pages
}

// TestWrite: everything is there, none of it as code, and nothing is fetched from elsewhere.
func TestWrite(t *testing.T) {
	dir := makeRun(t, 6)
	_, pages := write(t, dir, report.MaxPage)
	if len(pages) != 1 {
		t.Fatalf("%d pages", len(pages))
	}
	for _, has := range []string{"<h2>Rewards</h2>", "<h2>Pass rates</h2>", "<h2>Held-out accuracy</h2>",
		"<h2>Difficulty: share of answers not rewarded</h2>", "numeric, step 1: 0.75", "all, step 2: 0.125",
		"numeric, step 1: 0.25", "numeric, step 2: 0.5", // of the true references
		"Question 5?", "verifier, step 2: 0.2", "good, step 1: 0.3333", "10 documents, step 2: 0.5", "13 questions", "asked for static, left out",
		"&lt;/pre&gt;&lt;script&gt;"} {
		if !strings.Contains(pages[0], has) {
			t.Errorf("there is no %q", has)
		}
	}
	for _, lacks := range []string{"http", "</pre><script>document.title", "<h2>Gradient norm</h2>",
		"all wrong, step"} {
		if strings.Contains(pages[0], lacks) {
			t.Errorf("there is %q", lacks)
		}
	}
}

// TestPages: a report that is too long for a page has several, each with the others beside it, and a shorter
// one after it leaves none of them.
func TestPages(t *testing.T) {
	dir := makeRun(t, 60)
	const most = 150_000
	paths, pages := write(t, dir, most)
	if len(pages) < 3 {
		t.Fatalf("%d pages", len(pages))
	}
	questions := 0
	for i, page := range pages {
		questions += strings.Count(page, "<article")
		before := i > 0 && strings.Contains(page, fmt.Sprintf("href=%q", filepath.Base(paths[max(0, i-1)])))
		next := strings.Contains(page, fmt.Sprintf("href=%q", filepath.Base(paths[min(len(paths)-1, i+1)])))
		if len(page) > most || before != (i > 0) || next != (i+1 < len(pages)) {
			t.Errorf("page %d: %d bytes, before it %v, after it %v", i, len(page), before, next)
		}
	}
	if questions != 121 {
		t.Errorf("%d questions", questions)
	}
	write(t, dir, report.MaxPage)
	if left, _ := filepath.Glob(filepath.Join(dir, "*.html")); len(left) != 1 {
		t.Errorf("the longer report leaves %q", left)
	}
}

// TestRefusals: what is no run, or damaged, is named.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	if _, err := report.Write(dir, report.MaxPage); err == nil ||
		!strings.Contains(err.Error(), "has no metrics.jsonl") {
		t.Errorf("no run: %v", err)
	}
	path := filepath.Join(dir, runner.MetricsFile)
	if err := os.WriteFile(path, []byte("{}\n{]\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Write(dir, report.MaxPage); err == nil ||
		!strings.Contains(err.Error(), path+": line 2 is no line of metrics") {
		t.Errorf("a damaged run: %v", err)
	}
}

// TestBrowser: in a browser, on a desk and on a phone, choosing an outcome leaves its questions, and nothing is
// wider than the window.
func TestBrowser(t *testing.T) {
	chromium := browser()
	if chromium == "" {
		t.Skip("there is no Chromium")
	}
	dir := makeRun(t, 6)
	_, pages := write(t, dir, report.MaxPage)
	driver := `<script>
		const choose = document.querySelector("[name=outcome]");
		choose.value = "good";
		choose.dispatchEvent(new Event("change", { bubbles: true }));
		for (const d of document.querySelectorAll("details")) d.open = true;
		const seen = [...document.querySelectorAll("article")].filter(a => a.offsetHeight > 0).length;
		const wide = document.documentElement.scrollWidth > innerWidth;
		const said = choose.form.querySelector("output").value;
		document.body.insertAdjacentHTML("beforeend",
			"<i>seen " + seen + " of " + said + ", wide " + wide + ", title " + document.title + "</i>");
	</script></body>`
	path := filepath.Join(dir, "driven.html")
	if err := os.WriteFile(path, []byte(strings.Replace(pages[0], "</body>", driver, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, size := range []string{"1280,900", "390,844"} {
		out, err := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--window-size="+size,
			"--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+path).Output()
		if err != nil {
			t.Fatalf("%s: %v", chromium, err)
		}
		got := regexp.MustCompile(`<i>(seen \d.*)</i>`).FindSubmatch(out)
		want := "seen 4 of 4 questions, wide false, title " + filepath.Base(dir)
		if got == nil || string(got[1]) != want {
			t.Errorf("in %s: %q, want %q", size, got, want)
		}
	}
}
