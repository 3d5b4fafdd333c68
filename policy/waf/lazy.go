package waf

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	ahocorasick "github.com/petar-dambovaliev/aho-corasick"
	"rsc.io/binaryregexp"

	"github.com/merlon-security/merlon/policy/screen/automaton"
)

// register adds operators that do what @rx, @pm, @pmFromFile and @detectSQLi of
// Coraza 3.8.1 do: the first three compile their pattern when a value first
// needs it, the last takes linear time. They have names of their own, so that
// the stock operators stay what they are; the registry is a plain map without a
// lock, so they are added once.
var register = sync.OnceFunc(func() {
	budget := automaton.NewBudget(automata)
	plugins.RegisterOperator("merlonRx", func(o plugintypes.OperatorOptions) (plugintypes.Operator, error) { return newLazyRx(o, budget) })
	plugins.RegisterOperator("merlonPm", newLazyPm)
	plugins.RegisterOperator("merlonPmFromFile", newLazyPmFromFile)
	plugins.RegisterOperator("merlonDetectSQLi", newInjection)
})

// automata is the memory that the automata of all patterns may take together.
const automata = 4 << 20

// lazyRx is a regular expression that is compiled once, on the first value. Where
// it meets many values or long ones, an automaton says first whether there is a
// match at all, at a tenth of the cost of finding its groups. Making one costs as
// much as some short values, and the first event that needs it should not wait
// for it. The embedded rule set's patterns are compiled by a test, so the errors
// below cannot occur in a release.
type lazyRx struct {
	met     atomic.Int32 // values, up to fewValues
	machine func() *automaton.Machine
	compile func() *regexp.Regexp
	binary  func() *binaryregexp.Regexp // for patterns of arbitrary bytes
}

func newLazyRx(o plugintypes.OperatorOptions, budget *automaton.Budget) (plugintypes.Operator, error) {
	pattern := o.Arguments
	if arbitraryBytes(pattern) {
		return &lazyRx{binary: sync.OnceValue(func() *binaryregexp.Regexp { return binaryregexp.MustCompile(pattern) })}, nil
	}
	pattern = "(?sm)" + pattern // Coraza puts these flags before every one (internal/operators/rx.go)
	return &lazyRx{
		machine: sync.OnceValue(func() *automaton.Machine {
			m, err := automaton.New(pattern, false, budget)
			if err != nil {
				return nil // it is too odd for an automaton; the expression decides alone
			}
			return m
		}),
		compile: sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) }),
	}, nil
}

// Before a pattern has met so many values, none of this length, it has no automaton.
const (
	fewValues = 16
	longValue = 512
)

// automaton returns the automaton that goes before the expression for a value,
// or nil.
func (r *lazyRx) automaton(value string) *automaton.Machine {
	if len(value) < longValue && r.met.Load() < fewValues {
		r.met.Add(1)
		return nil
	}
	return r.machine()
}

// maxCapture is the highest capture group a rule can refer to.
const maxCapture = 9

// Evaluate implements plugintypes.Operator.
func (r *lazyRx) Evaluate(tx plugintypes.TransactionState, value string) bool {
	if r.binary != nil {
		return r.evaluateBinary(tx, value)
	}
	auto := r.automaton(value)
	if auto != nil && !auto.Match(value) {
		return false
	}
	if !tx.Capturing() {
		return auto != nil || r.compile().MatchString(value)
	}
	m := r.compile().FindStringSubmatchIndex(value)
	if m == nil {
		return false
	}
	for i := 0; i < len(m)/2 && i < maxCapture; i++ {
		group := ""
		if m[2*i] >= 0 {
			group = value[m[2*i]:m[2*i+1]]
		}
		tx.CaptureField(i, group)
	}
	return true
}

func (r *lazyRx) evaluateBinary(tx plugintypes.TransactionState, value string) bool {
	re := r.binary()
	if !tx.Capturing() {
		return re.MatchString(value)
	}
	m := re.FindStringSubmatch(value)
	for i := 0; i < len(m) && i < maxCapture; i++ {
		tx.CaptureField(i, m[i])
	}
	return len(m) > 0
}

// arbitraryBytes reports whether a pattern names bytes that are no UTF-8 text,
// by \xHH or \x{HH} of 80 and above. Such patterns are matched byte by byte.
// Coraza decides by decoding the whole pattern; a test compares the two over
// the rule set.
func arbitraryBytes(pattern string) bool {
	for i := 0; i+3 < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		if pattern[i+1] != 'x' {
			i++
			continue
		}
		hex := strings.TrimPrefix(pattern[i+2:], "{")
		if len(hex) >= 2 && strings.IndexByte("89abcdefABCDEF", hex[0]) >= 0 && strings.IndexByte("0123456789abcdefABCDEF", hex[1]) >= 0 {
			return true
		}
	}
	return false
}

// lazyPm is a set of phrases whose automaton is built on the first value long
// enough to hold one of them.
type lazyPm struct {
	shortest int
	build    func() *ahocorasick.AhoCorasick
}

func newPhrases(phrases []string, dfa bool) *lazyPm {
	p := &lazyPm{}
	for i, s := range phrases {
		if i == 0 || len(s) < p.shortest {
			p.shortest = len(s)
		}
	}
	p.build = sync.OnceValue(func() *ahocorasick.AhoCorasick {
		b := ahocorasick.NewAhoCorasickBuilder(ahocorasick.Opts{
			AsciiCaseInsensitive: true, MatchKind: ahocorasick.LeftMostLongestMatch, DFA: dfa,
		})
		m := b.Build(phrases)
		return &m
	})
	return p
}

func newLazyPm(o plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	return newPhrases(strings.Split(strings.ToLower(o.Arguments), " "), true), nil
}

func newLazyPmFromFile(o plugintypes.OperatorOptions) (plugintypes.Operator, error) {
	data, err := fs.ReadFile(o.Root, o.Arguments)
	if err != nil {
		return nil, fmt.Errorf("phrases of @pmFromFile: %w", err)
	}
	var phrases []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			phrases = append(phrases, strings.ToLower(line))
		}
	}
	return newPhrases(phrases, false), nil
}

// Evaluate implements plugintypes.Operator.
func (p *lazyPm) Evaluate(tx plugintypes.TransactionState, value string) bool {
	if len(value) < p.shortest {
		return false
	}
	matches := p.build().Iter(value)
	if !tx.Capturing() {
		return matches.Next() != nil
	}
	n := 0
	for m := matches.Next(); m != nil; m = matches.Next() {
		tx.CaptureField(n, value[m.Start():m.End()])
		if n++; n > maxCapture {
			break
		}
	}
	return n > 0
}
