// Package read takes Merlon's lines back in, from a log that others write to as
// well. It owns what makes a line believable: its schema, its form, its
// signature where there is a key, and its place in the numbers of its
// environment. It knows no source of lines, and makes no path, query or command
// out of anything that stands in one.
package read

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/verdict"
)

// maxLine bounds a line that is looked at. Merlon's are shorter than 16 KB.
const maxLine = 256 << 10

// Log reads the lines of any number of environments, in any order.
type Log struct {
	keys []*verdict.Signer
	envs map[series]*numbers
}

// New makes a Log. With keys, a line that none of them signed is an error;
// without, nothing tells a line from one that the function printed.
func New(keys ...*verdict.Signer) *Log {
	return &Log{keys: slices.DeleteFunc(slices.Clone(keys), func(k *verdict.Signer) bool { return k == nil }), envs: map[series]*numbers{}}
}

// Line is one line of Merlon's.
type Line struct {
	Schema  string
	Env     verdict.Env
	Verdict *verdict.Record  // of a verdict
	Summary *verdict.Summary // of a summary
	Learned *Learned         // of what was learned
}

// The errors of Read, beside those that describe what is wrong with the form.
var (
	ErrForeign   = errors.New("not a line of Merlon's")
	ErrUnsigned  = errors.New("not signed by a key that was given")
	ErrDuplicate = errors.New("seen before")
)

// Read takes a line: what stands in the log, or has a log tool's prefix before
// it. ErrForeign is the function's own output, or a line of Merlon's that is not
// numbered; every other error is a line that must not be believed.
func (l *Log) Read(text []byte) (Line, error) {
	text = bytes.TrimRight(text, "\r\n")
	if i := bytes.Index(text, []byte(`{"`)); i > 0 {
		text = text[i:]
	}
	if len(text) == 0 || text[0] != '{' || len(text) > maxLine {
		return Line{}, ErrForeign
	}
	var head struct {
		Schema string
		Env    verdict.Env
	}
	if json.Unmarshal(text, &head) != nil || !strings.HasPrefix(head.Schema, "merlon.") {
		return Line{}, ErrForeign
	}
	line := Line{Schema: head.Schema, Env: head.Env}
	switch head.Schema {
	case verdict.Schema, verdict.SummarySchema, verdict.LearnedSchema, "merlon.metric/1":
	default:
		return Line{}, ErrForeign
	}
	if !uuid(head.Env.ID) || head.Env.Seq == 0 {
		return Line{}, fmt.Errorf("schema %s: no environment and sequence number", head.Schema)
	}
	if err := l.authenticate(text, head.Env); err != nil {
		return Line{}, err
	}
	if err := line.decode(text); err != nil {
		return Line{}, err
	}
	at := series{head.Env.ID, head.Schema}
	n := l.envs[at]
	if n == nil {
		n = new(numbers)
		l.envs[at] = n
	}
	if !n.add(head.Env.Seq) {
		return line, ErrDuplicate
	}
	return line, nil
}

// authenticate checks the signature, if there are keys.
func (l *Log) authenticate(text []byte, env verdict.Env) error {
	if len(l.keys) == 0 {
		return nil
	}
	body, mac, ok := verdict.Unseal(text)
	if ok && slices.ContainsFunc(l.keys, func(k *verdict.Signer) bool { return k.Genuine(body, mac, env.ID, env.Seq) }) {
		return nil
	}
	return ErrUnsigned
}

// decode reads the members of a line.
func (line *Line) decode(text []byte) error {
	switch line.Schema {
	case verdict.Schema:
		line.Verdict = new(verdict.Record)
		if err := json.Unmarshal(text, line.Verdict); err != nil {
			return fmt.Errorf("schema %s: %w", line.Schema, err)
		}
		if !uuid(line.Verdict.ID) {
			return fmt.Errorf("schema %s: the id is none", line.Schema)
		}
	case verdict.SummarySchema:
		line.Summary = new(verdict.Summary)
		if err := json.Unmarshal(text, line.Summary); err != nil {
			return fmt.Errorf("schema %s: %w", line.Schema, err)
		}
	case verdict.LearnedSchema:
		line.Learned = new(Learned)
		if err := json.Unmarshal(text, line.Learned); err != nil {
			return fmt.Errorf("schema %s: %w", line.Schema, err)
		}
	}
	return nil
}

// Learned is verdict.Learned with its delta as it stands.
type Learned struct {
	Function string          `json:"function"`
	CodeID   string          `json:"codeId"`
	Delta    json.RawMessage `json:"delta"`
}

// uuid reports whether s is a UUID as Merlon writes it. An id ends up in pages,
// file names and queries of those who read verdicts.
func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (c == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(c)) {
			return false
		}
	}
	return true
}

// series is what numbers belong to: an environment counts its lines of each
// schema.
type series struct{ env, schema string }

// Gap is lines of an environment, of one schema, that were not seen, First to
// Last.
type Gap struct {
	Env, Schema string
	First, Last uint64
}

// Gaps lists what is missing between 1 and the highest number of each
// environment and schema, in their order. Lines that an environment never wrote,
// because it died, leave no gap.
func (l *Log) Gaps() []Gap {
	var out []Gap
	for at, n := range l.envs {
		next := uint64(1)
		for _, s := range n.spans {
			if s.first > next {
				out = append(out, Gap{at.env, at.schema, next, s.first - 1})
			}
			next = s.last + 1
		}
	}
	slices.SortFunc(out, func(a, b Gap) int {
		return cmp.Or(strings.Compare(a.Env, b.Env), strings.Compare(a.Schema, b.Schema), cmp.Compare(a.First, b.First))
	})
	return out
}

// numbers is a set of sequence numbers, as spans in ascending order with holes
// between them.
type numbers struct{ spans []span }

type span struct{ first, last uint64 }

// add puts a number into the set; false if it is there already.
func (n *numbers) add(seq uint64) bool {
	i, found := slices.BinarySearchFunc(n.spans, seq, func(s span, seq uint64) int {
		switch {
		case s.last < seq:
			return -1
		case s.first > seq:
			return 1
		}
		return 0
	})
	if found {
		return false
	}
	before := i > 0 && n.spans[i-1].last+1 == seq
	after := i < len(n.spans) && n.spans[i].first == seq+1
	switch {
	case before && after:
		n.spans[i-1].last = n.spans[i].last
		n.spans = slices.Delete(n.spans, i, i+1)
	case before:
		n.spans[i-1].last = seq
	case after:
		n.spans[i].first = seq
	default:
		n.spans = slices.Insert(n.spans, i, span{seq, seq})
	}
	return true
}
