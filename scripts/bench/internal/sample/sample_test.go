package sample_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
)

// body returns the body of a function URL event as the client sent it.
func body(t *testing.T, e *sample.Event) []byte {
	t.Helper()
	var ev struct {
		Body   string `json:"body"`
		Base64 bool   `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(e.Lambda, &ev); err != nil {
		t.Fatal(err)
	}
	if !ev.Base64 {
		return []byte(ev.Body)
	}
	text, err := base64.StdEncoding.DecodeString(ev.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEventsHaveTheirSizes(t *testing.T) {
	const exact = 0
	want := map[string]struct {
		size, leaves int
		tolerance    float64
	}{
		"get-tiny":      {0, 0, exact},
		"get-browser":   {0, 0, exact},
		"json-1k":       {1 << 10, 40, exact},
		"json-1k-sqli":  {1 << 10, 40, exact},
		"json-16k":      {16 << 10, 616, exact},
		"json-256k":     {256 << 10, 856, exact},
		"json-6m":       {6_000_000, 904, exact},
		"form-1k":       {1 << 10, 20, 0.15},
		"multipart-17k": {17 << 10, 0, 0.15},
		"sqs-10x1k":     {0, 400, exact},
	}
	kinds := sample.Kinds()
	if len(kinds) != len(want) {
		t.Fatalf("%d kinds of events, want %d", len(kinds), len(want))
	}
	for _, k := range kinds {
		w, ok := want[k.Name]
		if !ok {
			t.Errorf("%s is not expected", k.Name)
			continue
		}
		for seed := range uint64(min(k.Variants, 20)) {
			e := k.Make(seed + 1)
			if !utf8.Valid(e.Lambda) || !json.Valid(e.Lambda) {
				t.Fatalf("%s/%d is no JSON text", k.Name, seed)
			}
			if len(e.Lambda) > 6<<20 {
				t.Errorf("%s/%d has %d bytes; Lambda takes 6 MiB", k.Name, seed, len(e.Lambda))
			}
			if e.Request == nil {
				if len(e.Args) != w.leaves {
					t.Errorf("%s/%d has %d leaves, want %d", k.Name, seed, len(e.Args), w.leaves)
				}
				continue
			}
			got := body(t, e)
			if !bytes.Equal(got, e.Request.Body) {
				t.Errorf("%s/%d: the event's body is not the request's", k.Name, seed)
			}
			if math.Abs(float64(len(got)-w.size)) > w.tolerance*float64(w.size) {
				t.Errorf("%s/%d has a body of %d bytes, want %d", k.Name, seed, len(got), w.size)
			}
			if w.leaves > 0 && countLeaves(t, e) != w.leaves {
				t.Errorf("%s/%d has %d leaves, want %d", k.Name, seed, countLeaves(t, e), w.leaves)
			}
		}
	}
}

func countLeaves(t *testing.T, e *sample.Event) int {
	t.Helper()
	if e.Request.Header("content-type") == "application/json" {
		return len(sample.Leaves(e.Request.Body))
	}
	form, err := url.ParseQuery(string(e.Request.Body))
	if err != nil {
		t.Fatal(err)
	}
	return len(form)
}

func TestEventsAreTheSameForTheSameSeed(t *testing.T) {
	for _, k := range sample.Kinds() {
		if k.Name == "json-6m" && testing.Short() {
			continue
		}
		if !bytes.Equal(k.Make(7).Lambda, k.Make(7).Lambda) {
			t.Errorf("%s differs for one seed", k.Name)
		}
		if bytes.Equal(k.Make(7).Lambda, k.Make(8).Lambda) {
			t.Errorf("%s is the same for two seeds", k.Name)
		}
	}
}

// TestEventsAreWhatTheySay: the decoder must see an HTTP request with the same
// parts as the other engines are given, or a batch.
func TestEventsAreWhatTheySay(t *testing.T) {
	for _, k := range sample.Kinds() {
		e := k.Make(1)
		ev := event.Decode(e.Lambda, nil, event.DefaultLimits())
		if len(ev.Limits) > 0 {
			t.Errorf("%s reaches the limits %v", k.Name, ev.Limits)
		}
		if e.Request == nil {
			if ev.Source != event.SQS || ev.Records != 10 {
				t.Errorf("%s is decoded as %s with %d records", k.Name, ev.Source, ev.Records)
			}
			continue
		}
		if ev.HTTP == nil {
			t.Errorf("%s is decoded as no request", k.Name)
			continue
		}
		r := e.Request
		if ev.HTTP.Method != r.Method || ev.HTTP.Target != r.Target() || ev.HTTP.Body != string(r.Body) || ev.Caller.IP != r.RemoteAddr {
			t.Errorf("%s is decoded as %s %s from %s, want %s %s from %s", k.Name, ev.HTTP.Method, ev.HTTP.Target, ev.Caller.IP, r.Method, r.Target(), r.RemoteAddr)
		}
		for _, h := range r.Headers {
			if ev.Header(h.Name) != h.Value {
				t.Errorf("%s: header %s is decoded as %q, want %q", k.Name, h.Name, ev.Header(h.Name), h.Value)
			}
		}
	}
}

func TestShapes(t *testing.T) {
	shapes := sample.Shapes()
	if len(shapes) != 33 {
		t.Errorf("%d shapes, want 33", len(shapes))
	}
	for _, s := range shapes {
		text := s.Text(64 << 10)
		if n := len(text); n < 64<<10-8 || n > 64<<10 {
			t.Errorf("%s has %d bytes, want 64 KiB", s.Name, n)
		}
		var got map[string]string
		if err := json.Unmarshal(body(t, sample.PostText(1, text)), &got); err != nil || got["text"] != text {
			t.Errorf("%s does not survive encoding: %v", s.Name, err)
		}
	}
}

func TestFromLambdaGivesBackTheRequest(t *testing.T) {
	for _, make := range []func(uint64) *sample.Event{sample.TinyGet, sample.BrowserGet, sample.PostForm, sample.PostMultipart} {
		want := make(3)
		got := sample.FromLambda(want.Lambda)
		if got.Request == nil || got.Request.Target() != want.Request.Target() || !bytes.Equal(got.Request.Body, want.Request.Body) {
			t.Errorf("FromLambda(%.100s…) = %+v, want %+v", want.Lambda, got.Request, want.Request)
		}
	}
	if got := sample.FromLambda(sample.SQS(3, 10).Lambda); got.Request != nil || len(got.Args) < 400 || len(got.Documents) != 1 {
		t.Errorf("FromLambda(batch) = %d arguments, %d documents, want the leaves and one document", len(got.Args), len(got.Documents))
	}
}

// The peers get what is inside of the envelopes.
func TestFromLambdaOpensEnvelopes(t *testing.T) {
	t.Parallel()
	ev := sample.FromLambda([]byte(`{"Records":[{"eventSource":"aws:kinesis","kinesis":{"data":"eyJ3aGVyZSI6eyIkbmUiOm51bGx9LCJub3RlIjoidGVhIn0="}}]}`))
	if !slices.Contains(ev.Args, sample.Arg{Name: "note", Value: "tea"}) {
		t.Errorf("arguments %v, want the note in them", ev.Args)
	}
	if !slices.ContainsFunc(ev.Args, func(a sample.Arg) bool { return a.Name == "$ne" }) {
		t.Errorf("arguments %v, want the operator in them", ev.Args)
	}
	tree := string(bytes.Join(ev.Documents, nil))
	if !strings.Contains(tree, `"note":["tea"]`) || !strings.Contains(tree, `"$ne"`) {
		t.Errorf("tree %s, want the note and the operator in it", tree)
	}
}
