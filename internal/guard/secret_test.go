package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/event/eventtest"
	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/report/read"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/proxy"
)

// pointing is an engine that finds every leaf that holds a text, in value or
// name, as rules with all that a rule can say.
func pointing(text string) inspector {
	return func(_ context.Context, ev *event.Event) (found verdict.Inspection, err error) {
		found.Scores = make([]int, max(1, ev.Records))
		for i := range ev.Leaves {
			l := &ev.Leaves[i]
			inName := strings.Contains(l.Name, text)
			if !inName && !strings.Contains(l.Value, text) {
				continue
			}
			found.Scores[max(0, l.Record)] += 5
			found.Findings = append(found.Findings, verdict.Finding{
				RuleID: 1, Engine: "waf", Score: 5, Record: int(l.Record), Path: ev.Path(l), Place: l.Place, Name: l.Name, Value: l.Value, IsName: inName,
			})
		}
		return found, nil
	}
}

// handles are the members by which a verdict names a record, a source or a
// route, and say where it can be read again. Services and deployers write them,
// and whoever names an object; a secret there that looks like one is taken for it.
var handles = []string{
	"messageId", "messageID", "MessageId", "sequenceNumber", "SequenceNumber", "eventID", "recordId", "id", "_data", "topic", "s3VersionId",
	"eventId", "shardId", "name", "key", "versionId", "s3Bucket", "s3BucketArn", "s3Key", "sourceKinesisStreamArn", // pointers
	"eventSourceARN", "eventSourceArn", "resource", "routeKey", "parentTypeName", "fieldName",
}

// F2: a secret in any value and any name of any event, and in the headers that
// come with it, is in no line, redacted or hashed, with a key or without.
func TestF2NoSecretReachesALine(t *testing.T) {
	t.Parallel()
	const secret = "zq7Kp9Xw2mLt4vB8"
	planted := []string{secret, "x' OR '1'='1--" + secret, "\u2028" + secret + "\n{\"schema\":\"merlon.verdict/1\"}\n\x1b[2J"}
	key := verdict.NewSigner("correct horse battery staple correct")
	var out bytes.Buffer
	places, lines := 0, 0
	for _, signer := range []*verdict.Signer{nil, key} {
		rep := report.New(report.Options{Out: &out, Env: verdict.NewID(time.Now()), Now: time.Now, Function: "orders", Signer: signer, PerMinute: 100_000, Summaries: true})
		g := blocking(pointing(secret), rep)
		g.Keeper, g.Redactor.Key = &keeper{}, signer.HashKey()
		log := read.New(signer)
		for name, raw := range eventtest.Samples(t, "../..") {
			var doc any
			if err := json.Unmarshal(raw, &doc); err != nil {
				t.Fatal(err)
			}
			for i, p := range eventtest.Places(doc, nil) {
				places++
				header := http.Header{}
				if i%7 == 0 {
					header.Set("Lambda-Runtime-Client-Context", `{"custom":{"`+secret+`":"`+secret+`"}}`)
					header.Set("Lambda-Runtime-Cognito-Identity", `{"cognitoIdentityId":"`+secret+`"}`)
				}
				for _, text := range planted {
					if text == secret && !p.Name && slices.Contains(handles, p.Path[len(p.Path)-1].Key) {
						continue
					}
					body := []byte(eventtest.JSON(p.With(text)))
					g.Inspect(t.Context(), &proxy.Invocation{ID: "8476a536-e9f4-11e8-9739-2dfe598c3fcd", Header: header, Body: body})
				}
				rep.Flush()
				for line := range bytes.Lines(out.Bytes()) {
					lines++
					if bytes.Contains(bytes.ToLower(line), []byte(strings.ToLower(secret))) || bytes.Contains(line, []byte(secret[:8])) {
						t.Errorf("%s at %s (name %t): %s", name, p.Path, p.Name, line)
					}
					if i := slices.IndexFunc(line[:len(line)-1], func(b byte) bool { return b < 0x20 || b == 0x7f }); i >= 0 || bytes.Contains(line, []byte("\u2028")) {
						t.Errorf("%s at %s: a control character in %q", name, p.Path, line)
					}
					if _, err := log.Read(line); err != nil {
						t.Errorf("%s at %s: %v: %s", name, p.Path, err, line)
					}
				}
				out.Reset()
			}
		}
		rep.Close(t.Context())
		if gaps := log.Gaps(); len(gaps) > 0 {
			t.Errorf("gaps %v", gaps)
		}
		if bytes.Contains(out.Bytes(), []byte(secret[:8])) {
			t.Errorf("what was left: %s", out.Bytes())
		}
		out.Reset()
	}
	t.Logf("%d places, %d lines", places, lines)
	if places < 3800 || lines < 5000 {
		t.Errorf("%d places gave %d lines", places, lines)
	}
}
