package profile

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

const processSample = `apiVersion: merlon.dev/v1
kind: Profile
metadata:
  version: 1
process:
  programs:
    - "/usr/bin/convert"
  hosts:
    - "*.example.com"
    - "10.0.0.7:5432"
    - "[2001:db8::1]:443"
    - "api.example.com"
  files:
    - "/tmp/"
  aws:
    - action: "dynamodb:PutItem"
      resources:
        - "arn:aws:dynamodb:eu-central-1:123456789012:table/orders"
    - action: "s3:GetObject"
      resources:
        - "arn:aws:s3:::photos/*"
        - "arn:aws:s3:::thumbs/*"
    - action: "s3:PutObject"
      resources:
        - "arn:aws:s3:::thumbs/*"
        - "arn:aws:s3:::photos/*"
`

func TestProcessRoundTrip(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(processSample))
	if err != nil {
		t.Fatal(err)
	}
	once := string(d.Canonical())
	if want := strings.Replace(processSample, "- \"arn:aws:s3:::thumbs/*\"\n        - \"arn:aws:s3:::photos/*\"\n", "- \"arn:aws:s3:::photos/*\"\n        - \"arn:aws:s3:::thumbs/*\"\n", 1); once != want {
		t.Errorf("Canonical:\n%s\nwant:\n%s", once, want)
	}
	slices.Reverse(d.Process.AWS)
	slices.Reverse(d.Process.Hosts)
	if got := string(d.Canonical()); got != once {
		t.Errorf("canonical text depends on order:\n%s", got)
	}
	fewer := *d
	fewer.Process = Process{Programs: []string{"/bin/sh"}, AWS: d.Process.AWS[1:]}
	var lines []string
	for _, c := range Diff(d, &fewer) {
		lines = append(lines, c.String())
	}
	for _, want := range []string{"+ process starts /bin/sh", "- process starts /usr/bin/convert", "- process talks to *.example.com", "- process writes /tmp/", "- process calls s3:PutObject", "- process calls s3:PutObject on arn:aws:s3:::thumbs/*"} {
		if !slices.Contains(lines, want) {
			t.Errorf("diff lacks %q: %q", want, lines)
		}
	}
}

func TestProcessFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ old, text, want string }{
		{"/usr/bin/convert", "convert", `process.programs[0]: "convert": want an absolute path`},
		{"/usr/bin/convert", "/usr/bin/a b", "process.programs[0]"},
		{"api.example.com", "https://x", `process.hosts[3]: "https://x": want a name`},
		{"api.example.com", "*.example.com", `process.hosts[3]: "*.example.com" stands twice`},
		{"10.0.0.7:5432", "10.0.0.7:99999", "process.hosts[1]"},
		{"[2001:db8::1]:443", "[2001:db8::1:443", "process.hosts[2]"},
		{"\"/tmp/\"", "\"tmp\"", "process.files[0]"},
		{"s3:GetObject", "GetObject", `process.aws[1].action: "GetObject": want one such as s3:GetObject`},
		{"s3:GetObject", "s3:PutObject", `process.aws[2].action: "s3:PutObject" stands twice`},
		{"arn:aws:dynamodb:eu-central-1:123456789012:table/orders", "table/orders", "process.aws[0].resources[0]"},
		{"  aws:", "  aws2: 1\n  aws:", `unknown field "aws2"`},
	} {
		text := strings.Replace(processSample, tt.old, tt.text, 1)
		if text == processSample {
			t.Fatalf("%q is not in the sample", tt.old)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.text, err, tt.want)
		}
	}
}

func TestIAMPolicy(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(processSample))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := d.Process.IAM()
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:PutItem"],"Resource":["arn:aws:dynamodb:eu-central-1:123456789012:table/orders"]},{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::photos/*","arn:aws:s3:::thumbs/*"]}]}`
	if string(got) != want {
		t.Errorf("IAM() = %s, want %s", got, want)
	}
	if w := policy.Wildcards(); len(w) != 2 {
		t.Errorf("wildcards %q, want the two that are written", w)
	}
	for _, none := range []Process{{}, {AWS: []Grant{{Action: "s3:GetObject"}}}} {
		if _, err := none.IAM(); err == nil {
			t.Errorf("IAM of %+v: no error, want one: a resource that nobody wrote is not *", none)
		}
	}
}

// TestOpenField: below an open field anything goes but what is listed.
func TestOpenField(t *testing.T) {
	t.Parallel()
	d, err := Parse([]byte(`apiVersion: merlon.dev/v1
kind: Profile
metadata: {version: 1}
ingress:
  - trigger: direct
    event:
      - {path: id, type: [string], format: uuid}
      - {path: extra, type: [object], open: true}
      - {path: "extra.level", type: [number], number: "0..9"}
`))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Parse(d.Canonical()); err != nil || !again.Ingress[0].Event[0].Open {
		t.Fatalf("open is lost in %s: %v", d.Canonical(), err)
	}
	c, err := NewChecker(d)
	if err != nil {
		t.Fatal(err)
	}
	const id = `"id":"7b1e2b2e-7d3c-4a51-9d7e-0c1b2a3d4e5f"`
	for _, tt := range []struct {
		event string
		want  Dimension
	}{
		{`{` + id + `,"extra":{"level":3,"a":{"b":[1,{"c":"x"}]}}}`, ""},
		{`{` + id + `,"extra":{}}`, ""},
		{`{` + id + `,"extra":{"level":"high"}}`, Types},
		{`{` + id + `,"extra":[1]}`, Types},
		{`{` + id + `,"other":{"a":1}}`, Fields},
	} {
		got := c.Check(decoded(t, mustObject(t, tt.event)))
		if tt.want == "" && len(got) > 0 || tt.want != "" && (len(got) == 0 || got[0].Dimension != tt.want) {
			t.Errorf("Check(%s) = %+v, want %q", tt.event, got, tt.want)
		}
	}
}

func mustObject(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}
