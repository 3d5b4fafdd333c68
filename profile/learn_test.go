package profile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
)

type object = map[string]any

// call is a request to a function URL.
type call struct {
	method, path, query, ip string
	body                    any
}

func (c call) decode(t testing.TB) *event.Event {
	t.Helper()
	ev := object{
		"version": "2.0", "rawPath": c.path, "rawQueryString": c.query, "headers": object{"content-type": "application/json"},
		"requestContext": object{"domainName": "x.lambda-url.eu-central-1.on.aws", "http": object{"method": c.method, "path": c.path, "sourceIp": c.ip}},
		"routeKey":       "$default", "isBase64Encoded": false,
	}
	if q, err := url.ParseQuery(c.query); err == nil && c.query != "" {
		params := object{}
		for k, v := range q {
			params[k] = v[0]
		}
		ev["queryStringParameters"] = params
	}
	if c.body != nil {
		text, err := json.Marshal(c.body)
		if err != nil {
			t.Fatal(err)
		}
		ev["body"] = string(text)
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	d := event.Decode(raw, nil, event.DefaultLimits())
	if d.Source != event.FunctionURL {
		t.Fatalf("the event reads as %s", d.Source)
	}
	return d
}

// shop is a shop's traffic.
func shop(r *rand.Rand) call {
	ip := fmt.Sprintf("10.%d.%d.%d", r.IntN(4), r.IntN(60), 1+r.IntN(250))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	switch r.IntN(4) {
	case 0:
		return call{"GET", fmt.Sprintf("/orders/%d", 1+r.IntN(100_000)), "", ip, nil}
	case 1:
		return call{"GET", "/orders", fmt.Sprintf("page=%d&status=%s", r.IntN(90), pick("open", "paid", "sent")), ip, nil}
	case 2:
		return call{"GET", "/posts/" + pick("on", "about", "why", "how") + "-" + pick("tea", "salt", "glass", "rope", "wool") + "-" +
			pick("red", "old", "new", "big", "odd"), "", ip, nil}
	}
	items := []any{}
	for range 1 + r.IntN(4) {
		items = append(items, object{"sku": fmt.Sprintf("%s-%d", pick("tea", "mug", "jar"), r.IntN(99)), "quantity": 1 + r.IntN(9), "price": float64(r.IntN(9000)) / 100})
	}
	return call{"POST", "/orders", "", ip, object{
		"customer": object{"name": pick("Ann Lee", "Jo Ö", "Max O'Neil", "Li"), "email": pick("ann", "jo.x", "li_2") + "@" + pick("a.example", "mail.test")},
		"items":    items, "gift": r.IntN(2) == 0, "note": pick("", "Ring twice.", "Leave it at the door (green)"),
	}}
}

// learnFrom has one environment learn calls over some days, and returns what a
// log would hold of it.
func learnFrom(t testing.TB, days, calls int, next func(day int) call) *Evidence {
	t.Helper()
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	all := NewEvidence()
	for day := range days {
		l := NewLearner(nil, func() time.Time { return now })
		env := fmt.Sprint("env", day)
		for range calls {
			d, ok := l.Commit(l.Observe(next(day).decode(t)))
			if !ok {
				continue
			}
			text, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var read Delta
			if err := json.Unmarshal(text, &read); err != nil {
				t.Fatal(err)
			}
			if err := all.Apply(env, read); err != nil {
				t.Fatal(err)
			}
			if d.Full {
				t.Fatalf("an environment told more than %d bytes", maxDeltas)
			}
		}
		now = now.AddDate(0, 0, 1)
	}
	return all
}

func built(t testing.TB, e *Evidence) (*Document, *Checker) {
	t.Helper()
	d, _ := e.Build(Options{Metadata: Metadata{Function: "shop", Version: 1, Source: "learned"}, Settled: DefaultSettled()})
	read, err := Parse(d.Canonical())
	if err != nil {
		t.Fatalf("%v\n%s", err, d.Canonical())
	}
	c, err := NewChecker(read)
	if err != nil {
		t.Fatal(err)
	}
	return read, c
}

// TestLearnAndCheck learns a shop's week; the next week is normal, and what the
// shop never does is not.
func TestLearnAndCheck(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	d, c := built(t, learnFrom(t, 4, 1500, func(int) call { return shop(r) }))
	text := string(d.Canonical())
	for _, want := range []string{`"GET /orders/{int}"`, `"GET /posts/{any}"`, `"customer.email", type: [string]`, "format: email", `"items[].quantity"`, "whole: true"} {
		if !strings.Contains(text, want) {
			t.Errorf("the profile lacks %s", want)
		}
	}
	for range 4000 {
		one := shop(r)
		if got := c.Check(one.decode(t)); len(got) > 0 {
			t.Fatalf("%+v is normal, but %+v\n%s", one, got, text)
		}
	}
	order := func(change func(o object)) call {
		one := call{method: "POST", path: "/orders", ip: "10.1.1.1", body: object{"customer": object{"name": "Ann Lee", "email": "a@a.example"},
			"items": []any{object{"sku": "tea-1", "quantity": 1, "price": 2.5}}, "gift": true, "note": ""}}
		change(one.body.(object))
		return one
	}
	if got := c.Check(order(func(object) {}).decode(t)); len(got) > 0 {
		t.Fatalf("an order as usual departs: %+v", got)
	}
	for _, tt := range []struct {
		name string
		call call
		want Dimension
		path string
	}{
		{"unseen route", call{"GET", "/admin/users", "", "10.1.1.1", nil}, Routes, ""},
		{"unseen method", call{"DELETE", "/orders/7", "", "10.1.1.1", nil}, Routes, ""},
		{"parameter tampering", call{"GET", "/orders", "page=1&status=open&debug=1", "10.1.1.1", nil}, Fields, "queryStringParameters.debug"},
		{"odd characters", call{"GET", "/orders", "page=1&status=" + url.QueryEscape("open' --"), "10.1.1.1", nil}, Chars, "queryStringParameters.status"},
		{"no number", call{"GET", "/orders", "page=first&status=open", "10.1.1.1", nil}, Chars, "queryStringParameters.page"},
		{"mass assignment", order(func(o object) { o["isAdmin"] = true }), Fields, "body.isAdmin"},
		{"nested mass assignment", order(func(o object) { o["customer"].(object)["roles"] = object{"admin": object{"x": 1}} }), Fields, "body.customer.roles"},
		{"type confusion", order(func(o object) { o["gift"] = "true" }), Types, "body.gift"},
		{"operator object", order(func(o object) { o["customer"].(object)["email"] = object{"$ne": nil} }), Types, "body.customer.email"},
		{"oversize text", order(func(o object) { o["note"] = strings.Repeat("a", 5000) }), Lengths, "body.note"},
		{"oversize list", order(func(o object) { o["items"] = make([]any, 300) }), Sizes, "body.items"},
		{"huge number", order(func(o object) { o["items"] = []any{object{"sku": "tea-1", "quantity": 1_000_000, "price": 1}} }), Numbers, "body.items[0].quantity"},
		{"fraction", order(func(o object) { o["items"] = []any{object{"sku": "tea-1", "quantity": 0.5, "price": 1}} }), Numbers, "body.items[0].quantity"},
		{"negative", order(func(o object) { o["items"] = []any{object{"sku": "tea-1", "quantity": -3, "price": 1}} }), Numbers, "body.items[0].quantity"},
		{"no address", order(func(o object) { o["customer"].(object)["email"] = "ann.a.example" }), Formats, "body.customer.email"},
	} {
		got := c.Check(tt.call.decode(t))
		at := slices.IndexFunc(got, func(d Departure) bool { return d.Dimension == tt.want && d.Path.String() == tt.path })
		if at < 0 {
			t.Errorf("%s: departures %+v, want %s at %q", tt.name, got, tt.want, tt.path)
		}
		for _, d := range got {
			if d.Expected == "" || d.Seen == "" || strings.Contains(d.Seen, "aaaa") {
				t.Errorf("%s: %+v: want expected and seen, without the value", tt.name, d)
			}
		}
	}
	open, err := Parse([]byte("apiVersion: merlon.dev/v1\nkind: Profile\nmetadata: {version: 1}\ningress:\n  - trigger: function-url\n"))
	if err != nil {
		t.Fatal(err)
	}
	triggers, err := NewChecker(open)
	if err != nil {
		t.Fatal(err)
	}
	if got := triggers.Check(order(func(o object) { o["isAdmin"] = true }).decode(t)); len(got) > 0 {
		t.Errorf("a list of triggers compares more than triggers: %+v", got)
	}
	foreign := event.Decode([]byte(`{"Records":[{"eventSource":"aws:s3","s3":{"object":{"key":"a"}}}]}`), nil, event.DefaultLimits())
	if got := c.Check(foreign); len(got) != 1 || got[0].Dimension != Triggers {
		t.Errorf("a foreign trigger: %+v", got)
	}
}

// TestG1AttackersTeachNothing: a twentieth of the traffic, a thousand addresses
// of one network and an environment for each request make nothing normal.
func TestG1AttackersTeachNothing(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	n := 0
	attacked := learnFrom(t, 4, 1500, func(int) call {
		if n++; n%33 == 0 {
			one := call{"POST", "/orders", "", fmt.Sprintf("2001:db8:1:%x::%x", r.IntN(65536), r.IntN(65536)), object{"isAdmin": true, "items": "x"}}
			switch n % 3 {
			case 0:
				one = call{"GET", "/backdoor", "cmd=x", one.ip, nil}
			case 1: // or makes up so many names that all would be normal
				junk := object{}
				for range 40 {
					junk[fmt.Sprintf("junk%c%c", 'a'+r.IntN(26), 'a'+r.IntN(26))] = 1
				}
				one.body = junk
			}
			return one
		}
		return shop(r)
	})
	for env := range 400 { // and it reaches many environments
		l := NewLearner(nil, func() time.Time { return time.Date(2026, 10, 1+env%4, 0, 0, 0, 0, time.UTC) })
		if d, ok := l.Commit(l.Observe(call{"GET", "/backdoor", "cmd=x", fmt.Sprintf("2001:db8:1:%x::1", env), nil}.decode(t))); ok {
			if err := attacked.Apply(fmt.Sprint("attacker", env), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	d, c := built(t, attacked)
	text := string(d.Canonical())
	for _, bad := range []string{"isAdmin", "backdoor", "cmd", "junk", "path: \"*\""} {
		if strings.Contains(text, bad) {
			t.Errorf("the profile holds %s", bad)
		}
	}
	if got := c.Check(call{"GET", "/backdoor", "cmd=x", "10.1.1.1", nil}.decode(t)); len(got) == 0 {
		t.Error("the attacker's route is normal")
	}
	if got := c.Check(call{"POST", "/orders", "", "10.1.1.1", object{"isAdmin": true}}.decode(t)); len(got) == 0 {
		t.Error("any field is normal")
	}
	if len(c.Check(shop(r).decode(t))) > 0 {
		t.Error("the shop's traffic departs")
	}
}

// TestDeltasHoldNoValues plants secrets wherever a sender puts values, and as
// names: no line tells one.
func TestDeltasHoldNoValues(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(21, 22))
	token := func(letters string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	names, values := 0, 0
	for range 400 {
		secrets := []string{
			token(alnum, 24), "sk_live_" + token(alnum, 24), token("0123456789abcdef", 32), token("0123456789", 16),
			token("abcdefgh", 6) + "@" + token("abcdefgh", 6) + ".example", "eyJ" + token(alnum, 20) + "." + token(alnum, 30), uuidOf(r),
		}
		secret := func() string { return secrets[r.IntN(len(secrets))] }
		phrase := "correct horse " + token("abcdefgh", 12)
		body := object{
			"password": phrase, "nested": object{"list": []any{secret(), object{"deep": secret()}}}, secret(): secret(), secret(): object{secret(): 1},
			"number": 1e15 + float64(r.Int64N(1e14)), "text": "x " + phrase, "json": `{"inner":"` + phrase + `"}`,
		}
		l := NewLearner(nil, time.Now)
		ev := call{"POST", "/users/" + secret() + "/" + secret(), "q=" + url.QueryEscape(phrase) + "&" + url.QueryEscape(secret()) + "=" + url.QueryEscape(secret()), "192.0.2.77", body}.decode(t)
		d, ok := l.Commit(l.Observe(ev))
		if !ok {
			t.Fatal("nothing is told")
		}
		for _, part := range d.Split(12 << 10) {
			text, err := json.Marshal(part)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range append(secrets, phrase, "192.0.2", fmt.Sprint(int64(body["number"].(float64)))) {
				if strings.Contains(string(text), s) {
					t.Fatalf("a line tells %q: %s", s, text)
				}
			}
			names += strings.Count(string(text), otherName)
			values += strings.Count(string(text), `".password"`)
		}
	}
	if names < 400 || values < 400 {
		t.Errorf("%d names and %d fields are told: the test plants nothing", names, values)
	}
}

// TestNames: what a programmer calls a member is told, and whatever else stands in
// its place as one name for all.
func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"email": true, "customerId": true, "address_line_2": true, "x-amz-date": true, "line item": true, "filter[status]": true, "xml:lang": true, "@type": true,
		"@odata.context": true, "Straße": true, "getCustomerOrderHistory": true, "authenticationMethods": true, "Bestellbestätigung": true, "shipping_address_line_2": true,
		"sk_live_xGIHuURIAQJXoGwooUnOnaga": false, "имя": true, "a": true, "variables": true, "isAdmin": true,
		"ann@example.com": false, "zq7Kp9Xw2LmT4": false, "4111111111111111": false, "0d5b6f9e-3a3b-4f5e-9d3b-111122223333": false, "*": false,
		strings.Repeat("a", 200): false, "'; drop table x": false, "": false,
	} {
		if named(name) != want {
			t.Errorf("named(%q) = %v, want %v", name, !want, want)
		}
	}
	l := NewLearner(nil, time.Now)
	d, _ := l.Commit(l.Observe(call{"POST", "/x", "", "192.0.2.1", object{"ann@example.com": 1}}.decode(t)))
	e := NewEvidence()
	if err := e.Apply("env", d); err != nil {
		t.Fatal(err)
	}
	doc, _ := e.Build(Options{Metadata: Metadata{Function: "shop"}, Settled: Settled{1, 1, 0}, Accept: func(Place) bool { return true }})
	read, err := Parse(doc.Canonical())
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewChecker(read)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Check(call{"POST", "/x", "", "192.0.2.1", object{"bo@mail.test": 2}}.decode(t)); len(got) != 0 {
		t.Errorf("another address departs: %+v", got)
	}
	if got := c.Check(call{"POST", "/x", "", "192.0.2.1", object{"isAdmin": 2}}.decode(t)); len(got) == 0 {
		t.Error("a name departs not")
	}
}

// TestLearnerGoesQuiet: with a profile, nothing of it is told again.
func TestLearnerGoesQuiet(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	d, _ := built(t, learnFrom(t, 4, 1500, func(int) call { return shop(r) }))
	l := NewLearner(d, time.Now)
	for range 3000 {
		one := shop(r)
		if got, ok := l.Commit(l.Observe(one.decode(t))); ok {
			t.Fatalf("%+v told %+v", one, got)
		}
	}
}

// TestLearnerIsBounded: an environment tells no more than it may, says so, and
// learns no more.
func TestLearnerIsBounded(t *testing.T) {
	t.Parallel()
	l := NewLearner(nil, time.Now)
	full, size := 0, 0
	for i := range 4000 {
		d, ok := l.Commit(l.Observe(call{"GET", fmt.Sprintf("/a%c/b%c/c%c", 'a'+i%20, 'a'+i/20%20, 'a'+i/400%20), "", "192.0.2.1", nil}.decode(t)))
		if !ok {
			continue
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
		if d.Full {
			full++
		} else if full > 0 {
			t.Fatal("something is told after the end")
		}
	}
	if full != 1 || size > 4*maxDeltas {
		t.Errorf("%d times full, %d bytes told; want once and at most %d", full, size, 4*maxDeltas)
	}
	if l.Observe(shop(rand.New(rand.NewPCG(1, 1))).decode(t)) != nil {
		t.Error("a full learner goes on")
	}
}

// TestApplyRefusesForgedDeltas: lines that no environment writes change nothing.
func TestApplyRefusesForgedDeltas(t *testing.T) {
	t.Parallel()
	for _, item := range []DeltaItem{
		{nil, []string{"."}}, {Place{""}, []string{"."}}, {Place{"sqs"}, nil}, {Place{"sqs"}, []string{""}}, {Place{"sqs"}, []string{"T64"}},
		{Place{"sqs"}, []string{"T-1"}}, {Place{"sqs"}, []string{"T01"}}, {Place{"sqs"}, []string{"Z1"}}, {Place{"sqs"}, []string{"="}},
		{make(Place, 100), []string{"."}}, {Place{"sqs", strings.Repeat("a", 1000)}, []string{"."}},
	} {
		e := NewEvidence()
		if err := e.Apply("env", Delta{Day: 1, Samples: 1, Items: []DeltaItem{{Place{"sqs"}, []string{"."}}, item}}); err == nil {
			t.Errorf("%+v is taken", item)
		}
		if got := dump(e); got != "" {
			t.Errorf("%+v: a refused delta left %s", item, got)
		}
	}
}
