package event

import (
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// maxCodings bounds stacked content codings: nobody compresses five times.
const maxCodings = 4

// codings splits a Content-Encoding into codings, the outermost first.
func codings(encoding string) []string {
	cs := strings.Split(strings.ToLower(encoding), ",")
	for i := range cs {
		cs[i] = strings.TrimSpace(cs[i])
	}
	slices.Reverse(cs)
	return slices.DeleteFunc(cs, func(c string) bool { return c == "" || c == "identity" })
}

func identity(encoding string) bool { return len(codings(encoding)) == 0 }

// decodable reports whether inflate undoes an encoding.
func decodable(encoding string) bool {
	for _, c := range codings(encoding) {
		switch c {
		case "gzip", "x-gzip", "deflate", "br", "zstd":
		default:
			return false
		}
	}
	return true
}

func isGzip(s string) bool { return strings.HasPrefix(s, "\x1f\x8b\x08") }

func isZstd(s string) bool { return strings.HasPrefix(s, "\x28\xb5\x2f\xfd") }

// zstdWindow bounds the memory that a frame can ask for: eight megabytes are
// what RFC 8878 wants every decoder to support.
const zstdWindow = 8 << 20

// inflate undoes a content coding within the limits. What came out of a broken
// or oversized stream is inspected, and the limit is named. A coding that is
// not known leaves the bytes as they are.
func (d *decoder) inflate(val, encoding string, at leafAt) string {
	for i, c := range codings(encoding) {
		out, ok := d.inflateOne(val, c)
		if !ok || i == maxCodings {
			d.limit("encoding")
			if out == "" {
				return val
			}
			d.opaque(val, at)
			return out
		}
		val = out
	}
	return val
}

// inflateOne undoes one coding. ok is false if the stream is broken or of
// another coding; what came out before the flaw is returned all the same.
func (d *decoder) inflateOne(val, coding string) (out string, ok bool) {
	var r io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(strings.NewReader(val))
	case "deflate":
		if r, err = zlib.NewReader(strings.NewReader(val)); err != nil {
			r, err = flate.NewReader(strings.NewReader(val)), nil
		}
	case "br":
		r = brotli.NewReader(strings.NewReader(val))
	case "zstd":
		var z *zstd.Decoder
		z, err = zstd.NewReader(strings.NewReader(val), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow))
		if err == nil {
			defer z.Close()
			r = z
		}
	default:
		return "", false
	}
	if err != nil {
		return "", false
	}
	out, err = d.readAll(r)
	return out, err == nil
}

// readAll reads what a decoder produces, within the limit. What comes before a
// flaw is returned with it.
func (d *decoder) readAll(r io.Reader) (out string, err error) {
	var b strings.Builder // its text is not copied once more
	left := d.left()
	n, err := io.Copy(&b, io.LimitReader(r, int64(left)+1))
	out = b.String()
	if n > int64(left) {
		d.limit("decoded")
		out, err = out[:left], nil
	}
	d.decoded += len(out)
	return out, err
}

// fromWide transcodes text that is plainly UTF-16 or UTF-32: with a byte order
// mark, with zeros around its first byte as JSON would have them, or with
// zeros all over. Python's json.loads takes such bytes (json.detect_encoding).
func fromWide(s string) string {
	width, big := units(s)
	switch width {
	case 2:
		return fromUTF16(s, big)
	case 4:
		u := make([]rune, len(s)/4)
		for i := range u {
			u[i] = rune(unit(s[4*i:4*i+4], big))
		}
		return strings.TrimPrefix(string(u), "\ufeff")
	}
	return s
}

func fromUTF16(s string, big bool) string { return strings.TrimPrefix(decodeUTF16(s, big), "\ufeff") }

func decodeUTF16(s string, big bool) string {
	u := make([]uint16, len(s)/2)
	for i := range u {
		u[i] = uint16(unit(s[2*i:2*i+2], big))
	}
	return string(utf16.Decode(u))
}

// wide transcodes text that fromWide takes for UTF-16 or UTF-32. Two bytes at the
// start are enough to make it so, and would hide the rest from everything but
// readers of UTF-16: if a word stands in the bytes as they are, they are a leaf
// as well.
func (d *decoder) wide(s string, at leafAt) string {
	out := fromWide(s)
	if out != s && holdsWord(s) {
		d.opaque(s, at)
	}
	return out
}

// holdsWord reports whether a run of printable bytes is longer than UTF-16 has
// them but by chance.
func holdsWord(s string) bool {
	const long = 6
	run := 0
	for i := 0; i < len(s) && run < long; i++ {
		if run++; !printable(s[i]) {
			run = 0
		}
	}
	return run == long
}

func unit(s string, big bool) (v uint32) {
	for i := range len(s) {
		if big {
			v = v<<8 | uint32(s[i])
		} else {
			v |= uint32(s[i]) << (8 * i)
		}
	}
	return v
}

// units returns the bytes per unit and their order, 0 if s is not wide text.
func units(s string) (width int, big bool) {
	if len(s) < 4 {
		return 0, false
	}
	starts := func(c byte) bool { return strings.IndexByte("{[\"-0123456789tfnNI \t\r\n", c) >= 0 }
	switch {
	case strings.HasPrefix(s, "\xff\xfe\x00\x00"):
		return 4, false
	case strings.HasPrefix(s, "\x00\x00\xfe\xff"):
		return 4, true
	case strings.HasPrefix(s, "\xff\xfe"):
		return 2, false
	case strings.HasPrefix(s, "\xfe\xff"):
		return 2, true
	case starts(s[0]) && s[1:4] == "\x00\x00\x00":
		return 4, false
	case s[:3] == "\x00\x00\x00" && starts(s[3]):
		return 4, true
	case starts(s[0]) && s[1] == 0:
		return 2, false
	case s[0] == 0 && starts(s[1]):
		return 2, true
	}
	return zeros(s)
}

// zeros finds UTF-16 by the zero bytes of ASCII text in it.
func zeros(s string) (width int, big bool) {
	if len(s)%2 != 0 || strings.IndexByte(s[:min(len(s), 64)], 0) < 0 {
		return 0, false
	}
	zero := [2]int{}
	for i := range len(s) {
		if s[i] == 0 {
			zero[i&1]++
		}
	}
	even, odd := zero[0]*5 > len(s)*2, zero[1]*5 > len(s)*2
	if even == odd {
		return 0, false
	}
	return 2, even
}
