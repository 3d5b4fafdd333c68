package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
)

var (
	encodeJSON = eventtest.JSON
	gzip64     = eventtest.Gzip
)

// An attack in any string of any sample, written as that string is, and as a
// name in any object, is in a leaf that says where it stands. So is a text that
// is none.
func TestPlantedTextIsInALeaf(t *testing.T) {
	t.Parallel()
	payloads := []string{"<script>alert(1)</script>", "' OR 1=1 --", "$(cat /etc/passwd)", "merlon-marker-17"}
	strs, names, found := 0, 0, 0
	for name, raw := range ownSamples(t) {
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range eventtest.Places(doc, nil) {
			if p.Name {
				names++
			} else {
				strs++
			}
			for _, payload := range payloads {
				planted := encodeJSON(p.With(payload))
				ev := decode(planted)
				if where, ok := holds(ev, payload, p); !ok {
					t.Errorf("%s: %q at %s (name %t) is in no leaf there, but at %q", name, payload, p.Path, p.Name, where)
					continue
				}
				found++
				cutOut(t, name, planted, payload, ev)
			}
		}
	}
	t.Logf("%d strings and %d names, %d texts planted and found", strs, names, found)
	if strs < 1300 || names < 500 {
		t.Errorf("%d strings and %d names, want at least 1300 and 500", strs, names)
	}
}

// holds reports whether a leaf at or below the place holds the text. The parts
// of a request stand under its member.
func holds(ev *event.Event, text string, p eventtest.Place) (where []string, ok bool) {
	want := p.Path.String()
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		if !strings.Contains(l.Value, text) && !(p.Name && strings.Contains(l.Name, text)) {
			continue
		}
		path := ev.Path(l)
		s := path.String()
		if s == want || want == "" || strings.HasPrefix(s, want+".") || strings.HasPrefix(s, want+"[") ||
			ev.HTTP != nil && (path[0].Key == p.Path[0].Key || p.Path[0].Key == "rawQueryString" && path[0].Key == "queryStringParameters") {
			return nil, true
		}
		where = append(where, s)
	}
	return where, false
}

// cutOut checks the record that a leaf names: without the bytes of its span the
// text is gone, and without those of all spans a text outside is still there.
func cutOut(t *testing.T, name, raw, text string, ev *event.Event) {
	t.Helper()
	if ev.Spans == nil {
		return
	}
	record := int32(-2)
	for i := range ev.Leaves {
		if l := &ev.Leaves[i]; strings.Contains(l.Value+l.Name, text) {
			if record != -2 && record != l.Record {
				t.Errorf("%s: %q is in records %d and %d", name, text, record, l.Record)
			}
			record = l.Record
		}
	}
	cut := raw
	for i := len(ev.Spans) - 1; i >= 0; i-- {
		if s := ev.Spans[i]; record < 0 || int(record) == i {
			cut = cut[:s.Start] + "null" + cut[s.End:]
		}
	}
	left := false
	for _, l := range decode(cut).Leaves {
		left = left || strings.Contains(l.Value+l.Name, text)
	}
	if ev.Source == event.AppSyncBatch && record < 0 {
		return // a header of the one request that all records are parts of
	}
	if left != (record < 0) {
		t.Errorf("%s: %q is of record %d, and left without it: %t", name, text, record, left)
	}
}
