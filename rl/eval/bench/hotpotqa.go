package bench

// HotpotQA asks for what follows from two Wikipedia paragraphs of ten. It is read in its publisher's
// layout, the distractor setting, and in LongBench's. What its publisher hands out tells the level of
// the questions.
func init() {
	register(paragraphs(Benchmark{Name: "hotpotqa", About: "two hops between Wikipedia paragraphs"},
		"hotpotqa", "level", "evidences"))
}
