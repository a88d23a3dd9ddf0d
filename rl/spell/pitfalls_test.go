package spell

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"spell/rl/curriculum"
	"spell/rl/grpo"
	"spell/rl/role"
	"spell/rl/settings"
	"spell/rl/task"
)

// TestPitfalls walks what a careful reader of the paper still gets wrong: mostly what instruct models write and a
// reader of replies does not expect.
func TestPitfalls(t *testing.T) {
	strict, characters := task.Rules{Strict: true}, task.Rules{Characters: true}
	walk(t, []point{
		{what: "the closing sentence counts, not the reasoning", right: answers(task.GeneralQA, map[string]string{
			"So the answer is in the second report.\nThe correct answer is (Paris)":      "Paris",
			"The correct answer is (Paris). I am confident the answer is right.":         "Paris",
			"The answer is not London.\nThe correct answer is (Paris).":                  "Paris",
			"The correct answer is (\nParis\n)":                                          "Paris",
			"**Answer:** Paris":                                                          "Paris",
			"First, the answer is London.\nWait: \\boxed{\\text{Paris}} it must be.":     "Paris",
			"The correct answer is (the U.S.)":                                           "the U.S.",
			"I cannot find anything about this in the documents that I was given, sorry": "",
		})},
		{what: "documents have the room that a question's text leaves", right: roomForReasoning},
		{what: "thousands in LaTeX", right: answers(task.Numeric, map[string]string{
			`\boxed{1\,234}`: "1234", `\boxed{1{,}234}`: "1234", `\boxed{12\,345\,678}`: "12345678",
		})},
		{what: "letters in every dress", right: answers(task.MultipleChoice, map[string]string{
			`The ratio is \boxed{42}. The correct answer is (B).`:                "B",
			"The correct answer is (B). The other answer is A only if it rains.": "B",
			"The answer is A large rise in costs, which is option (C).":          "C",
			"The answer is option B.":                                            "B",
			"The correct answer is **Option B**.":                                "B",
			"The correct answer is [B]":                                          "B",
			"The correct answer is (<B>)":                                        "B",
			"The correct answer is `B`":                                          "B",
			`The correct answer is \(B\)`:                                        "B",
			`\boxed{\textbf{B}}`:                                                 "B",
			"The correct answer is （B）":                                          "B",
			"The correct answer is\u00a0(B)":                                     "B",
			"The correct answer is (A) and (B)":                                  "",
			"The correct answer is a matter of taste.":                           "",
		})},
		{what: "an answer on the next line", right: answers(task.Numeric, map[string]string{
			"Therefore, the answer is:\n\n12.5":        "12.5",
			"Therefore, the answer is:\n\\[ 12.5 \\]":  "12.5",
			"Therefore, the answer is:\n**12.5**":      "12.5",
			"Therefore, the answer is:\n\nIt depends.": "",
		})},
		{what: "one number or none", right: answers(task.Numeric, map[string]string{
			"the answer is the 2019 margin of 12.5%": "", "the answer is Q4 revenue: 12.5": "12.5",
			"the answer is (45.2 - 30.1 = 15.1)": "15.1", `\boxed{2^{10}}`: "", `\boxed{3 \frac{1}{2}}`: "",
			"the answer is (1 234 567)": "1234567", "the answer is between 5 and 6": "", "the answer is (12.5 – 13)": "",
		})},
		{what: "blanks that are kept", right: all(answers(task.GeneralQA, map[string]string{
			"The correct answer is (<Paris>)": "Paris", "The correct answer is (<answer>)": "",
		}), references(task.GeneralQA, map[string]string{
			`{"question":"Which?","answer":"<St. Louis>"}`: "St. Louis", `{"question":"Which?","answer":"<answer>"}`: "",
			`{"question":"What is {{main}}?","answer":"a template"}`: "a template",
		}))},
		{what: "references are read as answers are", right: all(references(task.GeneralQA, map[string]string{
			`{"question":"Which?","answer":"The correct answer is St. Louis."}`: "St. Louis",
		}), references(task.MultipleChoice, map[string]string{
			`{"question":"1?","options":{"A":"w","B":"x","C":"y","D":"z"},"answer":"The correct answer is (B)"}`: "B",
		}))},
		{what: "a question is remembered and asked once", right: all(remembersOnce, TestRepeatedEarnsNothing)},
		{what: "a guess does not refuse a question", right: unguessed},
		{what: "the drawn letter is kept, and options differ", right: all(TestDrawnLetter,
			references(task.MultipleChoice, map[string]string{
				`{"question":"1?","options":{"A":"one","B":"one","C":"two","D":"three"},"answer":"C"}`: "",
			}))},
		{what: "roles weigh alike", right: rolesWeighAlike},
		{what: "groups of votes in proportion to the step", right: func(t *testing.T) {
			c := Default()
			if got := curriculum.Scaled(c.VerifierGroups, 64, c.Questions); !c.VerifierScaled || got != 8 {
				t.Errorf("a step of half as many questions trains %d groups of votes", got)
			}
		}},
		{what: "a small folder has a curriculum", right: func(t *testing.T) {
			c := documents(10, 4)
			s, err := curriculum.NewSampler(1, []curriculum.Domain{{Clusters: []int{0, 1, 2, 3, 4}, Weight: 1},
				{Task: task.Numeric, Clusters: []int{5, 6, 7, 8, 9}, Weight: 1}}, 1)
			if err != nil {
				t.Fatal(err)
			}
			seen := map[curriculum.Item]int{}
			for _, it := range s.Draw(480) {
				if seen[it]++; seen[it] > 1 {
					t.Errorf("one draw has %v twice", it)
				}
			}
			if len(seen) != len(c.Clusters) || s.Most(480) != len(c.Clusters) {
				t.Errorf("480 of %d clusters are %d, %d at most", len(c.Clusters), len(seen), s.Most(480))
			}
		}},
		{what: "phrases are compared word by word", right: all(ruled(task.GeneralQA, task.Rules{},
			pair{"unknown", "no", false}, pair{"Norway", "no", false}, pair{"12 January 2012", "2", false},
			pair{"3.5 million", "35 million", false}, pair{"hepatitis B", "Hepatitis A", false},
			pair{"-5 degrees", "5 degrees", false}, pair{"Müller", "Mu\u0308ller", true},
			pair{"It was the Old Mill.", "old mill", true}, pair{"mill", "the old mill", false}),
			ruled(task.GeneralQA, characters, pair{"unknown", "no", true}))},
		{what: "a state knows the texts of its prompts", shown: "rl/spell TestResumeErrors"},
		{what: "settings that are new change no older run", right: func(t *testing.T) {
			now := Default()
			raw, err := json.Marshal(now)
			if err != nil {
				t.Fatal(err)
			}
			var saved map[string]any
			if err := json.Unmarshal(raw, &saved); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"bad_least", "share_votes", "grounding", "voted_tasks", "question_tokens"} {
				if _, ok := saved[name]; !ok {
					t.Errorf("there is no setting %s", name)
				}
				delete(saved, name)
			}
			older, _ := json.Marshal(saved)
			if err := settings.Same(json.RawMessage(older), now); err != nil {
				t.Error(err)
			}
			saved["bad_ratio"] = 2
			other, _ := json.Marshal(saved)
			err = settings.Same(json.RawMessage(other), now)
			if err == nil || !strings.Contains(err.Error(), "bad_ratio") {
				t.Errorf("another bad_ratio gives %v", err)
			}
		}},
		{what: "questions that nobody judged have no reward", right: TestRepeatedEarnsNothing},
		{what: "one judgement does not stop the verifier's training", right: TestJudgements},
		{what: "signs and scales of numbers", right: all(ruled(task.Numeric, strict,
			pair{"(1,234)", "-1234", true}, pair{"($5.2)", "-5.2", true}, pair{"-(1,234)", "-1234", true},
			pair{"minus 5", "-5", true}, pair{"negative 5", "-5", true}, pair{"\u20115", "-5", true},
			pair{"—5", "-5", true}, pair{"－5", "-5", true}, pair{"revenue - 3.5", "3.5", true}, pair{"-5", "5", false},
			pair{"35 basis points", "30 bps", false}, pair{"5 m", "5", true}, pair{"500", "5", false}),
			ruled(task.Numeric, task.Rules{}, pair{"1.2 trillion", "1.2e12", true}, pair{"-5", "5", true}))},
		{what: "a cluster has documents that the questioner does not see", right: func(t *testing.T) {
			c := Default()
			if got := c.leastDocs(nil); got != c.Docs+1 {
				t.Errorf("clusters have %d documents at least, and %d are shown at first", got, c.Docs)
			}
		}},
		{what: "the last bracket is the vote, in any case", right: func(t *testing.T) {
			p := full(t)
			for said, want := range map[string]role.Vote{
				"[[Yes]]": role.Yes, "[[no]]": role.No, "Decision: Yes": role.Yes, "Answer: No.": role.No, "yes": role.Yes,
				"I would say [[YES]] if so, [[NO]] if not. They differ.\n[[NO]]": role.No,
				"[[NO]] Wait, they are the same. [[YES]]":                        role.Yes,
				"They may be the same.":                                          role.Invalid,
			} {
				if got := p.ParseVote(said); got != want {
					t.Errorf("%q is the vote %d, want %d", said, got, want)
				}
			}
		}},
		{what: "letters need no votes", right: TestVotedTasks},
		{what: "JSON in the dresses that models give it", right: dresses},
		{what: "false references can be made to pay less", right: TestContradicted},
		{what: "documents are told apart, and a cold model learns its format", right: all(func(t *testing.T) {
			if prefix := full(t).Documents([]string{"one", "two"}); !strings.Contains(prefix, "one\n\n=====\n\ntwo") {
				t.Errorf("two documents are shown as %q", prefix)
			}
		}, TestBadLeast)},
	}, 26)
}

