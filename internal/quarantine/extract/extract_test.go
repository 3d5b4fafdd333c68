package extract_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
	"github.com/merlon-security/merlon/internal/quarantine/extract"
)

func pair(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// sealed returns the lines of one record.
func sealed(t testing.TB, id *age.X25519Identity, body string) []string {
	t.Helper()
	var out bytes.Buffer
	k, err := quarantine.New(quarantine.Options{
		Target: "log", Recipient: id.Recipient().String(), Env: func(string) string { return "" }, Out: &out,
		Now: func() time.Time { return time.Unix(1_795_000_000, 0) }, Notify: func(quarantine.Notice) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = k.Keep(t.Context(), quarantine.Entry{VerdictID: "v", RequestID: "r", FunctionARN: "f", Source: event.SQS,
		Items: []quarantine.Item{{Index: 3, Record: event.Record{ID: "m-1"}, Body: []byte(body)}}})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a string
	return string(b)
}

// TestWhereLinesAreFound: people have lines in what a tool gave them.
func TestWhereLinesAreFound(t *testing.T) {
	id := pair(t)
	line := sealed(t, id, "body")[0]
	two := sealed(t, id, strings.Repeat("b", 200_000))
	for name, in := range map[string]string{
		"as written":                 line,
		"delivered twice":            line + "\n" + line,
		"aws logs tail":              "2026-11-23T12:00:00.000000+00:00 2026/11/23/[$LATEST]0af3 " + line,
		"an export to S3":            "2026-11-23T12:00:00.000Z " + line,
		"filter-log-events":          `{"events":[{"logStreamName":"x","message":` + quoted(line+"\n") + `,"eventId":"1"},{"message":"other"}]}`,
		"filter-log-events, printed": "{\n    \"events\": [\n        {\n            \"message\": " + quoted(line+"\n") + ",\n            \"eventId\": \"1\"\n",
		"receive-message, printed":   "        \"Body\": " + quoted(line+"\n"),
		"telemetry":                  `[{"time":"x","type":"extension","record":` + quoted(line) + `}]`,
		"parsed by a collector":      `{"time":"x","record":` + line + `}`,
		"two lines in a message":     `{"Body":` + quoted(strings.Join(two, "\n")) + `}`,
		"parts in any order":         two[1] + "\n" + "noise\n" + two[0],
	} {
		res, err := extract.Read(strings.NewReader(in), id)
		if err != nil || len(res.Records) != 1 || len(res.Rejected) != 0 {
			t.Errorf("%s: %v, %d records, rejected %v", name, err, len(res.Records), res.Rejected)
			continue
		}
		if r := res.Records[0]; r.RecordID != "m-1" || r.Header.Record != 3 || !strings.HasPrefix(string(r.Body), "b") {
			t.Errorf("%s: %+v", name, r.Header)
		}
	}
}

// TestRejected: whatever is damaged, missing, forged or not sealed is rejected
// with the number of its line, and costs no other record.
func TestRejected(t *testing.T) {
	id := pair(t)
	good := sealed(t, id, "good")[0]
	line := sealed(t, id, "body")[0]
	two := sealed(t, id, strings.Repeat("b", 200_000))
	change := func(s string, old, new string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%q is not in the line", old)
		}
		return strings.Replace(s, old, new, 1)
	}
	at := strings.Index(line, `"sealed":"`) + 300
	flipped := line[:at] + string("AB"[b2i(line[at] == 'A')]) + line[at+1:]
	var plain map[string]any
	if err := json.Unmarshal([]byte(line), &plain); err != nil {
		t.Fatal(err)
	}
	plain["plain"] = plain["sealed"]
	delete(plain, "sealed")
	forged, _ := json.Marshal(plain) // strings and numbers
	for name, c := range map[string]struct{ in, want string }{
		"a flipped bit":         {flipped, "open"},
		"cut short":             {line[:len(line)-40], "damaged"},
		"another verdict":       {change(line, `"verdictId":"v"`, `"verdictId":"w"`), "different records"},
		"another record":        {change(line, `"record":3`, `"record":4`), "different records"},
		"another level":         {change(line, `"level":"ERROR"`, `"level":"INFO"`), "different records"},
		"another length":        {change(line, `"bytes":4`, `"bytes":5`), "different records"},
		"sealed for another":    {sealed(t, pair(t), "body")[0], "open"},
		"not sealed":            {string(forged), "not sealed"},
		"a part missing":        {two[1], "part 1 of 2 is missing"},
		"a part changed":        {two[0] + "\n" + change(two[1], `"sealed":"`, `"sealed":"AAAA`), "open"},
		"a part too many":       {change(two[0], `"part":1`, `"part":3`), "part 3 of 2"},
		"parts without end":     {change(line, `"parts":1`, `"parts":1000000000`), "part 1 of 1000000000"},
		"no payload":            {`{"schema":"merlon.quarantine/1","part":1,"parts":1}`, "want one of"},
		"a number for an id":    {change(line, `"id":"`, `"id":7,"x":"`), "damaged"},
		"only the name":         {"merlon.quarantine/1", "damaged"},
		"the name in a message": {`{"message":"about merlon.quarantine/1"}`, "damaged"},
		"not base64":            {change(line, `"sealed":"`, `"sealed":"!`), "payload"},
		"deep":                  {strings.Repeat(`{"a":`, 30) + line + strings.Repeat("}", 30), "deeper"},
	} {
		res, err := extract.Read(strings.NewReader("noise\n"+c.in+"\n"+good), id)
		if err != nil || len(res.Records) != 1 || string(res.Records[0].Body) != "good" {
			t.Errorf("%s: %v, %d records", name, err, len(res.Records))
		}
		if len(res.Rejected) == 0 || res.Rejected[0].Line != 2 || !strings.Contains(res.Rejected[0].Err.Error(), c.want) {
			t.Errorf("%s: rejected %v, want line 2 and %q", name, res.Rejected, c.want)
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestForgedTwin: a line with the id of another, printed by who saw it, does not
// keep the true one from being read.
func TestForgedTwin(t *testing.T) {
	id := pair(t)
	line := sealed(t, id, "body")[0]
	i := strings.Index(line, `"sealed":"`) + len(`"sealed":"`)
	res, err := extract.Read(strings.NewReader(line[:i]+"AAAA\"}\n"+line), id)
	if err != nil || len(res.Records) != 1 || len(res.Rejected) != 1 {
		t.Errorf("%v, %d records, rejected %v", err, len(res.Records), res.Rejected)
	}
}

// FuzzRead: whatever the input, reading ends without a panic, and without the
// key nothing is taken for sealed.
func FuzzRead(f *testing.F) {
	id := pair(f)
	line := sealed(f, id, "body")[0]
	f.Add([]byte(line))
	f.Add([]byte(`{"events":[{"message":` + quoted(line) + `}]}`))
	f.Add([]byte(strings.Join(sealed(f, id, strings.Repeat("b", 120_000)), "\n")))
	f.Add([]byte(`{"schema":"merlon.quarantine/1","part":1,"parts":1,"level":"ERROR","plain":"e30K"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, ids := range [][]age.Identity{nil, {id}} {
			res, err := extract.Read(bytes.NewReader(in), ids...)
			if err != nil {
				t.Fatal(err) // no line is that long
			}
			for _, r := range res.Records {
				if r.Sealed != (ids != nil) || r.Bytes != len(r.Body) {
					t.Errorf("record %+v", r)
				}
			}
		}
	})
}
