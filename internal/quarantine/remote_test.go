package quarantine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi/awstest"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/quarantine"
)

// messageOf reads a SendMessage call.
func messageOf(r *http.Request, body []byte) (string, error) {
	var m struct{ QueueURL, MessageBody, MessageGroupID, MessageDeduplicationID string }
	if err := json.Unmarshal(body, &m); err != nil {
		return "", err
	}
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessage" || r.Header.Get("Content-Type") != "application/x-amz-json-1.0":
		return "", fmt.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	case strings.HasSuffix(m.QueueURL, ".fifo") != (m.MessageGroupID != "" && m.MessageDeduplicationID != ""):
		return "", errors.New("group and deduplication ids are for FIFO queues")
	case len(m.MessageBody) > quarantine.MaxMessage:
		return "", fmt.Errorf("message of %d bytes", len(m.MessageBody))
	}
	return m.MessageBody, nil
}

var stores = []struct{ name, target string }{{"s3", bucket}, {"sqs", queue}, {"sqs", queue + ".fifo"}}

// TestStores: sealed or not, small or larger than a message may be, what is
// acknowledged is what was removed.
func TestStores(t *testing.T) {
	for _, st := range stores {
		for _, sealed := range []bool{true, false} {
			b, s := newBench(t), newService(t, st.name)
			k := s.keeper(b, st.target, sealed, 0)
			if err := k.Keep(t.Context(), entry(event.SQS, attack, strings.Repeat("x", 400_000), "{}")); err != nil {
				t.Fatalf("%s: %v", st.target, err)
			}
			if b.out.Len() > 0 {
				t.Errorf("%s: wrote %d bytes to the log as well", st.target, b.out.Len())
			}
			text := strings.Join(s.objects, "")
			if plain := strings.Contains(text, `"plain"`); plain == sealed {
				t.Errorf("%s: sealed %v, plain %v", st.target, sealed, plain)
			}
			if sealed {
				if recs := b.opened(s.kept()); len(recs) != 3 || string(recs[0].Body) != attack || len(recs[1].Body) != 400_000 {
					t.Errorf("%s: extracted %d records", st.target, len(recs))
				}
			}
		}
	}
}

// TestObjectName: an object is named by a day and an id of ours.
func TestObjectName(t *testing.T) {
	b, s := newBench(t), newService(t, "s3")
	e := entry(event.SQS, attack)
	e.Items[0].Record.ID, e.VerdictID = "../../x", "../y"
	if err := s.keeper(b, bucket, true, 0).Keep(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	want := "PUT /merlon/2026/11/23/"
	if len(s.paths) != 1 || !strings.HasPrefix(s.paths[0], want) || len(s.paths[0]) != len(want)+36+len(".jsonl") {
		t.Errorf("objects %q, want one %s<uuid>.jsonl", s.paths, want)
	}
}

// TestRetries: what a second request can mend gets one; nothing gets a third.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name   string
		script []http.HandlerFunc
		ok     bool
		seen   int
	}{
		{"500 once", []http.HandlerFunc{fault(500, "InternalError")}, true, 2},
		{"503 and 500", []http.HandlerFunc{fault(503, "SlowDown"), fault(500, "InternalError")}, true, 3},
		{"500 for ever", repeat(fault(500, "InternalError")), false, 2},
		{"403", repeat(fault(403, "AccessDenied")), false, 1},
		{"404", repeat(fault(404, "NoSuchBucket")), false, 1},
		{"expired, from the environment", repeat(fault(400, "ExpiredToken")), false, 1},
		{"redirect", repeat(http.RedirectHandler("https://evil.example/", http.StatusTemporaryRedirect).ServeHTTP), false, 1},
		{"redirect to where it is", repeat(http.RedirectHandler("/other", http.StatusMovedPermanently).ServeHTTP), false, 1},
		{"202", repeat(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) }), false, 1},
		{"connection lost once", []http.HandlerFunc{func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}, true, 2},
	} {
		for _, st := range stores[:2] {
			b, s := newBench(t), newService(t, st.name, c.script...)
			k := s.keeper(b, st.target, false, 0)
			err := k.Keep(t.Context(), entry(event.SQS, attack))
			if (err == nil) != c.ok || s.seen != c.seen {
				t.Errorf("%s, %s: Keep = %v after %d requests, want %v after %d", st.name, c.name, err, s.seen, c.ok, c.seen)
			}
			if told := b.told(); (told == "") != c.ok || !c.ok && !strings.Contains(told, "does not take records (check") {
				t.Errorf("%s, %s: told %q", st.name, c.name, told)
			}
		}
	}
}

