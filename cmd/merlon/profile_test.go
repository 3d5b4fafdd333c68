package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// orders are requests to a small API, from many networks.
func orders(r *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		body := fmt.Sprintf(`{\"item\":\"%s\",\"quantity\":%d}`, []string{"tea", "salt", "rope"}[r.IntN(3)], 1+r.IntN(9))
		fmt.Fprintf(&b, `{"id":"e%d","event":{"version":"2.0","rawPath":"/orders","headers":{"content-type":"application/json"},"requestContext":{"domainName":"x.lambda-url.eu-central-1.on.aws","http":{"method":"POST","sourceIp":"10.0.%d.1"}},"body":"%s","isBase64Encoded":false}}`+"\n", i, r.IntN(200), body)
	}
	return b.String()
}

// TestProfileFromEventsToRefusal goes the whole way: events, evidence, profile,
// review, diff, signature, and a novelty that is refused.
func TestProfileFromEventsToRefusal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	merlon := func(in string, want int, args ...string) (string, string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(t.Context(), args, stdio{strings.NewReader(in), &out, &errs}); got != want {
			t.Fatalf("merlon %v: status %d, want %d\n%s%s", args, got, want, out.String(), errs.String())
		}
		return out.String(), errs.String()
	}
	save := func(name, text string) string {
		t.Helper()
		if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file(name)
	}
	r := rand.New(rand.NewPCG(1, 1))
	var days []string
	for day := 1; day <= 3; day++ {
		in := orders(r, 500)
		if day == 3 {
			in += strings.Replace(orders(r, 1), `{\"item\"`, `{\"coupon\":\"x\",\"item\"`, 1)
		}
		out, _ := merlon(in, 0, "profile", "learn", "--function", "orders", "--env", fmt.Sprint("env", day), "--day", fmt.Sprintf("2026-10-0%d", day))
		days = append(days, save(fmt.Sprintf("day%d.jsonl", day), out))
	}
	first, _ := merlon("", 0, append([]string{"profile", "merge"}, days...)...)
	again, _ := merlon("", 0, append([]string{"profile", "merge"}, days[2], days[0], days[1], days[0])...)
	if first != again {
		t.Error("merging in another order, with one file twice, gives other evidence")
	}
	evidence := save("evidence.jsonl", first)
	built, note := merlon("", 0, "profile", "build", evidence)
	for _, want := range []string{"function: orders", `"POST /orders"`, "path: item,", "path: quantity, type: [number]", "samples: 1501", "environments: 3"} {
		if !strings.Contains(built, want) {
			t.Errorf("the profile lacks %q:\n%s", want, built)
		}
	}
	if strings.Contains(built, "coupon") || !strings.Contains(note, "wait for more proof") {
		t.Errorf("a field that one caller sent once is normal, or nothing is said of it: %s\n%s", note, built)
	}
	if review, _ := merlon("", 0, "profile", "review", evidence); !strings.Contains(review, "function-url POST /orders body coupon: ") {
		t.Errorf("review does not name what waits:\n%s", review)
	}
	old := save("old.yaml", built)
	accepted, _ := merlon("", 0, "profile", "build", "--base", old, "--accept", "function-url POST /orders", evidence)
	fresh := save("profile.yaml", accepted)
	if diff, _ := merlon("", 0, "profile", "diff", old, fresh); !strings.Contains(diff, "+ function-url POST /orders body coupon {") || strings.Contains(diff, "- ") {
		t.Errorf("diff:\n%s", diff)
	}
	if _, why := merlon("", 1, "profile", "promote", "--to", "alert", fresh); !strings.Contains(why, "learned on 3 days: want 7") {
		t.Errorf("promote: %s", why)
	}

	normal, odd := orders(r, 50), strings.Replace(orders(r, 1), `{\"item\"`, `{\"isAdmin\":true,\"item\"`, 1)
	if out, _ := merlon(normal, 0, "profile", "check", "--events", "-", fresh); !strings.Contains(out, "50 events, all as usual") {
		t.Errorf("check: %s", out)
	}
	if out, _ := merlon(odd, 1, "profile", "check", "--events", "-", fresh); !strings.Contains(out, "e0: field at body.isAdmin: expected no such field, seen boolean") {
		t.Errorf("check: %s", out)
	}

	public, _ := merlon("", 0, "profile", "keygen", "--out", file("key"))
	merlon("", 1, "profile", "keygen", "--out", file("key")) // never over a key
	merlon("", 0, "profile", "sign", "--key", file("key"), fresh)
	merlon("", 0, "profile", "verify", "--key", strings.TrimSpace(public), fresh)
	text, err := os.ReadFile(fresh)
	if err != nil {
		t.Fatal(err)
	}
	save("profile.yaml", strings.Replace(string(text), "version: 2", "version: 2\nmode: enforce", 1))
	if _, why := merlon("", 1, "profile", "verify", "--key", strings.TrimSpace(public), fresh); !strings.Contains(why, "changed after it was signed") {
		t.Errorf("verify: %s", why)
	}
	out, _ := merlon(normal+odd, 0, "inspect", "--profile", fresh)
	if lines := strings.Split(strings.TrimSpace(out), "\n"); strings.Count(out, `"action":"allow"`) != 50 || !strings.Contains(lines[50], `"action":"block","blocked":true,"score":5,"rules":[9200005]`) {
		t.Errorf("inspect: %s", lines[len(lines)-1])
	}
}
