package profile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// SchemaEvidence names the first line of an evidence file.
const SchemaEvidence = "merlon.evidence/1"

// EvidenceFile is evidence with whose it is. It is kept as JSON lines: the head,
// then environments, then elements, each sorted, so that a diff of two files
// shows what was learned.
type EvidenceFile struct {
	Function string
	Code     string
	Evidence *Evidence
}

// evidenceLine is any line of a file.
type evidenceLine struct {
	Schema   string `json:"schema,omitempty"`
	Function string `json:"function,omitempty"`
	Code     string `json:"code,omitempty"`

	Env     string `json:"env,omitempty"`
	Samples uint64 `json:"samples,omitempty"`

	Place   Place    `json:"p,omitempty"`
	Mark    string   `json:"m,omitempty"`
	First   Day      `json:"first,omitempty"`
	Last    Day      `json:"last,omitempty"`
	Days    []Day    `json:"days,omitempty"`
	Sources []string `json:"sources,omitempty"`
}

// Write writes the file.
func (f *EvidenceFile) Write(out io.Writer) error {
	w := bufio.NewWriter(out)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	err := enc.Encode(evidenceLine{Schema: SchemaEvidence, Function: f.Function, Code: f.Code})
	for _, env := range sortedKeys(f.Evidence.Samples) {
		err = errors.Join(err, enc.Encode(evidenceLine{Env: env, Samples: f.Evidence.Samples[env]}))
	}
	f.Evidence.each(func(el Element, p *Proof) {
		line := evidenceLine{Place: el.Place, Mark: el.Mark, First: p.First, Last: p.Last, Days: p.Days}
		for _, s := range p.Sources {
			line.Sources = append(line.Sources, hexOf(s))
		}
		err = errors.Join(err, enc.Encode(line))
	})
	return errors.Join(err, w.Flush())
}

// maxLine bounds a line of an evidence file.
const maxLine = 1 << 20

// ReadEvidence reads a file that Write wrote. The error names the line.
func ReadEvidence(in io.Reader) (*EvidenceFile, error) {
	f := &EvidenceFile{Evidence: NewEvidence()}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		var line evidenceLine
		if err := dec.Decode(&line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := f.take(n, &line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, err)
	}
	if n == 0 {
		return nil, fmt.Errorf("empty: want a first line with the schema %s", SchemaEvidence)
	}
	return f, nil
}

func (f *EvidenceFile) take(n int, line *evidenceLine) error {
	switch {
	case n == 1:
		if line.Schema != SchemaEvidence {
			return fmt.Errorf("schema %q: want %s", line.Schema, SchemaEvidence)
		}
		f.Function, f.Code = line.Function, line.Code
		return nil
	case line.Env != "":
		f.Evidence.Count(line.Env, line.Samples)
		return nil
	}
	item := DeltaItem{line.Place, []string{line.Mark}}
	if err := item.check(); err != nil {
		return err
	}
	p := Proof{First: line.First, Last: line.Last, Days: line.Days}
	for _, s := range line.Sources {
		source, err := strconv.ParseUint(s, 16, 64)
		if err != nil {
			return fmt.Errorf("source %q: want 16 hexadecimal digits", s)
		}
		p.Sources = append(p.Sources, source)
	}
	f.Evidence.Add(Element{line.Place, line.Mark}, p)
	return nil
}
