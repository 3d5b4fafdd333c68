package verdict

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// EvidenceMode says how much of a matched value a verdict may show.
type EvidenceMode uint8

// The evidence modes. The zero mode is redacted.
const (
	EvidenceRedacted EvidenceMode = iota // shape and attack tokens only
	EvidenceNone                         // length only
	EvidenceRaw                          // the value itself, by explicit choice
)

// Evidence is a matched value as it may be shown. Only a Redactor makes one, so
// a value cannot reach a sink without having passed here.
type Evidence struct {
	Excerpt string `json:"excerpt,omitempty"` // what stands around the match
	Bytes   int    `json:"bytes"`             // length of the whole value
	HMAC    string `json:"hmac,omitempty"`    // keyed hash, to recognise an equal value; absent without a key
}

// Redactor turns values into Evidence.
type Redactor struct {
	Mode EvidenceMode
	// Key keys the hash. Without one there is none: a bare hash of a PIN or a
	// password can be reversed by guessing.
	Key []byte
}

// excerptRunes bounds an excerpt; rawBytes bounds one shown in the clear.
const (
	excerptRunes = 40
	rawBytes     = 512
)

// Redact reduces value to what may be shown. name is the argument's own name:
// sensitive names give no excerpt at all.
func (r Redactor) Redact(name string, place Place, value string) Evidence {
	e := Evidence{Bytes: len(value)}
	if len(r.Key) > 0 {
		m := hmac.New(sha256.New, r.Key)
		m.Write([]byte(value))
		e.HMAC = hex.EncodeToString(m.Sum(nil)[:8])
	}
	switch {
	case r.Mode == EvidenceNone:
	case r.Mode == EvidenceRaw:
		e.Excerpt = clip(strings.ToValidUTF8(value, "\uFFFD"), rawBytes)
	case sensitive(name) || place == PlaceCookie && !hasMeta(value):
	default:
		e.Excerpt = shape(value)
	}
	return e
}

// sensitiveParts are parts of names under which people send secrets;
// sensitiveWords are too short for that and count only as a whole word of the
// name (a "pin" is one, "shipping" is not).
var (
	sensitiveParts = [...]string{
		"passw", "passphrase", "secret", "token", "authoriz", "apikey", "credential", "session",
		"cookie", "csrf", "xsrf", "bearer", "private", "signature", "creditcard", "cardnumber",
	}
	sensitiveWords = [...]string{
		"pwd", "pass", "auth", "key", "sid", "jwt", "card", "pan", "cvv", "cvc", "iban", "ssn", "pin", "otp", "sig",
	}
)

func sensitive(name string) bool {
	words := nameWords(name)
	joined := strings.Join(words, "")
	for _, s := range sensitiveParts {
		if strings.Contains(joined, s) {
			return true
		}
	}
	for _, w := range words {
		if slices.Contains(sensitiveWords[:], w) {
			return true
		}
	}
	return false
}

// nameWords splits api_key, apiKey, API-Key and api.key alike into lower-case
// words.
func nameWords(name string) []string {
	var words []string
	start := 0
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case !wordByte(c) || c == '_':
			words = appendWord(words, name[start:i])
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > start && name[i-1] >= 'a' && name[i-1] <= 'z':
			words = appendWord(words, name[start:i])
			start = i
		}
	}
	return appendWord(words, name[start:])
}

func appendWord(words []string, w string) []string {
	if w == "" {
		return words
	}
	return append(words, strings.ToLower(w))
}

// attackTokens are words that attacks are made of. They say nothing about a
// person, so an excerpt may show them; every other word is replaced by its
// length. The set is built on the first finding, not at start.
var attackTokens = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(tokenList) {
		set[w] = true
	}
	return set
})

func isToken(w string) bool { return attackTokens()[strings.ToLower(w)] }

// metaBytes are the bytes that give an injection away; the excerpt starts near
// the first of them.
const metaBytes = "'\"<>;|&$(){}`\\%#*=@"

func hasMeta(v string) bool { return strings.ContainsAny(v, metaBytes) || strings.Contains(v, "..") }

// shape renders value with words reduced to their class and length: punctuation
// and attack tokens stay, "hunter2" becomes a7, "4111" becomes 9(4). The
// result is printable ASCII plus '…', whatever value held.
func shape(value string) string {
	start := strings.IndexAny(value, metaBytes)
	if d := strings.Index(value, ".."); d >= 0 && (start < 0 || d < start) {
		start = d
	}
	start = wordStart(value, max(start, 0))
	var b strings.Builder
	if start > 0 {
		b.WriteString("…")
	}
	rest := value[start:]
	for n := 0; rest != ""; n++ {
		if n == excerptRunes {
			b.WriteString("…")
			break
		}
		w := wordLen(rest)
		if w == 0 {
			r, size := utf8.DecodeRuneInString(rest)
			if r < 0x20 || r >= 0x7f {
				r = '·'
			}
			b.WriteRune(r)
			rest = rest[size:]
			continue
		}
		writeWord(&b, rest[:w])
		rest = rest[w:]
	}
	return b.String()
}

func writeWord(b *strings.Builder, w string) {
	class := byte('9')
	for i := 0; i < len(w); i++ {
		if w[i] < '0' || w[i] > '9' {
			class = 'a'
		}
	}
	switch {
	case isToken(w):
		b.WriteString(w)
	case class == '9' && len(w) == 1: // 1=1 and the like; one digit is no secret
		b.WriteString(w)
	default:
		b.WriteByte(class)
		b.WriteByte('(')
		b.WriteString(strconv.Itoa(len(w)))
		b.WriteByte(')')
	}
}

// wordLen is the length of the run of letters, digits, '_' and non-ASCII bytes
// at the start of s. Non-ASCII letters are somebody's words too.
func wordLen(s string) int {
	i := 0
	for i < len(s) && wordByte(s[i]) {
		i++
	}
	return i
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// wordStart moves i back to the start of the word before it, so that the
// excerpt shows what the payload is attached to.
func wordStart(s string, i int) int {
	for i > 0 && wordByte(s[i-1]) {
		i--
	}
	return i
}

const tokenList = `select union insert update delete drop table from where and or not null like sleep benchmark waitfor delay
exec execute declare cast convert information_schema script alert img svg onerror onload javascript src href iframe body
etc passwd shadow proc self environ var task runtime opt tmp bin sh bash cat ls id whoami curl wget nc python node perl
ruby php java http https file ftp gopher ldap dict jndi localhost metadata latest meta data iam security credentials
eval require process child_process spawn system popen import os subprocess __import__ __proto__ constructor prototype
class __class__ __mro__ __subclasses__ globals builtins config request ne gt lt gte lte regex in nin exists
doctype entity xml include windows win ini boot htaccess env git aws sts s3 lambda invocation next`
