package event

import (
	"encoding/base64"
	"slices"
	"strings"
)

// base64Readings decodes a text that stands where base64 has to. Services write
// clean base64, of which there is one reading. Whoever invokes the function
// directly may write anything, and then each decoder's reading is one, and so is
// what stands between padding.
func base64Readings(s string) (readings []string, clean bool) {
	if out, err := base64.StdEncoding.DecodeString(s); err == nil {
		return []string{string(out)}, true
	}
	add := func(out string) {
		if out != "" && !slices.Contains(readings, out) {
			readings = append(readings, out)
		}
	}
	for _, how := range leniences {
		add(how.decode(s))
	}
	for part := range strings.SplitSeq(s, "=") {
		if len(readings) >= 8 {
			break
		}
		add(leniences[0].decode(part))
	}
	return readings, strings.IndexFunc(strings.TrimRight(s, "="), foreign) < 0
}

// lenience is how a decoder treats what is not base64. All of them skip white
// space and junk.
type lenience struct {
	both bool // takes the URL alphabet as well; otherwise that is junk
	stop bool // ends where padding completes a group; otherwise that is junk too
}

// leniences are the ways of Node's Buffer.from, Python's b64decode, its
// urlsafe_b64decode, and of those that read one alphabet and all of the text.
var leniences = [...]lenience{{both: true}, {stop: true}, {both: true, stop: true}, {}}

// The values of sextets above 63: of the URL alphabet, and of what is in none.
const (
	urlSextet = 0x40
	noSextet  = 0xff
)

// sextets holds the value of each letter of both alphabets.
var sextets = func() (t [256]byte) {
	for i := range t {
		t[i] = noSextet
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = byte(i)
	}
	t['-'], t['_'] = urlSextet|62, urlSextet|63
	return t
}()

// decode reads all of a text.
func (how lenience) decode(s string) string {
	out := make([]byte, 0, len(s)/4*3+3)
	how.each(s, func(b byte) bool { out = append(out, b); return true })
	return string(out)
}

// each gives the bytes that s decodes to, until fn returns false. Those of a last
// group that is not complete are given as well: handlers add the padding.
func (how lenience) each(s string, fn func(b byte) bool) {
	var group uint32
	n, pads := 0, 0
	for i := 0; i < len(s); i++ {
		v := sextets[s[i]]
		if v >= urlSextet {
			if how.stop && s[i] == '=' && n >= 2 {
				if pads++; n+pads >= 4 {
					break
				}
			}
			if v == noSextet || !how.both {
				continue
			}
		}
		group, pads = group<<6|uint32(v&0x3f), 0
		if n++; n < 4 {
			continue
		}
		if !fn(byte(group>>16)) || !fn(byte(group>>8)) || !fn(byte(group)) {
			return
		}
		group, n = 0, 0
	}
	switch n {
	case 2:
		fn(byte(group >> 4))
	case 3:
		_ = fn(byte(group>>10)) && fn(byte(group>>2))
	}
}

// startsText reports whether s could decode to text, by its first bytes. Of
// English words, read as base64, the first byte or the second is none.
func (how lenience) startsText(s string) bool {
	ok, rest, n := true, 0, 0
	how.each(s, func(b byte) bool {
		n++
		switch {
		case rest > 0:
			ok = b&0xc0 == 0x80
			rest--
		case b < 0x80:
			ok = printable(b)
		case b >= 0xc2 && b <= 0xf4:
			rest = 1
			if b >= 0xe0 {
				rest = 2
			}
			if b >= 0xf0 {
				rest = 3
			}
		default:
			ok = false
		}
		return ok && n < 24
	})
	return ok && n >= minBase64/4*3
}

// foreign reports whether a character is neither of the alphabets nor white
// space.
func foreign(r rune) bool {
	return r >= 0x80 || !alnum(byte(r)) && strings.IndexByte("+/-_ \t\r\n", byte(r)) < 0
}
