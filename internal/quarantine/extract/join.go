package extract

import (
	"errors"
	"fmt"
	"strings"

	"github.com/merlon-security/merlon/internal/quarantine"
)

// maxParts bounds the parts of a record: an event is at most 6 MiB (AWS Lambda
// quotas), which is 57 parts.
const maxParts = 64

// joiner collects the parts of records.
type joiner struct {
	entries map[string]*entry
	order   []*entry
}

// entry is a record with the parts that have been seen.
type entry struct {
	line   int // of its first part
	head   quarantine.Line
	sealed bool
	parts  []string
}

// add takes a line. A log may deliver a line twice; that is no fault. A second
// line that says something else is: the first stands.
func (j *joiner) add(n int, l quarantine.Line) error {
	text, sealed := l.Plain, l.Sealed != ""
	if sealed {
		text = l.Sealed
	}
	switch {
	case l.Sealed != "" && l.Plain != "", text == "":
		return errors.New("want one of sealed and plain")
	case l.Parts < 1 || l.Parts > maxParts || l.Part < 1 || l.Part > l.Parts:
		return fmt.Errorf("part %d of %d", l.Part, l.Parts)
	}
	// A record in one part stands for itself, so that a forged line with its id
	// cannot keep it from being read.
	key := l.ID
	if l.Parts == 1 {
		key += "\x00" + text
	}
	e := j.entries[key]
	if e == nil {
		e = &entry{line: n, head: l, sealed: sealed, parts: make([]string, l.Parts)}
		j.entries[key] = e
		j.order = append(j.order, e)
	}
	if !e.sameRecord(&l) || sealed != e.sealed {
		return fmt.Errorf("another record has this id, on line %d", e.line)
	}
	if have := e.parts[l.Part-1]; have != "" && have != text {
		return fmt.Errorf("another part %d of this record came before", l.Part)
	}
	e.parts[l.Part-1] = text
	return nil
}

// sameRecord compares all that the parts of a record share.
func (e *entry) sameRecord(l *quarantine.Line) bool {
	a, b := e.head, *l
	for _, x := range []*quarantine.Line{&a, &b} {
		x.Timestamp, x.Part, x.Sealed, x.Plain = "", 0, "", ""
	}
	return a == b
}

func (e *entry) payload() (string, error) {
	for i, p := range e.parts {
		if p == "" {
			return "", fmt.Errorf("part %d of %d is missing", i+1, len(e.parts))
		}
	}
	return strings.Join(e.parts, ""), nil
}
