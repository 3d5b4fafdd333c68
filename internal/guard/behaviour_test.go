package guard_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/profile"
	"github.com/merlon-security/merlon/proxy"
)

// TestLearnsFromWhatTheFunctionTook: only events in which nothing was found and
// which the function answered without an error teach anything.
func TestLearnsFromWhatTheFunctionTook(t *testing.T) {
	t.Parallel()
	const (
		call  = `{"version":"2.0","rawPath":"/orders","requestContext":{"domainName":"x.lambda-url.eu-central-1.on.aws","http":{"method":"GET","sourceIp":"192.0.2.1"}}}`
		queue = `{"Records":[{"messageId":"a","eventSource":"aws:sqs","body":"{\"id\":1}"}]}`
	)
	long := strings.Repeat("x", 40<<10)
	for _, tt := range []struct {
		name, event string
		engine      guard.Engine
		failed      bool
		trailer     http.Header
		err         error
		reply       string
		learns      bool
	}{
		{"200", call, cleanRecords, false, nil, nil, `{"statusCode":200,"body":"ok"}`, true},
		{"302", call, cleanRecords, false, nil, nil, `{"headers":{"location":"/"},"statusCode":302}`, true},
		{"no status", call, cleanRecords, false, nil, nil, `{"ok":true}`, true},
		{"a text", call, cleanRecords, false, nil, nil, `"ok"`, true},
		{"prelude", call, cleanRecords, false, nil, nil, `{"statusCode":200,"headers":{}}` + "\x00\x00\x00\x00\x00\x00\x00\x00" + long, true},
		{"404", call, cleanRecords, false, nil, nil, `{"statusCode":404,"body":"ok"}`, false},
		{"404 behind the body", call, cleanRecords, false, nil, nil, `{"body":"` + long[:9000] + `","statusCode":404}`, false},
		{"not told in time", call, cleanRecords, false, nil, nil, `{"body":"` + long + `","statusCode":200}`, false},
		{"404 in a prelude", call, cleanRecords, false, nil, nil, `{"statusCode":404}` + "\x00\x00\x00\x00\x00\x00\x00\x00", false},
		{"an error", call, cleanRecords, true, nil, nil, `{"errorMessage":"x"}`, false},
		{"broken off", call, cleanRecords, false, nil, errors.New("broken off"), `{"statusCode":200`, false},
		{"an error midway", call, cleanRecords, false, http.Header{"Lambda-Runtime-Function-Error-Type": {"x"}}, nil, `{"statusCode":200}`, false},
		{"an attack", call, attack, false, nil, nil, `{"statusCode":200}`, false},
		{"a batch", queue, cleanRecords, false, nil, nil, `{"batchItemFailures":[]}`, true},
		{"a batch, null", queue, cleanRecords, false, nil, nil, `null`, true},
		{"a batch with failures", queue, cleanRecords, false, nil, nil, `{"batchItemFailures":[{"itemIdentifier":"a"}]}`, false},
	} {
		g := blocking(tt.engine, &records{})
		g.Policy.Mode = 0 // monitor: attacks are delivered
		g.Limits = event.DefaultLimits()
		var told []profile.Delta
		g.SetLearner(profile.NewLearner(nil, time.Now), func(d profile.Delta) { told = append(told, d) })
		out := g.Inspect(t.Context(), &proxy.Invocation{ID: "r", Body: []byte(tt.event)})
		if out.Response != nil {
			f := out.Response(proxy.ReplyHead{Failed: tt.failed, Header: http.Header{}, Length: int64(len(tt.reply))})
			reply := []byte(tt.reply)
			switch {
			case f == nil:
			case f.Hold > len(reply) && tt.err == nil && tt.trailer == nil:
				f.Whole(reply)
			case f.Piece != nil:
				for p := range slices.Chunk(reply, 1000) {
					f.Piece(p)
				}
				f.End(tt.trailer, tt.err)
			}
		}
		if learned := len(told) > 0; learned != tt.learns {
			t.Errorf("%s: learned %v, want %v", tt.name, told, tt.learns)
		}
	}
}
