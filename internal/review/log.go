package review

import (
	"fmt"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// Place is where a line was read.
type Place struct {
	Name string `json:"name"` // a file, "-", or a log stream
	Line int    `json:"line"` // from 1
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.Name, p.Line) }

// Entry is a verdict that was read.
type Entry struct {
	verdict.Record
	At Place
}

// Count is for how many events the entry stands.
func (e *Entry) Count() int {
	if e.Repeat == nil || e.Repeat.Count < 1 {
		return 1
	}
	return min(e.Repeat.Count, maxCount)
}

// When is the time of the decision.
func (e *Entry) When() time.Time { return time.Time(e.Time) }

// maxCount bounds numbers that are added up; a line that claims more is wrong
// or lies, and must not overflow the sum.
const maxCount = 1 << 30

// Kind says why a line was left out or looks wrong.
type Kind string

// The kinds of problems.
const (
	Damaged         Kind = "damaged"         // names our schema, and cannot be read
	Unauthenticated Kind = "unauthenticated" // not signed by the key
	Duplicate       Kind = "duplicate"       // the same line once more: at least once is what sinks promise
	Conflict        Kind = "conflict"        // another line under a number that is taken
	Gap             Kind = "gap"             // numbers of an environment that never came
)

// Kinds lists the kinds in the order in which they are shown.
func Kinds() []Kind { return []Kind{Damaged, Unauthenticated, Conflict, Gap, Duplicate} }

// Problem is one of them.
type Problem struct {
	Kind  Kind   `json:"kind"`
	At    Place  `json:"at"`
	Text  string `json:"text"`
	Count int    `json:"count"` // lines it is about
}

// Log is what was read.
type Log struct {
	Verdicts []Entry // by time
	Windows  []verdict.Summary
	Health   map[string]map[string]float64 // sums of metrics by function and name
	Keyed    bool                          // unsigned lines were rejected
	Lines    int                           // all, ours or not
	Other    int                           // not ours
	Outside  int                           // verdicts outside the time asked for
	Problems []Problem                     // at most maxProblems
	Counts   map[Kind]int                  // of lines, without a bound
}

// maxProblems bounds the problems that are kept; all are counted.
const maxProblems = 10_000
