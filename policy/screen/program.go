// Package screen proves, in one pass over the values of a transaction, that no
// loaded rule can match it, so that Coraza need not be entered. It owns the
// necessary conditions of rules and nothing else: it does not score, block or
// report, and it knows no Coraza type. Coraza stays the authority: Clean
// implies that stock Coraza finds nothing; a hit only says which rules may.
package screen

import (
	"github.com/merlon-security/merlon/policy/seclang"
)

// Options fixes what is constant for a configuration.
type Options struct {
	// Paranoia is the detection paranoia level, 1 to 4. Rules of higher levels are not evaluated.
	Paranoia int
	// Data returns the content of a file named by @pmFromFile.
	Data func(name string) ([]byte, error)
}

// Class is the treatment of a rule by the screen.
type Class uint8

// The classes of rules. The list is closed: a rule of any other kind is Unknown.
const (
	Bookkeeping Class = iota // matches or not by configuration alone, without effect on detection
	Gated                    // skipped at this paranoia level, or of a response phase
	Head                     // about the request's head, counts and absence included: evaluated exactly
	Value                    // necessary condition on each value, then the rule's own operator
	Unknown                  // always to Coraza
)

// Program is a compiled rule set. It is immutable and safe for concurrent use.
type Program struct {
	classes map[int]Class
}

// Scratch is the working memory of one scan. It may be reused, not shared.
type Scratch struct{}

// NewScratch returns working memory for scans with p.
func (p *Program) NewScratch() *Scratch { return &Scratch{} }

// Compile builds the program of a rule set.
func Compile(rules []seclang.Rule, opt Options) (*Program, error) {
	p := &Program{classes: map[int]Class{}}
	for i := range rules {
		p.classes[rules[i].ID] = Unknown
	}
	return p, nil
}

// Classes returns the class of each rule by id.
func (p *Program) Classes() map[int]Class { return p.classes }

// Scan evaluates the program on one transaction.
func (p *Program) Scan(s *Scratch, in *Input) Result { return Result{Always: true} }

// Narrow appends to dst the ranges of rule ids that a Coraza transaction for
// in may leave out (RemoveRuleByIDRange) given the result of Scan. No range
// covers a rule that can match or that others depend on.
func (p *Program) Narrow(dst [][2]int, in *Input, r Result) [][2]int { return dst }

// HeadRules returns the ids of the rules that have no object without an HTTP head.
func (p *Program) HeadRules() []int { return nil }

// MarshalBinary returns the flat form that Load reads.
func (p *Program) MarshalBinary() ([]byte, error) { return nil, nil }

// Load reads a program written by MarshalBinary.
func Load(data []byte) (*Program, error) { return &Program{}, nil }
