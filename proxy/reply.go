package proxy

import (
	"bytes"
	"io"
	"net/http"
)

// serveReply passes a runtime's reply through, by way of the Inspector's filter if
// there is one, and keeps the ledger.
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
	exchange := rl.exchange
	if filter := rl.filterOf(r, kind, id, inv); filter != nil {
		exchange = func(w http.ResponseWriter, r *http.Request, id string) (*http.Response, bool) {
			return rl.exchangeFiltered(w, r, id, filter)
		}
	}
	resp, ok := exchange(w, r, id)
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

// filterOf asks the Inspector what it wants of a reply; nil for nothing.
func (rl *Relay) filterOf(r *http.Request, kind route, id string, inv *openInvocation) (filter *ReplyFilter) {
	if inv == nil || inv.response == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, id, "response", v))
			filter = nil
		}
	}()
	filter = inv.response(ReplyHead{Failed: kind == invocationError, Header: r.Header, Length: r.ContentLength})
	if filter == nil || filter.Hold <= 0 && filter.Piece == nil && filter.End == nil {
		return nil
	}
	return filter
}

// exchangeFiltered is exchange for a reply that is looked at.
func (rl *Relay) exchangeFiltered(w http.ResponseWriter, r *http.Request, id string, filter *ReplyFilter) (*http.Response, bool) {
	_ = http.NewResponseController(w).EnableFullDuplex() // see exchange
	if r.Trailer == nil {
		r.Trailer = http.Header{} // net/http fills it: see shareTrailer
	}
	body := &watchedBody{ReadCloser: r.Body}
	f := &filtered{ReadCloser: body, rl: rl, id: id, in: r.Trailer, out: http.Header{}, filter: filter}
	defer f.finish()
	if filter.Hold > 0 {
		read, whole := f.hold(r)
		if whole {
			return rl.exchangeHeld(w, r, id, read, body, filter)
		}
		rl.report(Event{Kind: NotHeld, RequestID: id})
	}
	if filter.Cuts || r.ContentLength == 0 {
		f.first()
		if cut := f.wasCut(); cut != nil && cut.Instead != nil {
			return rl.exchangeInstead(w, r, id, cut.Instead, body)
		}
	}
	resp, ok := rl.send(w, r, rl.filteredRequest(r, f), body, id)
	if ok && f.wasCut() != nil {
		drain(body)
	}
	return resp, ok
}

// filteredRequest is the upstream's copy of r with a filtered body.
func (rl *Relay) filteredRequest(r *http.Request, f *filtered) *http.Request {
	out := rl.up.request(rl.ctx, r)
	if r.ContentLength == 0 && f.cut == nil {
		return out // an empty reply stays framed as it is
	}
	out.Body, out.ContentLength, out.Trailer = f, r.ContentLength, f.out
	if f.filter != nil && f.filter.Cuts || f.cut != nil {
		out.ContentLength = -1
		for _, name := range [...]string{errorTypeTrailer, errorBodyTrailer} {
			suppress(out.Trailer, name) // declares it without a value
		}
	}
	return out
}

// exchangeHeld sends on what the filter makes of a body that was held back.
func (rl *Relay) exchangeHeld(w http.ResponseWriter, r *http.Request, id string, read []byte, src *watchedBody, filter *ReplyFilter) (*http.Response, bool) {
	other, instead := rl.callWhole(id, read, filter)
	if instead != nil {
		return rl.exchangeInstead(w, r, id, instead, src)
	}
	if other == nil {
		other = read
	}
	// An empty reply stays framed as it is.
	if len(read)+len(other) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(other))
		if r.ContentLength >= 0 {
			r.ContentLength = int64(len(other))
		}
	}
	return rl.exchange(w, r, id)
}

// exchangeInstead sends a reply of ours in the place of one that is the
// function's. The runtime hears what the service says to ours, after all of its
// own was read: clients give up on a reply to a request that they still write.
func (rl *Relay) exchangeInstead(w http.ResponseWriter, r *http.Request, id string, a *Answer, src *watchedBody) (*http.Response, bool) {
	rl.report(Event{Kind: ReplyReplaced, RequestID: id})
	resp, ok := rl.send(w, r, rl.up.answerRequest(rl.ctx, id, r.Header, a), &watchedBody{}, id)
	if ok {
		drain(src)
	}
	return resp, ok
}

// drain reads what a runtime still sends of a reply that has ended upstream. A
// function that goes on for long does so at its own expense, as when its caller
// has hung up.
func drain(body io.Reader) { _, _ = io.Copy(io.Discard, body) }

func (rl *Relay) callWhole(id string, read []byte, filter *ReplyFilter) (other []byte, instead *Answer) {
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, id, "whole", v))
			other, instead = nil, nil
		}
	}()
	if filter.Whole == nil {
		return nil, nil
	}
	return filter.Whole(read)
}