// rolesWeighAlike: at the paper's counts and lengths of outputs, the loss of each role weighs as much as another's if
// the means are those of the roles, and its questions as one group.
func rolesWeighAlike(t *testing.T) {
	var all []grpo.Sequence
	group := 0
	add := func(part role.Role, groups, of, length int, pooled bool) {
		for range groups {
			if !pooled {
				group++
			}
			for range of {
				all = append(all, grpo.Sequence{Length: length, Group: group, Part: int(part), Weight: 1})
			}
		}
		group++
	}
	add(role.Questioner, 256, 1, 700, true)
	add(role.Responder, 128, 8, 500, false)
	add(role.Verifier, 16, 8, 150, false)
	for norm, want := range map[grpo.Norm][role.NumRoles]float64{
		grpo.PartTokenMean: {1, 1, 1}, grpo.GlobalTokenMean: {179200.0 / 710400, 512000.0 / 710400, 19200.0 / 710400},
	} {
		var got [role.NumRoles]float64
		for i, w := range norm.Weights(all) {
			got[all[i].Part] += w * float64(all[i].Length)
		}
		if slices.ContainsFunc([]role.Role{role.Questioner, role.Responder, role.Verifier}, func(r role.Role) bool {
			return math.Abs(got[r]-want[r]) > 1e-9
		}) {
			t.Errorf("norm %d: the roles weigh %v, want %v", norm, got, want)
		}
	}
}

