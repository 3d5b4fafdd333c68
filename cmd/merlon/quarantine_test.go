package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
)

// quarantined returns the log of a function that removed records with the given
// bodies, whose name at their source is hostile.
func quarantined(t *testing.T, recipient string, bodies ...string) string {
	t.Helper()
	var log bytes.Buffer
	k, err := quarantine.New(quarantine.Options{
		Target: "log", Recipient: recipient, Env: func(string) string { return "" }, Out: &log,
		Now: time.Now, Notify: func(quarantine.Notice) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := quarantine.Entry{VerdictID: "verdict-1", RequestID: "req-1", FunctionARN: "arn", Source: event.SQS}
	for i, b := range bodies {
		e.Items = append(e.Items, quarantine.Item{Index: i, Record: event.Record{ID: "../../evil\x1b[2J", Pointer: "s3/etc/passwd"}, Body: []byte(b)})
	}
	if err := k.Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return log.String()
}

// keygen makes a pair and returns the file of the private and the public key.
func keygen(t *testing.T) (file, public string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "key")
	code, out, errs := merlon(t, nil, "quarantine", "keygen", "--out", file)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	return file, strings.TrimSpace(out)
}

func TestQuarantineKeygen(t *testing.T) {
	file, public := keygen(t)
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("private key: %v, %v", info.Mode(), err)
	}
	if !strings.HasPrefix(public, "age1") || len(public) != 62 {
		t.Errorf("printed %q, want a public key alone", public)
	}
	if code, out, _ := merlon(t, nil, "quarantine", "keygen", "--out", file); code != 1 || out != "" {
		t.Errorf("a second pair in the same file: exit %d, %q", code, out)
	}
}

func TestQuarantineExtract(t *testing.T) {
	key, public := keygen(t)
	log := "START\n" + quarantined(t, public, "one", "two") + "END\n"
	dir := filepath.Join(t.TempDir(), "records")
	code, out, errs := merlon(t, strings.NewReader(log), "quarantine", "extract", "--key", key, "--out", dir, "--json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	var rows []map[string]any
	for line := range strings.Lines(out) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		rows = append(rows, row)
	}
	if len(rows) != 2 || rows[0]["verdictId"] != "verdict-1" || rows[1]["record"] != 1.0 || rows[0]["recordId"] != "../../evil\x1b[2J" {
		t.Fatalf("rows %v", rows)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	for i, want := range []string{"one", "two"} {
		name := filepath.Join(dir, []string{"record-00001.json", "record-00002.json"}[i])
		got, err := os.ReadFile(name)
		if err != nil || string(got) != want || rows[i]["file"] != name {
			t.Errorf("%s holds %q, %v; its row says %v", name, got, err, rows[i]["file"])
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Again into the same directory: nothing is overwritten.
	if code, _, errs := merlon(t, strings.NewReader(log), "quarantine", "extract", "--key", key, "--out", dir); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 4 {
		t.Errorf("%d files after the second time, want 4", len(entries))
	}
}

// TestQuarantineTableIsSafe: a terminal obeys what it is sent.
func TestQuarantineTableIsSafe(t *testing.T) {
	key, public := keygen(t)
	code, out, _ := merlon(t, strings.NewReader(quarantined(t, public, "one")), "quarantine", "extract", "--key", key)
	if code != 0 || strings.Contains(out, "\x1b") || !strings.Contains(out, `evil\x1b[2J`) {
		t.Errorf("exit %d, %q", code, out)
	}
}

func TestQuarantineExtractRejects(t *testing.T) {
	key, public := keygen(t)
	_, other := keygen(t)
	log := quarantined(t, public, "mine") + quarantined(t, other, "theirs") + "{\"schema\":\"merlon.quarantine/1\",\"id\":\"\x1b\n"
	code, out, errs := merlon(t, strings.NewReader(log), "quarantine", "extract", "--key", key, "--json")
	if code != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("exit %d, %q", code, out)
	}
	for _, want := range []string{"line 2: rejected", "line 3: rejected", "2 entries or lines rejected"} {
		if !strings.Contains(errs, want) {
			t.Errorf("no %q in %q", want, errs)
		}
	}
	if code, out, _ := merlon(t, strings.NewReader(log), "quarantine", "extract"); code != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("without a key: exit %d, %q", code, out)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, []byte("AGE-SECRET-KEY-1NONSENSE\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := merlon(t, strings.NewReader(log), "quarantine", "extract", "--key", bad); code != 1 || strings.Contains(errs, "NONSENSE") {
		t.Errorf("a bad key: exit %d, %q", code, errs)
	}
}

// TestB11RulesFindNothingInOurLines: quarantine lines of attacks are clean
// events for whoever reads the log, the queue or the bucket, so that a loop ends
// after one turn.
func TestB11RulesFindNothingInOurLines(t *testing.T) {
	_, public := keygen(t)
	var bodies []string
	for _, attack := range []string{"1' UNION SELECT password FROM users -- ", "<script>alert(1)</script>", "; cat /etc/passwd", "${jndi:ldap://x}"} {
		for _, n := range []int{1, 40, 400} {
			bodies = append(bodies, strings.Repeat(attack, n))
		}
	}
	bodies = append(bodies, strings.Repeat("<svg onload=alert(1)>", 6000)) // two lines
	var in strings.Builder
	lines := 0
	for line := range strings.Lines(quarantined(t, public, bodies...)) {
		lines++
		text, err := json.Marshal(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		in.WriteString(`{"Records":[{"messageId":"m","body":` + string(text) + `,"eventSource":"aws:sqs"}]}` + "\n")
	}
	code, out, errs := merlon(t, strings.NewReader(in.String()), "inspect", "--detect")
	if code != 0 || lines < len(bodies) || strings.Count(out, "\n") != lines {
		t.Fatalf("exit %d, %d verdicts for %d lines: %s", code, strings.Count(out, "\n"), lines, errs)
	}
	for line := range strings.Lines(out) {
		if !strings.Contains(line, `"score":0,`) {
			t.Errorf("a line of ours is not clean: %s", line)
		}
	}
}
