package screen

import "strings"

// libinjection-go v0.3.3 takes time proportional to the length of the text for
// every escaped or doubled quote inside one SQL string: 256 KB of quotes take
// a second, 6 MB ten minutes, in Coraza as here. Such a text is not tried; it
// counts as a hit, and the result says why.
const (
	costlyLength = 16 << 10
	costlyWork   = 5 << 30 // quotes times bytes: some 50 ms
)

// costly reports whether libinjection's SQL tokenizer might take quadratic time.
func costly(s string) bool {
	if len(s) < costlyLength {
		return false
	}
	for _, quote := range []byte("'\"`") {
		if strings.Count(s, string(rune(quote)))*len(s) > costlyWork && longestQuoted(s, quote)*len(s) > costlyWork {
			return true
		}
	}
	return false
}

// longestQuoted counts the escaped and doubled quotes of the string that has most of them.
func longestQuoted(s string, quote byte) (most int) {
	n, backslashes := 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			backslashes++
			continue
		case c != quote:
		case backslashes%2 == 1:
			n++
		case i+1 < len(s) && s[i+1] == quote:
			n++
			i++
		default:
			n = 0
		}
		backslashes = 0
		most = max(most, n)
	}
	return most
}
