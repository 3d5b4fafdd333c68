package event

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"strings"
	"sync"
)

// inflater undoes deflate for bytes that may well be something else. It keeps
// its reader: a hundred thousand tries must not cost as many windows.
type inflater struct {
	reader io.ReadCloser
	buf    bytes.Buffer
}

// inflaters are kept between events: most events hold some token that could be
// deflate, and a window of 32 KB for each event would be most of what decoding
// allocates.
var inflaters = sync.Pool{New: func() any { return new(inflater) }}

// mostKept bounds the output buffer that goes back to the pool.
const mostKept = 64 << 10

// opener returns the event's inflater.
func (d *decoder) opener() *inflater {
	if d.inflater == nil {
		d.inflater = inflaters.Get().(*inflater)
	}
	return d.inflater
}

// release gives the inflater back.
func (d *decoder) release() {
	if d.inflater != nil && d.inflater.buf.Cap() <= mostKept {
		inflaters.Put(d.inflater)
	}
}

// probe is how much of a stream must look like text for the rest to be read.
const probe = 512

// raw inflates a bare deflate stream (RFC 1951), giving at most limit+1 bytes.
func (f *inflater) raw(val string, limit int) (string, error) {
	src := strings.NewReader(val)
	if f.reader == nil {
		f.reader = flate.NewReader(src)
	} else if err := f.reader.(flate.Resetter).Reset(src, nil); err != nil {
		return "", err
	}
	f.buf.Reset()
	n, err := io.CopyN(&f.buf, f.reader, int64(min(probe, limit+1)))
	if err == nil && plainHead(f.buf.String()) {
		var more int64
		more, err = io.Copy(&f.buf, io.LimitReader(f.reader, int64(limit)+1-n))
		n += more
	} else if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil && n <= int64(limit) && src.Len() > 8 {
		err = io.ErrNoProgress // a stream that ends early is something else
	}
	return f.buf.String(), err
}

// zlib inflates a stream with zlib's head (RFC 1950). Its checksum is not
// looked at: readers differ in whether they do.
func (f *inflater) zlib(val string, limit int) (string, error) {
	return f.raw(val[2:], limit)
}
