package review

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/logline"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/verdict"
)

// Options say what counts.
type Options struct {
	Keys         []*verdict.Signer // of the deployment; none: lines are taken at their word
	Since, Until time.Time         // zero: no bound
	// Learned takes what environments learned; an error says that the line is
	// damaged. Nil: such lines are not looked at.
	Learned func(env verdict.Env, l *read.Learned) error
}

// Reader collects lines.
type Reader struct {
	o     Options
	log   Log
	lines *read.Log
	seen  map[number]mark
	ids   map[string]Place // of verdicts
}

// number is the place of a line among those of its kind and environment.
type number struct {
	schema string
	env    string
	seq    uint64
}

// mark is the line that has a number.
type mark struct {
	hash uint64
	at   Place
}

// NewReader makes a Reader.
func NewReader(o Options) *Reader {
	return &Reader{
		o: o, lines: read.New(o.Keys...), seen: map[number]mark{}, ids: map[string]Place{},
		log: Log{Keyed: len(o.Keys) > 0, Health: map[string]map[string]float64{}, Counts: map[Kind]int{}},
	}
}

// maxLine bounds a line of input. A whole CloudWatch export may be one line.
const maxLine = 256 << 20

// Read reads lines until the end of r, which may be compressed with gzip. The
// error is one of reading; lines that are no good are problems.
func (r *Reader) Read(name string, in io.Reader) error {
	buffered := bufio.NewReaderSize(in, 64<<10)
	if head, _ := buffered.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return fmt.Errorf("read %q: %w", name, err)
		}
		buffered = bufio.NewReaderSize(z, 64<<10)
	}
	sc := bufio.NewScanner(buffered)
	sc.Buffer(make([]byte, 64<<10), maxLine)
	at := Place{Name: name}
	for sc.Scan() {
		at.Line++
		r.Line(at, sc.Bytes())
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read %s:%d: %w", name, at.Line+1, err)
	}
	return nil
}

// Line takes one line of a log.
func (r *Reader) Line(at Place, line []byte) {
	r.log.Lines++
	at.Name = Clean(at.Name)
	found, err := logline.Find(line, "merlon.verdict/", "merlon.summary/", "merlon.metric/", "merlon.delta/", stateSchema)
	if err != nil {
		r.problem(Damaged, at, strings.TrimPrefix(err.Error(), "damaged: "))
	}
	if len(found) == 0 && err == nil {
		r.log.Other++
	}
	for _, l := range found {
		if err := r.ours(at, l); err != nil {
			r.problem(Damaged, at, err.Error())
		}
	}
}

func (r *Reader) problem(k Kind, at Place, text string) { r.problems(k, at, text, 1) }