func repeat(h http.HandlerFunc) []http.HandlerFunc {
	return []http.HandlerFunc{h, h, h, h, h, h}
}

// TestNoReceiptIsNoAcknowledgement: 200 without a message id is something else
// than SQS.
func TestNoReceiptIsNoAcknowledgement(t *testing.T) {
	b := newBench(t)
	s := newService(t, "sqs", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>welcome</html>") })
	if err := s.keeper(b, queue, false, 0).Keep(t.Context(), entry(event.SQS, attack)); err == nil {
		t.Error("Keep = nil")
	}
}

// TestClockSkew: an environment that was frozen may have a clock that is behind.
func TestClockSkew(t *testing.T) {
	for _, c := range []struct{ name, target, code string }{
		{"s3", bucket, "RequestTimeTooSkewed"}, {"sqs", queue, "InvalidSignatureException"},
	} {
		b := newBench(t)
		skewed := func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", start.Format(http.TimeFormat))
			fault(403, c.code)(w, r)
		}
		s := newService(t, c.name, skewed)
		b.now = start.Add(-time.Hour)
		k := s.keeper(b, c.target, false, 0)
		for i := range 2 { // the second time without a detour
			if err := k.Keep(t.Context(), entry(event.SQS, fmt.Sprint(attack, i))); err != nil || s.seen != 2+i {
				t.Errorf("%s: Keep = %v after %d requests", c.name, err, s.seen)
			}
		}
	}
}

// TestB24CredentialsOfARestoredSnapshot: the endpoint is asked when a record is
// first kept, and again when a service calls its credentials expired, or they are about to.
func TestB24CredentialsOfARestoredSnapshot(t *testing.T) {
	b := newBench(t)
	asked := 0
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "token" || r.URL.Path != "/creds" {
			t.Errorf("asked for %s with %v", r.URL, r.Header)
		}
		asked++
		fmt.Fprintf(w, `{"AccessKeyId":"AKID%d","SecretAccessKey":"s%d","Token":"t","Expiration":"%s"}`,
			asked, asked, start.Add(time.Duration(asked)*time.Hour).Format(time.RFC3339))
	}))
	defer endpoint.Close()
	b.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], b.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = endpoint.URL+"/creds", "token"
	s := newService(t, "s3")
	s.secret = map[string]string{"AKID1": "s1", "AKID2": "s2", "AKID3": "s3"}
	k := s.keeper(b, bucket, false, 0)
	if asked != 0 { // the keeper is made before the snapshot
		t.Errorf("asked %d times before there was anything to keep", asked)
	}
	keep := func(i, want int) {
		t.Helper()
		if err := k.Keep(t.Context(), entry(event.SQS, fmt.Sprint(attack, i))); err != nil || asked != want {
			t.Errorf("Keep = %v, asked %d times, want %d", err, asked, want)
		}
	}
	keep(1, 1)
	keep(2, 1)
	s.next(fault(400, "ExpiredToken"))
	keep(3, 2)
	b.now, s.now = start.Add(2*time.Hour), start.Add(2*time.Hour)
	keep(4, 3)
}

// TestB24CredentialsFromNowhereElse: an address off this machine is not asked,
// and without credentials nothing is sent.
func TestB24CredentialsFromNowhereElse(t *testing.T) {
	for _, env := range []map[string]string{
		{"AWS_ACCESS_KEY_ID": ""},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/creds"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example/creds"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "https://127.0.0.1/creds"},
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI": ":"},
	} {
		b, s := newBench(t), newService(t, "s3")
		for name, v := range env {
			b.env[name] = v
		}
		if err := s.keeper(b, bucket, false, 0).Keep(t.Context(), entry(event.SQS, attack)); err == nil || s.seen > 0 {
			t.Errorf("%v: Keep = %v after %d requests", env, err, s.seen)
		}
	}
}

