package verdict

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	e := Evidence{Bytes: len(value), HMAC: r.Hash(value)}
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

// Hash returns the keyed hash by which an equal value can be recognised; empty
// without a key, and for an empty value.
func (r Redactor) Hash(value string) string {
	if len(r.Key) == 0 || value == "" {
		return ""
	}
	m := hmac.New(sha256.New, r.Key)
	m.Write([]byte(value))
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// Path prints a path with the keys reduced that do not look like a programmer's
// names: keys are the caller's text, and people use addresses, tokens and
// numbers as keys. A reduced key has no quotes: [a(5)@a(7).a(3)].
func (r Redactor) Path(p Path) string {
	if r.Mode == EvidenceRaw {
		return p.String()
	}
	out := slices.Clone(p)
	for i := range out {
		if s := &out[i]; !s.Array && !Identifier(s.Key) {
			s.reduced = true
			if s.Key = shape(s.Key); r.Mode == EvidenceNone {
				s.Key = "…"
			}
		}
	}
	return out.String()
}

// Identifier reports whether a key looks like the name of a field: words of some
// length, with few digits among them. 4111-1111 and zq7Kp9Xw2 are none,
// x-amz-date, utf8mb4 and address2Line are. A secret that is a lower-case word
// is not told from a name.
func Identifier(k string) bool {
	digits, words := 0, 1
	class := func(c byte) int {
		switch {
		case c >= '0' && c <= '9':
			return 1
		case c >= 'A' && c <= 'Z':
			return 2
		}
		return 0
	}
	for i := 0; i < len(k); i++ {
		c := class(k[i])
		if c == 1 {
			digits++
		}
		if i > 0 && c != class(k[i-1]) && !(c == 0 && class(k[i-1]) == 2) {
			words++
		}
	}
	return len(k) <= 40 && digits <= 4 && (words <= 2 || len(k) >= 3*words || len(k) < 8) && plainKey(strings.Trim(k, "[]"))
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

// maxVerbatim bounds the punctuation shown in a row: a password may be nothing
// else.
const maxVerbatim = 5

// shape renders value with words reduced to their class and length: punctuation
// and attack tokens stay, "hunter2" becomes a(7), "4111" becomes 9(4). The
// result is printable ASCII plus '…' and '·', whatever value held.
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
	verbatim := 0 // bytes of the value shown since the last reduced word
	for n := 0; rest != ""; n++ {
		if n == excerptRunes {
			b.WriteString("…")
			break
		}
		w := wordLen(rest)
		if w > 0 {
			verbatim = writeWord(&b, rest[:w], verbatim)
			rest = rest[w:]
			continue
		}
		switch verbatim++; {
		case verbatim > maxVerbatim+1:
		case verbatim > maxVerbatim:
			b.WriteString("…")
		case rest[0] < 0x20 || rest[0] >= 0x7f:
			b.WriteString("·")
		default:
			b.WriteByte(rest[0])
		}
		rest = rest[1:]
	}
	return b.String()
}

// writeWord writes a word, and returns how many bytes stand verbatim in a row
// after it. A token ends the row: it is part of no secret.
func writeWord(b *strings.Builder, w string, verbatim int) int {
	class := byte('9')
	for i := 0; i < len(w); i++ {
		if w[i] < '0' || w[i] > '9' {
			class = 'a'
		}
	}
	switch {
	case isToken(w):
		b.WriteString(w)
		return 0
	case class == '9' && len(w) == 1 && verbatim < maxVerbatim: // 1=1 and the like; one digit is no secret
		b.WriteString(w)
		return verbatim + 1
	default:
		b.WriteByte(class)
		b.WriteByte('(')
		b.WriteString(strconv.Itoa(len(w)))
		b.WriteByte(')')
	}
	return 0
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
