package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// demoProfile has one deployment learn what its callers send, makes a profile of
// it, and has the next one refuse what differs, which no rule of attacks knows.
func demoProfile(ctx context.Context, opt, taskRoot, cli, dir string) error {
	fmt.Println("\nThe behavioural profile: MERLON_PROFILE_MODE=learn, and orders from six networks.")
	log, err := learnOrders(ctx, opt, taskRoot)
	if err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	empty := "apiVersion: merlon.dev/v1\nkind: Profile\nmetadata:\n  function: orders\n  version: 0\n"
	if err := os.WriteFile(at("empty.yaml"), []byte(empty), 0o600); err != nil {
		return err
	}
	tool := merlon{ctx, cli}
	evidence, err := tool.run(log, "profile", "pull", "--function", "orders")
	if err != nil {
		return err
	}
	if err := os.WriteFile(at("orders.evidence"), evidence, 0o600); err != nil {
		return err
	}
	// Two days settle an element by themselves; here a person takes the routes for
	// normal on the first.
	profile, err := tool.run(nil, "profile", "build", "--base", at("empty.yaml"), "--days", "1",
		"--accept", "function-url GET /orders", "--accept", "function-url POST /orders", at("orders.evidence"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(at("profile.yaml"), profile, 0o600); err != nil {
		return err
	}
	diff, err := tool.run(nil, "profile", "diff", at("empty.yaml"), at("profile.yaml"))
	if err != nil {
		return err
	}
	fmt.Printf("merlon profile diff, what becomes normal:\n%s", indented(diff))
	if !bytes.Contains(diff, []byte("POST /orders body customer")) {
		return errors.New("the profile lacks what was sent")
	}
	if _, err := tool.run(nil, "profile", "promote", "--to", "alert", at("profile.yaml")); err == nil {
		return errors.New("a profile of one day is promoted")
	} else {
		fmt.Printf("merlon profile promote --to alert:\n%s", indented([]byte(err.Error())))
	}
	fmt.Println("It is enforced all the same, by MERLON_PROFILE_MODE=enforce:")
	return enforceOrders(ctx, opt, taskRoot, at("profile.yaml"))
}

// merlon is the command line tool.
type merlon struct {
	ctx context.Context
	cli string
}

func (m merlon) run(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(m.ctx, m.cli, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s", strings.TrimSpace(out.String()+errs.String()))
	}
	return out.Bytes(), nil
}

func indented(text []byte) string {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimSpace(string(text)) + "\n") {
		b.WriteString("    " + line)
	}
	return b.String()
}

// orderFrom is the event of a request to the function's URL, from an address.
func orderFrom(ip, method, path, query, body string) demoCase {
	params := map[string]string{}
	if k, v, ok := strings.Cut(query, "="); ok {
		params[k] = v
	}
	ev, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "queryStringParameters": params, "isBase64Encoded": false,
		"headers": map[string]string{"content-type": jsonType}, "body": body,
		"requestContext": map[string]any{
			"domainName": "x.lambda-url.eu-central-1.on.aws", "http": map[string]string{"method": method, "path": path, "sourceIp": ip},
		},
	})
	if err != nil {
		panic(err) // texts in maps
	}
	return post("invoke", method+" "+path, "", jsonType, string(ev), false)
}

// learnOrders returns the log of a deployment that learned.
func learnOrders(ctx context.Context, opt, taskRoot string) (log []byte, err error) {
	s, err := startSite(ctx, opt, taskRoot, map[string]string{"MERLON_PROFILE_MODE": "learn"})
	if err != nil {
		return nil, err
	}
	notes := []string{"Gate 3; ring twice", "leave it at the door", "", "call me", "thanks!", "second floor"}
	for i, note := range notes {
		ip := fmt.Sprintf("198.51.%d.7", i)
		body := fmt.Sprintf(`{"customer":"Ann Lee","total":%d.5,"note":%q}`, 4+7*i, note)
		for _, c := range []demoCase{orderFrom(ip, "POST", "/orders", "", body), orderFrom(ip, "GET", "/orders", "status=open", "")} {
			r, err := s.send(ctx, c)
			if err == nil && r.status != 200 {
				err = fmt.Errorf("%s: %d %s", c.name, r.status, r.body)
			}
			if err != nil {
				return nil, s.close(err)
			}
		}
	}
	if err := s.close(nil); err != nil { // SHUTDOWN has the last lines written
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return []byte(strings.Join(s.lines, "\n") + "\n"), nil
}

// enforceOrders shows what becomes of orders under the profile.
func enforceOrders(ctx context.Context, opt, taskRoot, profile string) (err error) {
	abs, err := filepath.Abs(profile)
	if err != nil {
		return err
	}
	s, err := startSite(ctx, opt, taskRoot, map[string]string{"MERLON_PROFILE": abs, "MERLON_PROFILE_MODE": "enforce"})
	if err != nil {
		return err
	}
	defer func() { err = s.close(err) }()
	const ip = "203.0.113.20"
	for _, tt := range []struct {
		what string
		c    demoCase
		want bool // refused
	}{
		{"an order", orderFrom(ip, "POST", "/orders", "", `{"customer":"Bo Dahl","total":9.5,"note":"ring once"}`), false},
		{"with a field that nobody sends", orderFrom(ip, "POST", "/orders", "", `{"customer":"Bo Dahl","total":9.5,"note":"x","isAdmin":true}`), true},
		{"with an object for a number", orderFrom(ip, "POST", "/orders", "", `{"customer":"Bo Dahl","total":{"gt":0},"note":"x"}`), true},
		{"along a route that nobody uses", orderFrom(ip, "POST", "/orders/export", "", `{"customer":"Bo Dahl"}`), true},
	} {
		r, err := s.send(ctx, tt.c)
		if err != nil {
			return err
		}
		refused, found := strings.Contains(r.body, `"statusCode":403`), ""
		if refused {
			v, err := s.verdict(ctx, verdictID.FindString(lastID(r)))
			if err != nil {
				return err
			}
			found = rules(v) + " " + where(v)
		}
		fmt.Printf("    %-32s %-9s %s\n", tt.what, map[bool]string{true: "refused", false: "delivered"}[refused], strings.TrimSpace(found))
		if refused != tt.want {
			return fmt.Errorf("%s: refused: %v, want %v: %s", tt.what, refused, tt.want, r.body)
		}
	}
	return nil
}
