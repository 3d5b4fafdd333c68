package proxy

import (
	"bytes"
	"io"
	"net/http"
)

// serveReply passes a runtime's reply through and keeps the ledger.
func (rl *Relay) serveReply(w http.ResponseWriter, r *http.Request, kind route, id string) {
	inv, known := rl.ledger.replying(id, r.Header.Get(passageHeader))
	if !known {
		rl.report(Event{Kind: UnknownAnswer, RequestID: id})
	}
	replied := false
	defer func() {
		if known && !replied {
			rl.ledger.notReplied(inv)
		}
	}()
	if known && inv.onReply != nil && kind == invocationResponse {
		rl.callReplied(id, r.Header, inv.onReply)
	}
	if known && inv.complete != nil && kind == invocationResponse {
		rl.complete(id, r, inv.complete)
	}
	resp, ok := rl.exchange(w, r, id)
	if !ok {
		return
	}
	defer resp.Body.Close()
	if known {
		replied = true
		rl.ledger.replied(id, inv) // before the runtime can know and poll again
	}
	relayResponse(w, resp)
}

// maxCompleted is the service's limit on a reply that is not streamed; a longer
// one it would refuse in any case.
const maxCompleted = 6<<20 + 100

// complete gives r the body that the Inspector makes of it. A reply that is too
// long, breaks off or ends in an error stays what it is, read or not.
func (rl *Relay) complete(id string, r *http.Request, complete func([]byte) []byte) {
	read, err := io.ReadAll(io.LimitReader(r.Body, maxCompleted+1))
	failed := r.Trailer.Get("Lambda-Runtime-Function-Error-Type") != ""
	if err != nil || failed || len(read) > maxCompleted {
		rl.report(Event{Kind: NotCompleted, RequestID: id, Err: err})
		r.Body = prefixed{io.MultiReader(bytes.NewReader(read), r.Body), r.Body}
		return
	}
	body := rl.callComplete(id, read, complete)
	if len(read)+len(body) == 0 {
		return // an empty reply stays framed as it is
	}
	r.Body = prefixed{bytes.NewReader(body), r.Body}
	if r.ContentLength >= 0 {
		r.ContentLength = int64(len(body))
	}
}

func (rl *Relay) callReplied(id string, header http.Header, replied func(http.Header)) {
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, id, "replied", v))
		}
	}()
	replied(header)
}

func (rl *Relay) callComplete(id string, read []byte, complete func([]byte) []byte) (body []byte) {
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, id, "complete", v))
			body = read
		}
	}()
	if body = complete(read); body == nil {
		return read
	}
	return body
}

// prefixed is a body part of which has been read already.
type prefixed struct {
	io.Reader
	io.Closer
}
