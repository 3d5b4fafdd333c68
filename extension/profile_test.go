package main_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/signed"
	"github.com/merlon-security/merlon/profile"
)

// order is a request to the function's URL, from an address.
func order(ip, path, body string) string {
	text, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "", "isBase64Encoded": false, "body": body,
		"headers":        map[string]string{"content-type": "application/json"},
		"requestContext": map[string]any{"domainName": "x.lambda-url.eu-central-1.on.aws", "http": map[string]string{"method": "POST", "path": path, "sourceIp": ip}},
	})
	if err != nil {
		panic(err) // maps of texts
	}
	return string(text)
}

const (
	anOrder = `{"customer":"Ann Lee","quantity":2,"note":"ring twice"}`
	secret  = "tr0ub4dor and 3"
)

// attached is a function that is known to go through Merlon: on a busy machine the
// launcher may not wait for the hello's answer, and the function runs without.
func attached(t *testing.T, change func(*emulator.Options)) *env {
	t.Helper()
	for range 5 {
		e := protected(t, "plain", change)
		if r := e.invoke(t, attack); refused(r) {
			return e
		}
		e.close(t)
	}
	t.Fatal("the launcher did not attach the runtime, five times")
	return nil
}

// learnedFrom reads what the lines of an environment tell, as merlon profile pull
// does, and makes the profile.
func learnedFrom(t *testing.T, e *env) []byte {
	t.Helper()
	e.close(t)
	log, all := read.New(), profile.NewEvidence()
	lines := 0
	for text := range strings.Lines(e.text()) {
		line, err := log.Read([]byte(text))
		switch {
		case errors.Is(err, read.ErrForeign):
			continue
		case err != nil:
			t.Fatalf("%v: %s", err, text)
		case line.Learned == nil:
			continue
		}
		lines++
		if strings.Contains(text, secret) || strings.Contains(text, "Ann") || strings.Contains(text, "twice") {
			t.Errorf("a line tells a value: %s", text)
		}
		var d profile.Delta
		if err := json.Unmarshal(line.Learned.Delta, &d); err != nil {
			t.Fatal(err)
		}
		if err := all.Apply(line.Env.ID, d); err != nil {
			t.Fatal(err)
		}
	}
	if lines < 2 {
		t.Fatalf("%d lines of what was learned; log:\n%s", lines, e.text())
	}
	d, _ := all.Build(profile.Options{
		Metadata: profile.Metadata{Function: "orders", Version: 1, Source: "learned"}, Settled: profile.Settled{Sources: 3, Days: 1},
		// A route is compared further from the second day on, or once a person took it.
		Accept: func(at profile.Place) bool {
			return strings.HasPrefix(profile.ShowPlace(at), "function-url POST /orders")
		},
	})
	return d.Canonical()
}

// withProfile has the function run with a profile of that text.
func withProfile(t *testing.T, text []byte, env ...string) func(*emulator.Options) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "profile.yaml")
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_PROFILE"] = name
		for _, e := range env {
			k, v, _ := strings.Cut(e, "=")
			o.Function.Env[k] = v
		}
	}
}

// learned is the profile of a function that takes orders, learned from the log of
// one environment.
func learned(t *testing.T) []byte {
	t.Helper()
	e := attached(t, func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_PROFILE_MODE"] = "learn"
	})
	for i := range 6 {
		e.invoke(t, order(fmt.Sprintf("192.0.%d.7", i), "/orders", strings.Replace(anOrder, "ring twice", secret, i%2)))
		// What is refused, and what the function fails at, is not learned.
		e.invoke(t, order(fmt.Sprintf("192.0.%d.7", i), "/attacks", `{"q":"1' UNION SELECT password FROM users -- "}`))
		if r := e.invoke(t, `{"do":"error"}`); r.ErrorType == "" {
			t.Fatal("the function did not fail")
		}
	}
	return learnedFrom(t, e)
}

// TestProfileLearnedAndEnforced: what one environment tells in its log makes a
// profile, from which what the function never gets departs: reported or refused.
func TestProfileLearnedAndEnforced(t *testing.T) {
	text := learned(t)
	for _, want := range []string{`route: "POST /orders"`, "path: customer", "path: quantity"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the profile lacks %s", want)
		}
	}
	if strings.Contains(string(text), "attacks") || strings.Contains(string(text), "direct") {
		t.Errorf("the profile holds what was refused or failed:\n%s", text)
	}
	normal := order("198.51.100.9", "/orders", `{"customer":"Bo Dahl","quantity":3,"note":"leave it here"}`)
	novelties := map[string]string{
		`"ruleId":9200005`: order("198.51.100.9", "/orders", `{"customer":"Bo Dahl","quantity":3,"note":"x","isAdmin":true}`),
		`"ruleId":9200003`: order("198.51.100.9", "/refunds", anOrder),
		`"ruleId":9200001`: `{"Records":[{"EventSource":"aws:sns","EventVersion":"1.0","Sns":{"Message":"x","Type":"Notification"}}]}`,
	}

	e := attached(t, withProfile(t, text, "MERLON_PROFILE_MODE=enforce"))
	if r := e.invoke(t, normal); !strings.Contains(string(r.Payload), "sha256") {
		t.Errorf("enforce: a normal order got %s %s", r.Status, r.Payload)
	}
	for rule, ev := range novelties {
		r := e.invoke(t, ev)
		if !strings.Contains(rule, "9200001") && !strings.Contains(string(r.Payload), `"statusCode":403`) || strings.Contains(string(r.Payload), "sha256") {
			t.Errorf("enforce, %s: got %s %s, want a refusal", rule, r.Status, r.Payload)
		}
		e.await(t, `merlon.verdict/1`, rule, `"action":"block"`)
	}

	e = attached(t, withProfile(t, text, "MERLON_PROFILE_MODE=alert"))
	e.invoke(t, normal)
	for rule, ev := range novelties {
		if r := e.invoke(t, ev); !strings.Contains(string(r.Payload), "sha256") {
			t.Errorf("alert, %s: got %s %s, want the function's reply", rule, r.Status, r.Payload)
		}
		e.await(t, `merlon.verdict/1`, rule, `"action":"monitor"`)
	}
	if n := strings.Count(e.text(), `"merlon.verdict/1"`); n != len(novelties)+1 {
		t.Errorf("alert: %d verdicts, want %d and that of the attack before: the normal order has none", n, len(novelties))
	}
}

