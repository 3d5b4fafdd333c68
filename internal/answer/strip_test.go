package answer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/answer"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
)

// locate finds the given texts in raw, one behind the other.
func locate(raw string, texts []string) (out []event.Record) {
	at := 0
	for _, s := range texts {
		start := at + strings.Index(raw[at:], s)
		at = start + len(s)
		out = append(out, event.Record{Start: start, End: at})
	}
	return out
}

func TestStrip(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		records   []string
		bad       []int
		want      string
	}{
		{"the first", `{"Records":[{"a":1},{"b":2},{"c":3}]}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, []int{0}, `{"Records":[{"b":2},{"c":3}]}`},
		{"one between", `{"Records":[{"a":1},{"b":2},{"c":3}]}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, []int{1}, `{"Records":[{"a":1},{"c":3}]}`},
		{"the last", `{"Records":[{"a":1},{"b":2},{"c":3}]}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, []int{2}, `{"Records":[{"a":1},{"b":2}]}`},
		{"all but the last", `{"Records":[{"a":1},{"b":2},{"c":3}]}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, []int{0, 1}, `{"Records":[{"c":3}]}`},
		{"all but the one between", `{"Records":[{"a":1},{"b":2},{"c":3}]}`, []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, []int{0, 2}, `{"Records":[{"b":2}]}`},
		{"all", `{"Records":[{"a":1},{"b":2}],"x":1}`, []string{`{"a":1}`, `{"b":2}`}, []int{0, 1}, `{"Records":[],"x":1}`},
		{"none", `{"Records":[{"a":1}]}`, []string{`{"a":1}`}, nil, `{"Records":[{"a":1}]}`},
		{"white space", "{ \"Records\" : [\n  {\"a\":1} ,\n  {\"b\":2} ,\n  {\"c\":3}\n] }", []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}, []int{1}, "{ \"Records\" : [\n  {\"a\":1} ,\n  {\"c\":3}\n] }"},
		{"white space and nothing left", "{ \"Records\" : [\n  {\"a\":1}\n] }", []string{`{"a":1}`}, []int{0}, "{ \"Records\" : [] }"},
		{"an array at the top", `[{"a":1},{"b":2}]`, []string{`{"a":1}`, `{"b":2}`}, []int{0}, `[{"b":2}]`},
		{"brackets and quotes in strings", `{"Records":["]\"}","\\",3]}`, []string{`"]\"}"`, `"\\"`, `3`}, []int{1}, `{"Records":["]\"}",3]}`},
		{"records that are words", `{"Records":[true,null,1e3]}`, []string{`true`, `null`, `1e3`}, []int{0, 1}, `{"Records":[1e3]}`},
	}
	for _, tt := range tests {
		got, err := answer.Strip([]byte(tt.raw), locate(tt.raw, tt.records), tt.bad)
		if err != nil || string(got) != tt.want {
			t.Errorf("Strip(%s) = %s, %v, want %s", tt.name, got, err, tt.want)
		}
	}
}

// B22: an emptied partition keeps its key.
func TestB22EmptiedPartitionKeepsItsKey(t *testing.T) {
	t.Parallel()
	raw := `{"eventSource":"aws:kafka","records":{"orders-0":[{"o":1},{"o":2}],"Orders-0":[ {"o":3} ],"orders-1":[{"o":4}]}}`
	records := locate(raw, []string{`{"o":1}`, `{"o":2}`, `{"o":3}`, `{"o":4}`})
	got, err := answer.Strip([]byte(raw), records, []int{1, 2})
	if want := `{"eventSource":"aws:kafka","records":{"orders-0":[{"o":1}],"Orders-0":[],"orders-1":[{"o":4}]}}`; err != nil || string(got) != want {
		t.Errorf("Strip = %s, %v, want %s", got, err, want)
	}
}

// B7: where two readers could disagree about the records, none is removed.
func TestB7AmbiguousEventsAreNotOperatedOn(t *testing.T) {
	t.Parallel()
	one := `{"a":1}`
	tests := []struct {
		name, raw string
		ambiguous bool
	}{
		{"records twice", `{"Records":[{"a":1}],"Records":[{"b":1}]}`, true},
		{"records in another case", `{"Records":[{"a":1}],"RECORDS":[{"b":1}]}`, true},
		{"records with a long s", `{"Records":[{"a":1}],"Recordſ":[{"b":1}]}`, true},
		{"records with an escape", `{"Records":[{"a":1}],"Record\u0073":[{"b":1}]}`, true},
		{"another key twice", `{"Records":[{"a":1}],"x":1,"X":2}`, true},
		{"a partition twice", `{"records":{"p":[{"a":1}],"p":[{"b":1}]}}`, false},
		{"no strict JSON", `{"Records":[{"a":1}],"x":NaN}`, false},
		{"broken off", `{"Records":[{"a":1}]`, false},
		{"more records than found", `{"Records":[{"a":1},{"b":1}]}`, false},
		{"a record that is no element", `{"Records":[[{"a":1}]]}`, false},
		{"a record in no array", `{"Records":{"p":{"a":1}}}`, false},
	}
	for _, tt := range tests {
		if got, err := answer.Strip([]byte(tt.raw), locate(tt.raw, []string{one}), []int{0}); err == nil {
			t.Errorf("Strip(%s) = %s, want an error", tt.name, got)
		}
		if got := answer.Ambiguous([]byte(tt.raw), &event.Event{JSON: true}); got != tt.ambiguous {
			t.Errorf("Ambiguous(%s) = %t", tt.name, got)
		}
	}
}