// TestB24SettingsOfTheFunctionAreNotRead: what its author, or its code, can set
// does not move our requests. The service fails the test if another host is
// dialled.
func TestB24SettingsOfTheFunctionAreNotRead(t *testing.T) {
	b, s := newBench(t), newService(t, "s3")
	for _, name := range []string{
		"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CONFIG_FILE", "AWS_PROFILE", "HOME",
	} {
		t.Setenv(name, "http://127.0.0.1:1")
		b.env[name] = "http://127.0.0.1:1"
	}
	if err := s.keeper(b, bucket, true, 0).Keep(t.Context(), entry(event.SQS, attack)); err != nil || s.seen != 1 {
		t.Errorf("Keep = %v after %d requests", err, s.seen)
	}
}

// TestB9CapThenLog: a store that does not answer is given up; with a key the
// record is in the log, sealed, else Keep fails.
func TestB9CapThenLog(t *testing.T) {
	for _, st := range stores[:2] {
		for _, sealed := range []bool{true, false} {
			b := newBench(t)
			gone := make(chan struct{})
			s := newService(t, st.name, func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
				case <-gone:
				}
			})
			k := s.keeper(b, st.target, sealed, 50*time.Millisecond)
			err := k.Keep(t.Context(), entry(event.SQS, attack))
			close(gone)
			if sealed {
				if recs := b.opened(&b.out); err != nil || len(recs) != 1 || string(recs[0].Body) != attack {
					t.Errorf("%s: Keep = %v, %d records in the log", st.name, err, len(recs))
				}
				if !strings.Contains(b.told(), "they are in the log, sealed") {
					t.Errorf("%s: told %q", st.name, b.told())
				}
			} else if !errors.Is(err, context.DeadlineExceeded) || b.out.Len() > 0 {
				t.Errorf("%s: Keep = %v, %d bytes in the log", st.name, err, b.out.Len())
			}
		}
	}
}

// TestB11NoFallbackForReadersOfLogs: the log may be where the event came from.
func TestB11NoFallbackForReadersOfLogs(t *testing.T) {
	b, s := newBench(t), newService(t, "s3", repeat(fault(403, "AccessDenied"))...)
	if err := s.keeper(b, bucket, true, 0).Keep(t.Context(), entry(event.CWLogs, attack)); err == nil || b.out.Len() > 0 {
		t.Errorf("Keep = %v, %d bytes in the log", err, b.out.Len())
	}
}

// TestFaultsQuoteNothing: what a service answers is not copied into our log.
func TestFaultsQuoteNothing(t *testing.T) {
	b := newBench(t)
	s := newService(t, "s3", repeat(fault(403, "<script>alert(1)"))...)
	err := s.keeper(b, bucket, false, 0).Keep(t.Context(), entry(event.SQS, attack))
	if err == nil || strings.Contains(err.Error(), "script") || strings.Contains(err.Error(), "session") {
		t.Errorf("Keep = %v", err)
	}
}

// TestOnlyTheServicesCertificate: whoever answers in its place gets nothing.
func TestOnlyTheServicesCertificate(t *testing.T) {
	for name, hosts := range map[string][]string{"not trusted": nil, "of another host": {"evil.example"}} {
		b, s := newBench(t), newService(t, "s3")
		if _, s.roots = awstest.Certificate(t, "x"); hosts != nil {
			s.TLS.Certificates[0], s.roots = awstest.Certificate(t, hosts...)
		}
		if err := s.keeper(b, bucket, false, 0).Keep(t.Context(), entry(event.SQS, attack)); err == nil || s.seen > 0 {
			t.Errorf("%s: Keep = %v after %d requests", name, err, s.seen)
		}
	}
}