func (r *Reader) problems(k Kind, at Place, text string, n int) {
	r.log.Counts[k] = min(r.log.Counts[k]+n, maxCount)
	if len(r.log.Problems) < maxProblems {
		r.log.Problems = append(r.log.Problems, Problem{Kind: k, At: at, Text: Clean(clip(text, 300)), Count: n})
	}
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

// The other lines of Merlon's that counters come from.
const (
	metricSchema = "merlon.metric/1"
	stateSchema  = "merlon.log/1"
)

// ours takes a line with a schema of ours; an error says that it is damaged.
func (r *Reader) ours(at Place, l logline.Line) error {
	if l.Schema == stateSchema {
		return r.metrics(l.Text)
	}
	line, err := r.lines.Read(l.Text)
	n := number{line.Schema, line.Env.ID, line.Env.Seq}
	switch {
	case errors.Is(err, read.ErrForeign):
		return fmt.Errorf("schema %q: this program is too old for it", clip(l.Schema, 60))
	case errors.Is(err, read.ErrUnsigned):
		r.problem(Unauthenticated, at, "the line is not signed by the key")
		return nil
	case errors.Is(err, read.ErrDuplicate):
		r.twice(at, l.Text, n)
		return nil
	case err != nil:
		return err
	}
	r.seen[n] = mark{sum(l.Text), at}
	switch {
	case line.Verdict != nil:
		return r.verdict(&Entry{Record: *line.Verdict, At: at})
	case line.Summary != nil:
		r.window(line.Summary)
		return nil
	case line.Learned != nil:
		if r.o.Learned == nil {
			return nil
		}
		return r.o.Learned(line.Env, line.Learned)
	}
	return r.metrics(l.Text)
}

// twice tells a line that came again from another line under its number.
func (r *Reader) twice(at Place, text []byte, n number) {
	other := r.seen[n]
	if other.hash == sum(text) {
		r.problem(Duplicate, at, fmt.Sprintf("the line stands at %s too", other.at))
		return
	}
	r.problem(Conflict, at, fmt.Sprintf("environment %s wrote another line %d, at %s", n.env, n.seq, other.at))
}

func (r *Reader) verdict(e *Entry) error {
	if err := plausible(&e.Record); err != nil {
		return fmt.Errorf("verdict: %w", err)
	}
	cleanAll(reflect.ValueOf(&e.Record).Elem())
	if other, ok := r.ids[e.ID]; ok {
		r.problem(Duplicate, e.At, fmt.Sprintf("verdict %s stands at %s too", e.ID, other))
		return nil
	}
	r.ids[e.ID] = e.At
	if t := e.When(); !r.o.Since.IsZero() && t.Before(r.o.Since) || !r.o.Until.IsZero() && !t.Before(r.o.Until) {
		r.log.Outside++
		return nil
	}
	r.log.Verdicts = append(r.log.Verdicts, *e)
	return nil
}

// plausible refuses what Merlon never writes and what would spoil a report.
func plausible(rec *verdict.Record) error {
	switch t := time.Time(rec.Time); {
	case t.Year() < 2020 || t.Year() > 2200:
		return fmt.Errorf("time %s cannot be", t.Format(time.RFC3339))
	case rec.Action == verdict.Undecided:
		return errors.New("no action")
	case rec.Function.Name == "":
		return errors.New("no function.name")
	case len(rec.Matches) > 10*verdict.MaxMatches || len(rec.Removed) > 10*verdict.MaxRemoved:
		return errors.New("more matches or removed records than a verdict has")
	}
	return nil
}

// metrics takes the counters of a line in CloudWatch's embedded format. The
// launcher writes them without a number and without a signature, before there is
// anything that could number them; all they can say is that something is wrong.
func (r *Reader) metrics(text []byte) error {
	var m struct {
		Function string       `json:"function"`
		EMF      *verdict.EMF `json:"_aws"`
	}
	var values map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(text, &m), json.Unmarshal(text, &values)); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if m.EMF == nil {
		return nil
	}
	for _, g := range m.EMF.Metrics {
		for _, unit := range g.Metrics {
			var v float64
			if json.Unmarshal(values[unit.Name], &v) == nil {
				r.count(m.Function, unit.Name, v)
			}
		}
	}
	return nil
}

// count adds to a counter. The names are a closed set, but not to who imitates
// us.
func (r *Reader) count(function, name string, v float64) {
	if math.IsNaN(v) || v <= 0 || v > maxCount {
		return
	}
	function, name = Clean(clip(function, 200)), Clean(clip(name, 60))
	m := r.log.Health[function]
	if m == nil {
		if len(r.log.Health) == maxFunctions {
			return
		}
		m = map[string]float64{}
		r.log.Health[function] = m
	}
	if _, ok := m[name]; ok || len(m) < 100 {
		m[name] += v
	}
}

// maxFunctions bounds the functions that counters are kept for.
const maxFunctions = 10_000

func (r *Reader) window(s *verdict.Summary) {
	cleanAll(reflect.ValueOf(s).Elem())
	for name, n := range map[string]int{
		"Inspected": s.Inspected, "Blocked": s.Blocked, "WouldBlock": s.WouldBlock, "FailedOpen": s.FailedOpen, "OverLimit": s.OverLimit,
		"TelemetryDropped": s.TelemetryDropped, "Collapsed": s.Collapsed, "Capped": s.Capped,
	} {
		r.count(s.Function, name, float64(n))
	}
	r.log.Windows = append(r.log.Windows, *s)
}

// Log ends the reading: verdicts in the order of time, and the numbers that
// never came.
func (r *Reader) Log() *Log {
	slices.SortStableFunc(r.log.Verdicts, func(a, b Entry) int {
		return cmp.Or(a.When().Compare(b.When()), cmp.Compare(a.ID, b.ID))
	})
	r.gaps()
	slices.SortStableFunc(r.log.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At.Name, b.At.Name), cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.Text, b.Text))
	})
	return &r.log
}

// gaps names the numbers between the first and the last line of an environment
// that never came. Before the first there may be lines that were not asked for.
func (r *Reader) gaps() {
	for _, g := range r.lines.Gaps() {
		if g.First == 1 {
			continue
		}
		text := fmt.Sprintf("environment %s: lines %d to %d never came", g.Env, g.First, g.Last)
		if g.First == g.Last {
			text = fmt.Sprintf("environment %s: line %d never came", g.Env, g.First)
		}
		r.problems(Gap, r.seen[number{g.Schema, g.Env, g.Last + 1}].at, text, int(min(g.Last-g.First+1, maxCount)))
	}
}

// sum tells lines apart; who could make two of one hash can make any line.
func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b) // a Hash never fails
	return h.Sum64()
}
