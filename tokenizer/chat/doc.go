// Package chat renders the chat templates that Hugging Face models carry, to the character as
// transformers' apply_chat_template does. A template is a Jinja2 program. It is parsed once into a
// tree and rendered many times, from any number of goroutines.
//
// A [Dialog] is the text side of a model's folder: its tokenizer with the tokens that the side files
// add, its template or the one of several that was chosen, and the token that ends a turn.
//
// # The language
//
// Sources: the Jinja2 template designer documentation and its lexer, and the chat templating
// chapter of transformers. The environment is the one transformers sets up: trim_blocks and
// lstrip_blocks on, the trailing newline of the template dropped, the immutable sandbox, no
// autoescape, loop controls, the {% generation %} mark, a tojson that is Python's
// json.dumps(ensure_ascii=False), raise_exception(message) and strftime_now(format).
//
// Statements: for (filter, else, tuple targets, loop.*), if, set (also ns.x, tuples and blocks),
// with, macro, filter, generation, break, continue, raw and comments. Expressions: all of Jinja2's,
// save *args and **kwargs in a call. Filters, tests, methods and global functions: those that the
// tables in filters.go, tests.go, methods_*.go and globals.go name. Strings are Unicode text:
// lengths, indices and slices count code points. Values print as in Python.
//
// Not in the subset, and refused by name with the line: call, block, extends, include,
// import, autoescape and do; recursive loops; varargs, kwargs and caller in macros;
// integers beyond 64 bits; printing of iterators, namespaces and functions; slices of
// ranges; most uses of text that was marked safe or escaped, short of printing and joining
// it. [Parse] refuses what the source alone shows, [Template.Render] the rest. Nothing is
// guessed. One difference is deliberate: the filters that return iterators work eagerly,
// so that an error in an element shows even when no one asks for that element.
//
// # Bounds
//
// A template comes with a model and is not trusted. A source is at most [MaxSource] bytes and nests
// at most [MaxNesting] deep. One rendering does at most [MaxSteps] units of work, makes at most
// [MaxMemory] bytes of intermediate values, nests at most [MaxDepth] evaluations and writes at most
// [MaxOutput] bytes. Crossing one is an error that names the bound. A template reaches nothing but
// the values that it is given: no files, no clock, no Go values.
package chat
