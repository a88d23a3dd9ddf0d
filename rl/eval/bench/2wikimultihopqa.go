package bench

// 2WikiMultihopQA asks for what follows from two to four Wikipedia paragraphs of ten. It is read in its
// publisher's layout and in LongBench's. What its publisher hands out has the evidences, a path of facts.
func init() {
	register(paragraphs(Benchmark{Name: "2wikimultihopqa", About: "two to four hops between Wikipedia paragraphs"},
		"2wikimqa", "evidences", "level"))
}