// B7: what breaks off, or has more values than the decoder reads, came from no
// service. What there was no time for may have.
func TestB7UnreadableEventsAreAmbiguous(t *testing.T) {
	t.Parallel()
	lim := event.DefaultLimits()
	lim.Nodes = 5
	whole := batchOf(sqsMessage("a", "1", queue, ""), sqsMessage("b", "1", queue, ""))
	for name, ev := range map[string]*event.Event{
		"broken off":      decode(whole[:len(whole)-1]),
		"too many values": event.Decode([]byte(whole), nil, lim),
	} {
		if records, _ := answer.Records([]byte(whole), ev); len(records) > 0 || !answer.Ambiguous([]byte(whole), ev) {
			t.Errorf("%s: %d records, ambiguous %t, want a refusal", name, len(records), answer.Ambiguous([]byte(whole), ev))
		}
	}
	if answer.Ambiguous([]byte(whole), &event.Event{Limits: []string{"time"}}) || answer.Ambiguous([]byte(whole), decode(whole)) {
		t.Error("an event of a service is ambiguous")
	}
}

// Removing k of n leaves the others byte for byte, and everything around them.
func TestStripLeavesTheOthers(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	gaps := []string{"", " ", "\n", "\r\n\t", "   "}
	gap := func() string { return gaps[rnd.IntN(len(gaps))] }
	for range 2_000 {
		n := 1 + rnd.IntN(12)
		var b strings.Builder
		head := gap() + `{` + gap() + `"x":"[{\"Records\":[` + gap2(rnd) + `",` + gap() + `"Records"` + gap() + `:` + gap() + `[`
		b.WriteString(head)
		var records []event.Record
		for i := range n {
			if i > 0 {
				b.WriteString("," + gap())
			} else {
				b.WriteString(gap())
			}
			start := b.Len()
			fmt.Fprintf(&b, `{"id":%d,"body":%q}`, i, gap2(rnd))
			records = append(records, event.Record{Start: start, End: b.Len()})
			b.WriteString(gap())
		}
		tail := `]` + gap() + `,"y":[1,2]` + gap() + `}` + gap()
		b.WriteString(tail)
		raw := b.String()
		var bad []int
		for i := range n {
			if rnd.IntN(3) == 0 {
				bad = append(bad, i)
			}
		}
		got, err := answer.Strip([]byte(raw), records, bad)
		if err != nil {
			t.Fatalf("Strip(%q, %v): %v", raw, bad, err)
		}
		check(t, raw, got, records, bad, head, tail)
	}
}

func gap2(rnd *rand.Rand) string {
	parts := []string{`],[`, `\"`, `}`, `{`, `é`, `\\`, `,`, ` `}
	s := ""
	for range rnd.IntN(6) {
		s += parts[rnd.IntN(len(parts))]
	}
	return s
}

func check(t *testing.T, raw string, got []byte, records []event.Record, bad []int, head, tail string) {
	t.Helper()
	var ev struct{ Records []json.RawMessage }
	if err := json.Unmarshal(got, &ev); err != nil {
		t.Fatalf("%q without %v = %q: %v", raw, bad, got, err)
	}
	var want []string
	for i, r := range records {
		if !slices.Contains(bad, i) {
			want = append(want, raw[r.Start:r.End])
		}
	}
	if len(ev.Records) != len(want) || !bytes.HasPrefix(got, []byte(head)) || !bytes.HasSuffix(got, []byte(tail)) {
		t.Fatalf("%q without %v = %q", raw, bad, got)
	}
	for i, r := range ev.Records {
		if string(r) != want[i] {
			t.Fatalf("%q without %v: record %d = %q, want %q", raw, bad, i, r, want[i])
		}
	}
}

// Strip never panics, and what it returns is what encoding/json reads without
// the records.
func FuzzStrip(f *testing.F) {
	f.Add([]byte(`{"Records":[{"a":1},{"b":2}]}`), uint64(1))
	f.Add([]byte(`{"records":{"p":[1,2],"q":[]}}`), uint64(2))
	f.Add([]byte(` [ {"a":"]"} , "\"" ] `), uint64(3))
	f.Add([]byte(`{"Records":[1],"Recordſ":[2]}`), uint64(0))
	for _, raw := range eventtest.Samples(f, "../..") {
		f.Add(raw, uint64(5))
	}
	f.Fuzz(func(t *testing.T, raw []byte, mask uint64) {
		answer.Ambiguous(raw, &event.Event{})
		var records []event.Record
		var bad []int
		dec := json.NewDecoder(bytes.NewReader(raw))
		for depth := 0; ; { // the values of the first array that is met
			tok, err := dec.Token()
			if err != nil {
				break
			}
			if tok != json.Delim('[') {
				continue
			}
			for depth = 0; dec.More(); depth++ {
				var v json.RawMessage
				if dec.Decode(&v) != nil {
					return
				}
				end := int(dec.InputOffset())
				records = append(records, event.Record{Start: end - len(v), End: end})
				if mask>>(depth%64)&1 == 1 {
					bad = append(bad, depth)
				}
			}
			break
		}
		got, err := answer.Strip(raw, records, bad)
		if err != nil || len(records) == 0 {
			return
		}
		if !json.Valid(got) {
			t.Fatalf("Strip(%q, %v) = %q", raw, bad, got)
		}
		at := 0
		for i, r := range records {
			if slices.Contains(bad, i) {
				continue
			}
			j := bytes.Index(got[at:], raw[r.Start:r.End])
			if j < 0 {
				t.Fatalf("Strip(%q, %v) = %q lacks record %d", raw, bad, got, i)
			}
			at += j + r.End - r.Start
		}
	})
}