// dresses: what is a question but for its marks is read, and what is none is not.
func dresses(t *testing.T) {
	const q = `{"question":"1?","answer":"x"}`
	want := map[string]string{`{"question":"1?","answer":"a","reason":"uses ` + "```" + `"}`: "a",
		"The question:\n" + q: "x", "[" + q + "]": "x", `{"question":"1?","answer":1904}`: "1904",
		`{"Question":"1?","ANSWER":"x"}`: "x", `{"question":"1?","answer":"x",}`: "x",
		"{\"question\":\"1\n?\",\"answer\":\"x\"}": "x", `{"question":"\(1\)?","answer":"x"}`: "x",
		`{"query":"1?","answer":"x"}`: "", `{"question":"1?","answer":["x"]}`: "", `{"question":7,"answer":"x"}`: "",
		`{"question":"1?"}`: "",
	}
	for _, fence := range [][2]string{{"```json", "```"}, {"```", "```"}, {"```JSON", "```"}, {"``` json", "```"},
		{"~~~json", "~~~"}, {"```json", ""}} {
		want["Reasoning.\n"+fence[0]+"\n"+q+"\n"+fence[1]] = "x"
	}
	references(task.GeneralQA, want)(t)
	const latex = `{"question":"What is \frac{a}{b} \times \boxed{c}?","answer":"x"}`
	asked, v := full(t).ParseQuestion(task.GeneralQA, latex, nil)
	if v != task.OK || asked.Text != `What is \frac{a}{b} \times \boxed{c}?` {
		t.Errorf("LaTeX reads as %q, verdict %d", asked.Text, v)
	}
	for _, answer := range []string{"B)", "B. x", "Option B", "[B]", "<B>", "b", "x"} {
		references(task.MultipleChoice, map[string]string{
			`{"question":"1?","options":{"A":"w","B":"x","C":"y","D":"z"},"answer":"` + answer + `"}`: "B"})(t)
	}
}
