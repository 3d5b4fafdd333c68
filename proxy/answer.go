package proxy

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
)

// answer replies in the function's place and reports whether the service
// accepted it. What it means when it did not:
//
//	400  not the active invocation: it timed out or was reset meanwhile
//	403  already answered
//	410  timed out (Managed Instances)
//	413  the reply was too large; the caller was told Function.ResponseSizeTooLarge
//	5xx  the service is in no state to go on; the next poll will say so
//
// In none of them does the function see the event. A reply that got no status
// is sent once more: the service knows the invocation by its id, so a second
// copy is at worst refused with 403.
func (rl *Relay) answer(inv *Invocation, a *Answer) bool {
	status, err := rl.postAnswer(inv, a)
	if err != nil {
		rl.report(Event{Kind: AnswerRefused, RequestID: inv.ID, Err: err})
		status, err = rl.postAnswer(inv, a)
	}
	if err != nil || status != http.StatusAccepted {
		rl.report(Event{Kind: AnswerRefused, RequestID: inv.ID, Status: status, Err: err})
		return false
	}
	return true
}

func (rl *Relay) postAnswer(inv *Invocation, a *Answer) (int, error) {
	resp, err := rl.up.roundTrip(rl.up.answerRequest(rl.ctx, inv.ID, inv.Header, a))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	// Read to the end: only then is the connection free for the next poll.
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	return resp.StatusCode, nil
}

// passageHeader names one delivery of an event on Managed Instances, where a
// reply that repeats another's is refused and one without is not checked.
const passageHeader = "Lambda-Runtime-Invocation-Id"

// answerRequest makes the request that carries a reply of ours. named is the
// header that may name the delivery: the event's, or that of the reply it replaces.
func (u *upstream) answerRequest(ctx context.Context, id string, named http.Header, a *Answer) *http.Request {
	verb := "/response"
	if a.Error {
		verb = "/error"
	}
	out := (&http.Request{
		Method:        http.MethodPost,
		URL:           &url.URL{Scheme: "http", Host: u.addr, Path: "/2018-06-01/runtime/invocation/" + id + verb},
		Header:        make(http.Header, len(a.Header)+1),
		Host:          u.addr,
		Body:          io.NopCloser(bytes.NewReader(a.Body)),
		ContentLength: int64(len(a.Body)),
	}).WithContext(ctx)
	if len(a.Body) == 0 {
		out.Body = http.NoBody
	}
	copyHeaders(out.Header, a.Header)
	if passage := named.Get(passageHeader); passage != "" {
		out.Header.Set(passageHeader, passage)
	}
	suppressUserAgent(out.Header)
	if out.Header.Get("Lambda-Runtime-Function-Response-Mode") == "streaming" {
		out.ContentLength = -1 // the service wants a streamed reply chunked
	}
	return out
}
