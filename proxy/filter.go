package proxy

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"sync"
)

// ReplyHead is what is known of a function's reply before its body.
type ReplyHead struct {
	Failed bool        // it goes to …/error, not …/response
	Header http.Header // as the runtime sent it; read-only
	// Length is the declared length of the body, -1 if it comes in chunks.
	Length int64
}

// ReplyFilter is what an Inspector wants of the body of one reply. The zero
// filter wants nothing. Its functions are called one after the other, never two
// at once; none may keep what it is given.
//
// A body is held back or goes by in pieces. One that is held and turns out not to
// be whole (it is longer than Hold, breaks off, or ends in an error that the
// runtime announces in its trailer) goes over to pieces: what was read of it is
// the first. A filter that holds therefore wants Piece too, unless such replies
// may pass.
type ReplyFilter struct {
	// Hold is up to how many bytes a body is held back, to be given to Whole. 0
	// holds nothing: then every piece is sent on as it comes.
	Hold int
	// Whole returns what is sent instead of a body that was held back: another
	// body with the same header, or a reply of our own; both nil leave it as it is.
	Whole func(body []byte) (other []byte, instead *Answer)
	// Piece is given the body piece by piece, as the runtime's writes arrive and
	// before each is sent on. A reply that it cuts ends before that piece.
	Piece func(p []byte) *Cut
	// End is told that a body has gone by in pieces, once for every filter with
	// which that began. It may cut what ends without an error of its own: the
	// reply then ends in the Cut's. trailer is read-only, and nil if the service did
	// not take all of the reply; err says so, or that the reply broke off.
	End func(trailer http.Header, err error) *Cut
	// Cuts is set if Piece or End may cut. A reply that can end in an error has no
	// declared length, and begins upstream with its first piece, before which all
	// of it can be replaced.
	Cuts bool
}

// Cut is how a reply ends that must not go on.
type Cut struct {
	// Instead is sent if nothing of the reply has been. Nil ends an empty one.
	Instead *Answer
	// A reply that has begun ends with these as its trailers, as a runtime
	// announces that it failed midway (AWS Lambda, "Custom runtimes: response
	// streaming"). The body is the JSON of an error.
	ErrorType string
	ErrorBody []byte
}

const (
	errorTypeTrailer = "Lambda-Runtime-Function-Error-Type"
	errorBodyTrailer = "Lambda-Runtime-Function-Error-Body"

	// mostTrailer keeps the trailers under the 4 KiB at which net/http, and with it
	// the service, takes a reply for truncated.
	mostTrailer = 3 << 10
)

// trailers are those of a reply that ends in this cut.
func (c *Cut) trailers() http.Header {
	h := http.Header{errorTypeTrailer: {c.ErrorType}}
	if body := base64.StdEncoding.EncodeToString(c.ErrorBody); len(body)+len(c.ErrorType) <= mostTrailer {
		h[errorBodyTrailer] = []string{body}
	}
	return h
}

var errNotTaken = errors.New("the service did not read the reply to its end")

// filtered is the body of a reply on its way through a filter. Reads come from
// the goroutine that writes upstream; finish comes from the handler, which may be
// done earlier.
type filtered struct {
	io.ReadCloser // the runtime's

	rl      *Relay
	id      string
	in, out http.Header // trailers, as they come and as they go
	rest    []byte      // passed by the filter, not sent yet
	ended   error       // how the runtime's body ended; nil while it goes on

	mu     sync.Mutex
	filter *ReplyFilter // nil once it has nothing more to say
	cut    *Cut
}

// Read implements io.Reader. Nothing is buffered: a piece is what one read of the
// runtime's body gives, so its cadence stays and an unread upstream stops it.
func (f *filtered) Read(p []byte) (int, error) {
	for {
		if len(f.rest) > 0 {
			n := copy(p, f.rest)
			f.rest = f.rest[n:]
			return n, nil
		}
		if f.ended != nil {
			return 0, f.ended
		}
		n, err := f.ReadCloser.Read(p)
		if n > 0 && f.look(p[:n]) {
			return 0, io.EOF
		}
		if err != nil {
			f.end(err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// Close implements io.Closer. A reply that was cut is not closed: that would read
// on, and its trailers wait for it.
func (f *filtered) Close() error {
	if f.wasCut() != nil {
		return nil
	}
	return f.ReadCloser.Close()
}

// look shows a piece to the filter and reports whether it cuts there.
func (f *filtered) look(p []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.filter == nil || f.filter.Piece == nil {
		return false
	}
	f.apply(f.guarded("piece", func() *Cut { return f.filter.Piece(p) }))
	return f.cut != nil
}

// end notes how the runtime's body ended, and passes its trailers on unless the
// filter cuts the reply in the end.
func (f *filtered) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = err
	var broke error
	if err != io.EOF {
		broke = err
	}
	cut := f.conclude(f.in, broke)
	if broke != nil {
		return // upstream it must break off too
	}
	maps.Copy(f.out, f.in)
	f.apply(cut)
}

// finish ends the filter's part when the exchange is over. It is too late for a
// cut, and the trailers may be on their way in still: net/http writes them while
// the rest of the body is read.
func (f *filtered) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conclude(nil, errNotTaken)
}

// conclude calls End if that is still due. The caller has locked.
func (f *filtered) conclude(trailer http.Header, err error) *Cut {
	filter := f.filter
	f.filter = nil
	if filter == nil || filter.End == nil {
		return nil
	}
	return f.guarded("end", func() *Cut { return filter.End(trailer, err) })
}

// apply makes the trailers of a cut the reply's. The caller has locked.
func (f *filtered) apply(cut *Cut) {
	if cut == nil {
		return
	}
	f.cut, f.filter, f.ended = cut, nil, io.EOF
	clear(f.out)
	maps.Copy(f.out, cut.trailers())
	f.rl.report(Event{Kind: ReplyCut, RequestID: f.id})
}

// guarded survives a panic of the filter, after which the reply passes: an
// Inspector that wants it refused recovers by itself.
func (f *filtered) guarded(call string, do func() *Cut) (cut *Cut) {
	defer func() {
		if v := recover(); v != nil {
			f.rl.report(panicked(InspectorPanic, f.id, call, v))
			cut, f.filter = nil, nil
		}
	}()
	return do()
}

// wasCut returns the cut that ended the reply, if one did.
func (f *filtered) wasCut() *Cut {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut
}

// hold reads a body that is to be held back, and reports whether it came whole.
// What was read of another is shown to the filter first of all.
func (f *filtered) hold(r *http.Request) (read []byte, whole bool) {
	limit := f.filter.Hold
	var buf bytes.Buffer
	if n := r.ContentLength; n > int64(limit) {
		return nil, false
	} else if n > 0 {
		buf.Grow(int(n) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(io.LimitReader(f.ReadCloser, int64(limit)+1))
	read = buf.Bytes()
	failed := f.in.Get(errorTypeTrailer) != ""
	if err == nil && len(read) <= limit && !failed {
		return read, true
	}
	f.rest = read
	if len(read) > 0 && f.look(read) {
		f.rest = nil
	}
	if f.ended == nil && (err != nil || len(read) <= limit) {
		if err == nil {
			err = io.EOF
		}
		f.end(err)
	}
	return nil, false
}

// first reads up to the first piece, or the end, so that a cut there replaces all
// of the reply.
func (f *filtered) first() {
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	if len(f.rest) > 0 || f.ended != nil {
		return
	}
	// Read notes the end of the body by itself.
	if n, _ := f.Read(buf[:]); n > 0 {
		f.rest = bytes.Clone(buf[:n])
	}
}
