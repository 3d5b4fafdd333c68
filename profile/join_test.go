package profile

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// TestJoin: evidence of an environment that began with a profile holds only what
// was new to it, and the profile with that added is what both weeks are.
func TestJoin(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(21, 22))
	base, _ := built(t, learnFrom(t, 4, 1500, func(int) call { return shop(r) }))
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	more := NewEvidence()
	coupons := func() call {
		one := shop(r)
		if o, ok := one.body.(object); ok {
			o["coupon"] = fmt.Sprint("TEA", 10+r.IntN(80))
			o["note"] = strings.Repeat("long ", 40+r.IntN(9))
		}
		return one
	}
	for day := range 4 {
		l := NewLearner(base, func() time.Time { return now })
		for range 1500 {
			if d, ok := l.Commit(l.Observe(coupons().decode(t))); ok {
				if err := more.Apply(fmt.Sprint(day), d); err != nil {
					t.Fatal(err)
				}
			}
		}
		now = now.AddDate(0, 0, 1)
	}
	next, _ := more.Build(Options{Metadata: Metadata{Function: "shop", Version: 2, Source: "learned"}, Settled: DefaultSettled(), Base: base})
	read, err := Parse(next.Canonical())
	if err != nil {
		t.Fatalf("%v\n%s", err, next.Canonical())
	}
	c, err := NewChecker(read)
	if err != nil {
		t.Fatal(err)
	}
	for range 2000 {
		if got := c.Check(shop(r).decode(t)); len(got) > 0 {
			t.Fatalf("what was normal before departs: %+v", got)
		}
		if got := c.Check(coupons().decode(t)); len(got) > 0 {
			t.Fatalf("what was learned besides departs: %+v", got)
		}
	}
	if got := Diff(base, read); len(got) == 0 || strings.HasPrefix(got[0].String(), "- ") {
		t.Errorf("nothing is added, or something is lost: %v", got)
	}
	if n := read.Metadata.Version; n != 2 {
		t.Errorf("version %d, want that of what was added", n)
	}
}

// TestJoinKeepsWhatPeopleTookOut: a base's silence stays.
func TestJoinKeepsWhatPeopleTookOut(t *testing.T) {
	t.Parallel()
	parse := func(ingress string) *Document {
		d, err := Parse([]byte("apiVersion: merlon.dev/v1\nkind: Profile\nmetadata: {version: 1}\ningress:\n" + ingress))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, tt := range []struct{ base, more, want string }{
		{"  - {trigger: sqs}\n", "  - {trigger: sqs, sources: [\"arn:aws:sqs:a\"], event: [{path: a, type: [string]}]}\n", "  - trigger: sqs\n"},
		{"  - {trigger: sqs, event: [{path: a, type: [string], length: 1-4, format: uuid}]}\n", "  - {trigger: sqs, event: [{path: a, type: [\"null\", string], length: 2-9, chars: [lower]}]}\n",
			`{path: a, type: [string, "null"], length: 1-9}`},
		{"  - {trigger: sqs, event: [{path: a, number: \"..5\", whole: true}]}\n", "  - {trigger: sqs, event: [{path: a, type: [number], number: \"-3..8\"}]}\n", `{path: a, number: "..8"}`},
		{"  - {trigger: sqs, event: [{path: a, values: [x]}]}\n", "  - {trigger: sqs, event: [{path: a, type: [string], length: 1-1, chars: [lower]}]}\n", "{path: a, values: [x]}"},
		{"  - {trigger: alb, routes: [{route: GET /a, partial: true}]}\n", "  - {trigger: alb, routes: [{route: GET /a, body: [{path: b}]}, {route: GET /c, partial: true}]}\n",
			"      - route: \"GET /a\"\n        body:\n          - {path: b}\n      - route: \"GET /c\"\n        partial: true\n"},
	} {
		d := parse(tt.base).join(parse(tt.more))
		if got := string(d.Canonical()); !strings.Contains(got, tt.want) {
			t.Errorf("%s and %s:\n%s\nwant %s", tt.base, tt.more, got, tt.want)
		}
		if _, err := Parse(d.Canonical()); err != nil {
			t.Errorf("%s and %s are refused: %v", tt.base, tt.more, err)
		}
	}
}
