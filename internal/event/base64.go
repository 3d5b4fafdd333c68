package event

import (
	"encoding/base64"
	"strings"
)

// base64Readings decodes a body that a front end says is base64. Lambda's front
// ends write clean base64, of which there is one reading. Whoever invokes the
// function directly may write anything: Node takes both alphabets, skips what
// belongs to neither and reads on after padding; Python skips '-' and '_' too,
// and stops at padding. Each of these readings is one.
func base64Readings(s string) (readings []string, clean bool) {
	if out, err := base64.StdEncoding.DecodeString(s); err == nil {
		return []string{string(out)}, true
	}
	add := func(s string) {
		if len(s)%4 == 1 {
			s = s[:len(s)-1]
		}
		out, err := base64.RawStdEncoding.DecodeString(s)
		if err != nil || len(out) == 0 {
			return
		}
		for _, r := range readings {
			if r == string(out) {
				return
			}
		}
		readings = append(readings, string(out))
	}
	add(alphabet(s, true))
	add(alphabet(s, false))
	for part := range strings.SplitSeq(s, "=") {
		if len(readings) >= 8 {
			break
		}
		add(alphabet(part, true))
	}
	return readings, strings.IndexFunc(strings.TrimRight(s, "="), foreign) < 0
}

// foreign reports whether a character is neither of the alphabets nor white
// space.
func foreign(r rune) bool {
	return r >= 0x80 || !alnum(byte(r)) && strings.IndexByte("+/-_ \t\r\n", byte(r)) < 0
}

// alphabet keeps what is base64, with the URL alphabet translated or dropped.
func alphabet(s string, url bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' && url:
			return '+'
		case r == '_' && url:
			return '/'
		case r < 0x80 && (alnum(byte(r)) || r == '+' || r == '/'):
			return r
		}
		return -1
	}, s)
}
