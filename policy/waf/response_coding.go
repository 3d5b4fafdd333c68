package waf

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// unpacker undoes the content coding of a body while it comes. The decoder is a
// coroutine that hands back what it has made of the pieces so far and then
// waits for the next, so that nothing of a piece is looked at later than it must.
type unpacker struct {
	codings []string // the outermost first
	pending []byte   // of the piece at hand
	ended   bool     // no piece follows
	fault   error

	yield   func([]byte) bool
	stopped bool
	next    func() ([]byte, bool)
	stop    func()
}

// newUnpacker returns nil if a coding is not known.
func newUnpacker(encoding string) *unpacker {
	const most = 4 // nobody compresses five times
	codings := strings.Split(strings.ToLower(encoding), ",")
	for i := range codings {
		codings[i] = strings.TrimSpace(codings[i])
		if !slices.Contains([]string{"gzip", "x-gzip", "deflate", "br", "zstd", "identity", ""}, codings[i]) {
			return nil
		}
	}
	if len(codings) > most {
		return nil
	}
	slices.Reverse(codings)
	u := &unpacker{codings: codings}
	u.next, u.stop = iter.Pull(u.decode)
	return u
}

// write calls found with what a piece of the body decodes to.
func (u *unpacker) write(p []byte, found func([]byte) error) error {
	u.pending = p
	for {
		out, ok := u.next()
		if !ok || out == nil {
			return nil
		}
		if err := found(out); err != nil {
			return err
		}
	}
}

// close tells that the body has ended, and calls found with what is left of it.
func (u *unpacker) close(found func([]byte) error) error {
	u.ended = true
	defer u.stop()
	return u.write(nil, found)
}

// decode is the coroutine. It yields nil when it needs another piece.
func (u *unpacker) decode(yield func([]byte) bool) {
	u.yield = yield
	var r io.Reader = u
	for _, c := range u.codings {
		next, done, err := opened(c, r)
		if err != nil {
			u.fail(err)
			return
		}
		defer done()
		r = next
	}
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 && !u.stopped && !yield(buf[:n]) {
			return
		}
		if err != nil {
			u.fail(err)
			return
		}
	}
}

// fail notes why decoding has ended, unless the body has.
func (u *unpacker) fail(err error) {
	if !errors.Is(err, io.EOF) && !u.stopped {
		u.fault = err
	}
}

var errStopped = errors.New("the rest of the body is not looked at")

// Read implements io.Reader for the decoder: it waits for the next piece.
func (u *unpacker) Read(p []byte) (int, error) {
	for len(u.pending) == 0 {
		switch {
		case u.stopped:
			return 0, errStopped
		case u.ended:
			return 0, io.EOF
		}
		u.stopped = !u.yield(nil)
	}
	n := copy(p, u.pending)
	u.pending = u.pending[n:]
	return n, nil
}

// zstdWindow bounds the memory that a frame can ask for (RFC 8878).
const zstdWindow = 8 << 20

// opened returns a decoder, and what lets go of its memory. None of them has a
// goroutine of its own.
func opened(coding string, r io.Reader) (_ io.Reader, done func(), err error) {
	nothing := func() {}
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(r)
	case "deflate": // with the header that RFC 9110 asks for, or without, as some send it
		in := bufio.NewReader(r)
		if b, _ := in.Peek(2); len(b) == 2 && b[0]&0x0f == 8 && (int(b[0])<<8|int(b[1]))%31 == 0 {
			r, err = zlib.NewReader(in)
		} else {
			r = flate.NewReader(in)
		}
	case "br":
		r = brotli.NewReader(r)
	case "zstd":
		var z *zstd.Decoder
		if z, err = zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow)); err == nil {
			return z, z.Close, nil
		}
	}
	if err != nil {
		return nil, nothing, err
	}
	return r, nothing, nil
}
