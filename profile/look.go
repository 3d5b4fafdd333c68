package profile

import (
	"math/bits"
	"unicode"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/event"
)

// look is what can be told of one value without keeping it. Every bit is one
// element that is learned, merged and compared on its own.
type look struct {
	types   uint64 // one of event.Type
	length  uint64 // a step of lengthSteps; texts
	classes uint64 // classes of characters; texts
	formats uint64 // one format; texts
	low     uint64 // a step of magnitude below zero; numbers
	high    uint64 // a step of magnitude from zero up; numbers
	whole   uint64 // 1 a whole number, 2 one with a fraction
	size    uint64 // a step of lengthSteps; members of an array
	count   int    // those members; no element of its own
}

// has reports whether everything in o is in l.
func (l *look) has(o *look) bool {
	return o.types&^l.types|o.whole&^l.whole|o.classes&^l.classes|o.formats&^l.formats|
		o.length&^l.length|o.low&^l.low|o.high&^l.high|o.size&^l.size == 0
}

// parts are the aspects in the order of aspectNames.
func (l *look) parts() [8]*uint64 {
	return [...]*uint64{&l.types, &l.length, &l.classes, &l.formats, &l.low, &l.high, &l.whole, &l.size}
}

// aspectNames begin the marks of evidence.
const aspectNames = "TLCFNPWS"

// lengthSteps are the upper ends of the steps in which lengths are told, in
// bytes or members: half powers of two. What is above the last counts as it.
var lengthSteps = func() (steps [42]int) {
	at := 4
	for i := range steps {
		switch {
		case i < 5:
			steps[i] = i
		case i%2 == 1:
			steps[i] = at * 3 / 2
		default:
			at *= 2
			steps[i] = at
		}
	}
	return steps
}()

// lengthStep is the number of the step that holds n.
func lengthStep(n int) int {
	if n <= 4 {
		return max(0, n)
	}
	k := bits.Len(uint(n-1)) - 3 // 4·2^k < n <= 8·2^k
	step := 5 + 2*k
	if n > 6<<k {
		step++
	}
	return min(step, len(lengthSteps)-1)
}

// The classes of characters.
const (
	classLower = 1 << iota
	classUpper
	classDigit
	classSpace
	classHyphen
	classUnderscore
	classDot
	classSlash
	classAt
	classColon
	classComma
	classPlus
	classQuery   // & = % # ?
	classRound   // ( )
	classBracket // [ ] { }
	classAngle   // < >
	classQuote   // " '
	classShell   // ; | ` $ \ ! * ^ ~
	classBreak   // line breaks and tabs
	classControl // other control characters, and bytes that are no UTF-8
	classLetter  // letters beyond ASCII
	classBeyond  // anything else beyond ASCII
)

var classNames = [...]string{"lower", "upper", "digit", "space", "hyphen", "underscore", "dot", "slash", "at", "colon", "comma", "plus",
	"query", "round", "bracket", "angle", "quote", "shell", "break", "control", "letter", "beyond"}

// classOf are the classes of ASCII.
var classOf = func() (t [utf8.RuneSelf]uint64) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z':
			t[c] = classLower
		case c >= 'A' && c <= 'Z':
			t[c] = classUpper
		case c >= '0' && c <= '9':
			t[c] = classDigit
		default:
			t[c] = classControl
		}
	}
	for _, group := range [...]struct {
		chars string
		class uint64
	}{
		{" ", classSpace}, {"-", classHyphen}, {"_", classUnderscore}, {".", classDot}, {"/", classSlash}, {"@", classAt},
		{":", classColon}, {",", classComma}, {"+", classPlus}, {"&=%#?", classQuery}, {"()", classRound}, {"[]{}", classBracket},
		{"<>", classAngle}, {`"'`, classQuote}, {";|`$\\!*^~", classShell}, {"\r\n\t", classBreak},
	} {
		for _, c := range group.chars {
			t[c] = group.class
		}
	}
	return t
}()

// classLook is how much of a text its classes are told by. The rest of a longer
// one is the inspection's business: looking on would cost as much as that does.
const classLook = 4 << 10

func classesOf(s string) (classes uint64) {
	for i := 0; i < len(s) && i < classLook; {
		if c := s[i]; c < utf8.RuneSelf {
			classes |= classOf[c]
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1 || r < 0xa0:
			classes |= classControl
		case isLetter(r):
			classes |= classLetter
		default:
			classes |= classBeyond
		}
		i += n
	}
	return classes
}

// isLetter tells letters, and the marks, joiners and digits that stand among
// them in most scripts.
func isLetter(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.IsDigit(r) || r == 0x200c || r == 0x200d || r == 0x2019
}

// lookAt tells what a value looks like. text is the string, or a number as it
// is written; size the members of an array.
func lookAt(kind event.Type, text string, size int) (l look) {
	l.types = 1 << kind
	switch kind {
	case event.String:
		l.length = 1 << lengthStep(len(text))
		l.classes = classesOf(text)
		l.formats = 1 << formatOf(text, l.classes)
	case event.Number:
		l.low, l.high, l.whole = magnitude(text)
	case event.Array:
		l.size, l.count = 1<<lengthStep(size), size
	}
	return l
}
