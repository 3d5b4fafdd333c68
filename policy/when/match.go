package when

import (
	"io"
	"regexp/syntax"
	"unicode/utf8"

	"github.com/merlon-security/merlon/policy/screen/automaton"
)

// automata is the memory that the automaton of one pattern may take.
const automata = 1 << 20

// instructions is the size of a pattern's program: the states that a text may
// keep open at once.
func instructions(pattern string) (int, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

// matcher tests a text by a pattern. An automaton takes one look per byte, if
// the text lets it stay small; where it does not, package regexp takes a look
// per byte for every instruction of the pattern, so that each of them is charged.
type matcher struct {
	code    int
	machine func() *automaton.Machine
}

// stubborn is how often an automaton may grow too large before it is no longer tried.
const stubborn = 4

func (m *matcher) match(text string, b *Budget) bool {
	auto := m.machine()
	if auto.Spills() < stubborn {
		if matched, known := auto.Try(text); known {
			return matched
		}
	}
	r := meter{text: text, code: m.code, budget: b}
	return auto.Regexp().MatchReader(&r) && !r.cut
}

// meter hands a text to the matcher rune by rune, for as long as the budget
// lasts. A text that is cut short leaves the budget over.
type meter struct {
	text   string
	code   int
	budget *Budget
	cut    bool
}

// ReadRune implements io.RuneReader, with the runes that package regexp sees in
// a string.
func (m *meter) ReadRune() (r rune, size int, err error) {
	if m.text == "" {
		return 0, 0, io.EOF
	}
	if !m.budget.spend(m.code) {
		m.cut = true
		return 0, 0, io.EOF
	}
	r, size = utf8.DecodeRuneInString(m.text)
	m.text = m.text[size:]
	return r, size, nil
}