const handWritten = `apiVersion: merlon.dev/v1
kind: Profile
metadata: {function: orders, version: 3, notAfter: "2999-01-01"}
mode: enforce
ingress:
  - trigger: function-url
    routes: [{route: "POST /orders"}]
`

// TestG5ProfileOfService: a profile that is not there, broken, of another function,
// rolled back or not signed is said and not used; closed, the function does not
// start.
func TestG5ProfileOfService(t *testing.T) {
	key, err := signed.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	novelty := order("192.0.2.1", "/refunds", anOrder)
	keyed := "MERLON_PROFILE_KEY=" + key.Public().Text()

	use := withProfile(t, []byte(handWritten), keyed)
	sign := func(data string) func(*emulator.Options) {
		return func(o *emulator.Options) {
			use(o)
			if err := os.WriteFile(o.Function.Env["MERLON_PROFILE"]+".sig", signed.Sign(key, []byte(data)), 0o600); err != nil {
				t.Error(err)
			}
		}
	}
	e := attached(t, sign(handWritten))
	if r := e.invoke(t, novelty); !strings.Contains(string(r.Payload), `"statusCode":403`) {
		t.Errorf("signed: got %s %s, want a refusal", r.Status, r.Payload)
	}
	for name, change := range map[string]func(*emulator.Options){
		"signature of another file": sign("other"),
		"not signed":                withProfile(t, []byte(handWritten), keyed),
		"broken":                    withProfile(t, []byte(handWritten+"  - trigger: sqz\n")),
		"another function's":        withProfile(t, []byte(strings.Replace(handWritten, "function: orders", "function: shop", 1))),
		"rolled back":               withProfile(t, []byte(handWritten), "MERLON_PROFILE_MIN_VERSION=4"),
		"not there":                 withProfile(t, nil, "MERLON_PROFILE=/var/task/no/profile.yaml"),
	} {
		e := attached(t, change)
		if r := e.invoke(t, novelty); !strings.Contains(string(r.Payload), "sha256") {
			t.Errorf("%s, open: got %s %s, want the function's reply", name, r.Status, r.Payload)
		}
		e.await(t, `"ProfileMissing":1`)
		if r := e.invoke(t, attack); !refused(r) {
			t.Errorf("%s, open: an attack got %s %s", name, r.Status, r.Payload)
		}
		e = protected(t, "plain", func(o *emulator.Options) { change(o); o.Function.Env["MERLON_ON_FAULT"] = "closed" })
		if r := e.invoke(t, novelty); r.ErrorType == "" || strings.Contains(string(r.Payload), "sha256") {
			t.Errorf("%s, closed: got %s %s, want no start", name, r.Status, r.Payload)
		}
	}
}

// TestG6ExpiredProfile: what has expired reports and refuses nothing; what is about
// to says so.
func TestG6ExpiredProfile(t *testing.T) {
	e := attached(t, withProfile(t, []byte(strings.Replace(handWritten, "2999", "2020", 1))))
	if r := e.invoke(t, order("192.0.2.1", "/refunds", anOrder)); !strings.Contains(string(r.Payload), "sha256") {
		t.Errorf("got %s %s, want the function's reply", r.Status, r.Payload)
	}
	e.await(t, `"ruleId":9200003`, `"action":"monitor"`)
	e.await(t, `"ProfileExpiring":1`)
}

// TestProfileOfOtherCode: new code inherits the profile of the old, and departs from
// it for a while without being refused.
func TestProfileOfOtherCode(t *testing.T) {
	novelty := order("192.0.2.1", "/refunds", anOrder)
	text := []byte(strings.Replace(handWritten, "function: orders,", "function: orders, code: \"id:old\",", 1))
	for _, tt := range []struct {
		code, grace string
		refused     bool
	}{{"old", "2999-01-01", true}, {"new", "2999-01-01", false}, {"new", "2020-01-01", true}, {"new", "", true}} {
		e := attached(t, withProfile(t, text, "MERLON_CODE_ID="+tt.code, "MERLON_PROFILE_GRACE="+tt.grace))
		if tt.grace == "" {
			e = attached(t, withProfile(t, text, "MERLON_CODE_ID="+tt.code))
		}
		if r := e.invoke(t, novelty); strings.Contains(string(r.Payload), `"statusCode":403`) != tt.refused {
			t.Errorf("code %s, grace %s: got %s %s, want a refusal: %v", tt.code, tt.grace, r.Status, r.Payload, tt.refused)
		}
		e.await(t, `"ruleId":9200003`)
	}
}

// TestProfileInline: the profile may stand in the environment, and is enforced by
// its own mode.
func TestProfileInline(t *testing.T) {
	e := attached(t, func(o *emulator.Options) {
		block(o)
		o.Function.Env["MERLON_PROFILE"] = "inline:" + base64.StdEncoding.EncodeToString([]byte(handWritten))
	})
	if r := e.invoke(t, order("192.0.2.1", "/refunds", anOrder)); !strings.Contains(string(r.Payload), `"statusCode":403`) {
		t.Errorf("got %s %s, want a refusal", r.Status, r.Payload)
	}
}
