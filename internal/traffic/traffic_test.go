package traffic_test

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/traffic"
)

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"a key", "== a\non: sqs\nurl: /x\n\nx\n", "no head"},
		{"a key without a value", "== a\non: sqs\npath:\n\nx\n", "no head"},
		{"a key twice", "== a\non: sqs\non: sns\n\nx\n", "no head"},
		{"a name", "== A b\non: sqs\n\nx\n", "no name"},
		{"a case twice", "== a\non: sqs\n\nx\n== a\non: sqs\n\ny\n", "second case"},
		{"no carrier", "== a\n\nx\n", "want on"},
		{"a carrier", "== a\non: sqs pigeon\n\nx\n", "unknown carrier"},
		{"a place", "== a\non: sqs\nlines: body\n\nx\n", "unknown place"},
		{"a place without a name", "== a\non: sqs\nlines: query\n\nx\n", "want a name"},
		{"no lines", "== a\non: sqs\nlines: text\n\n", "no lines"},
		{"a form without a field", "== a\non: alb\nas: form\n\nx\n", "no field"},
		{"bytes", "== a\non: alb\nas: base64\n\n{}\n", "illegal base64"},
		{"what the text is", "== a\non: alb\nas: json\n\n{}\n", "want body, form or base64"},
		{"an end of line", "== a\non: alb\neol: lf\n\n{}\n", "want crlf"},
	}
	for _, tt := range tests {
		if _, err := traffic.Parse("f", tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Parse = %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestEventsNeedSomethingToCarry(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"== a\non: sqs\npath: /x\n", "== a\non: sqs\nlines: query q\n\nx\n", "== a\non: ses\n\nno header\n"} {
		vs, err := traffic.Parse("f", text)
		if err != nil || len(vs) != 1 {
			t.Fatalf("Parse(%q) = %d vectors, %v", text, len(vs), err)
		}
		if evs, err := vs[0].Events(); err == nil {
			t.Errorf("Events of %q = %d events, want an error", text, len(evs))
		}
	}
}

// A text arrives at the function as it was written, by every carrier and at
// every place, and the event is taken for one of its source.
func TestTextArrives(t *testing.T) {
	t.Parallel()
	const want = `ring 'twice' & don't <knock>; 100 %`
	all := strings.ReplaceAll(strings.Join(traffic.Carriers(), " "), " ses", "")
	vs, err := traffic.Parse("f", "== document\non: "+all+"\n\n{\"note\":\""+want+"\"}"+
		"\n== mail\non: ses\n\nSubject: "+want+
		"\n== form\non: alb\nas: form\n\nnote="+want+
		"\n== bytes\non: apigw-v1 kinesis\nas: base64\n\n"+base64.StdEncoding.EncodeToString([]byte(want))+
		"\n== placed\non: function-url apigw-v2 alb apigw-v1\nlines: query q, header x-note, cookie c, form note, field note, segment /files, text\n\n"+want+"\n")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for i := range vs {
		evs, err := vs[i].Events()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range evs {
			tried++
			ev := event.Decode(e.Payload, nil, event.DefaultLimits())
			if string(ev.Source) != e.Source {
				t.Errorf("%s by %s is taken for %s", vs[i].Name, e.Carrier, ev.Source)
			}
			// Paths and cookies stand in an event as they were sent.
			holds := func(l event.Leaf) bool {
				sent, err := url.PathUnescape(l.Value)
				return strings.Contains(l.Value, want) || err == nil && strings.Contains(sent, want)
			}
			if !slices.ContainsFunc(ev.Leaves, holds) {
				t.Errorf("%s by %s: the text is in no leaf of %s", vs[i].Name, e.Carrier, e.Payload)
			}
		}
	}
	if n := len(traffic.Carriers()) + 1 + 2 + 4*7; tried != n {
		t.Errorf("%d events, want %d", tried, n)
	}
}
