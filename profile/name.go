package profile

import (
	"strings"
	"unicode/utf8"

	"github.com/merlon-security/merlon/internal/verdict"
)

// named reports whether a text looks like a name that a programmer has given.
// Anything else that stands where a name does, such as the address of a person or
// a token, is the sender's. A secret that reads like a word is not told from one.
func named(s string) bool {
	if len(s) > maxKey {
		return false
	}
	plain := strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(". :/#[]", r): // filter[status], xml:lang
			return -1
		case r >= utf8.RuneSelf && isLetter(r): // other languages have names too
			return 'a'
		}
		return r
	}, strings.TrimPrefix(s, "@"))
	if !verdict.Identifier(plain) {
		return false
	}
	for part := range strings.FieldsFuncSeq(plain, func(r rune) bool { return r == '-' || r == '_' || r == '$' }) {
		if len(part) >= longName && !readable(part) {
			return false
		}
	}
	return true
}

// longName is from what length on the parts of a name must be readable: tokens
// are that long.
const longName = 12

// readable reports whether seven in ten of the neighbouring letters of a name
// often stand beside each other in words, of which drawn ones do four in ten, and
// whether it is not cut into small pieces by capitals and digits.
func readable(s string) bool {
	pairs, usual, cuts := 0, 0, 1
	for i := 1; i < len(s); i++ {
		a, b := s[i-1]|0x20, s[i]|0x20 // small letters
		isLetters := a >= 'a' && a <= 'z' && b >= 'a' && b <= 'z'
		if !isLetters || s[i-1] >= 'a' && s[i] <= 'Z' {
			cuts++
			continue
		}
		pairs++
		if strings.IndexByte(followers[a-'a'], b) >= 0 {
			usual++
		}
	}
	return usual*10 >= pairs*7 && len(s) >= 4*cuts
}

// followers are the letters that often follow each, from a to z, in the words of
// European languages.
var followers = [26]string{
	"bcdgiklmnprstuvy", "aeilorujsy", "aehiklortuy", "adeiorsuy", "acdeilmnprstvxywfgu", "aefilortu", "aeghilnorsuy", "aeiotruy",
	"acdefglmnoprstvzk", "aeou", "eisnaort", "adeilostuy", "abeimopus", "acdegikostunf", "bcdfiklmnoprstuvwg", "aehiloprstu", "u",
	"acdegiklmnorstuvy", "acehiklmopqstuwy", "aceihlorstuwy", "abcdegilmnprst", "aeio", "aehinor", "aceipt", "aelmopst", "aeiozu",
}
