// Package leak finds secrets in what goes out: the values of secret environment
// variables as they are and as encoders write them, credentials of AWS, and
// private keys. It decides nothing, keeps nothing of what it looks at, and never
// says what a secret is: a Match names it.
package leak

import (
	"bytes"
	"encoding/binary"
)

// Kind is a kind of secret.
type Kind uint8

// The kinds.
const (
	Variable    Kind = iota // the value of a secret variable
	Credentials             // the value of one that holds the function's AWS credentials
	KeyPair                 // an AWS access key id with its secret key
	Document                // the document in which a credential endpoint hands them out
	PrivateKey              // in PEM
)

// Match is a secret that was found.
type Match struct {
	Kind Kind
	Name string // of the variable
	Form string // how it is written, of a variable
}

// MostBytes is the length of the longest piece of text that shows a secret: of
// longer values the beginning is looked for, and what makes credentials stands
// within as much.
const MostBytes = 2 << 10

// Set is the secrets that are looked for. It is immutable.
type Set struct {
	needles []needle
	bits    [1 << gramBits / 64]uint64 // hashes of the grams
	byGram  map[uint64][]place
}

// needle is one spelling of a value.
type needle struct {
	text     string
	variable string
	form     string
	kind     Kind
}

// place is a gram of a needle.
type place struct{ needle, offset int32 }

// A needle is known by windows of eight bytes. It has a window at each of its
// first stride bytes, and one of these begins at a multiple of stride in the
// text, so that all others need not be looked at.
const (
	gram     = 8
	stride   = leastBytes - gram + 1
	gramBits = 16
)

// New takes the secrets out of an environment, as os.Environ gives it.
func New(environ []string) *Set {
	s := &Set{byGram: map[uint64][]place{}}
	for _, n := range needles(environ) {
		s.needles = append(s.needles, n)
		for o := range stride {
			g := load(n.text[o:])
			s.byGram[g] = append(s.byGram[g], place{int32(len(s.needles) - 1), int32(o)})
			h := spread(g)
			s.bits[h>>6] |= 1 << (h & 63)
		}
	}
	return s
}

// Variables returns the names of the variables that are looked for.
func (s *Set) Variables() []string {
	var names []string
	for _, n := range s.needles {
		if len(names) == 0 || names[len(names)-1] != n.variable {
			names = append(names, n.variable)
		}
	}
	return names
}

func load[T string | []byte](s T) uint64 {
	_ = s[gram-1]
	var b [gram]byte
	copy(b[:], s[:gram])
	return binary.LittleEndian.Uint64(b[:])
}

func spread(g uint64) uint64 { return g * 0x9E3779B97F4A7C15 >> (64 - gramBits) }

// Find calls found for the secrets in text. Of one in several places it may tell
// more than once.
func (s *Set) Find(text []byte, found func(Match)) {
	s.variables(text, found)
	keyPairs(text, found)
	privateKeys(text, found)
}

func (s *Set) variables(text []byte, found func(Match)) {
	if len(s.needles) == 0 {
		return
	}
	for i := 0; i+gram <= len(text); i += stride {
		g := binary.LittleEndian.Uint64(text[i:])
		if h := spread(g); s.bits[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, p := range s.byGram[g] {
			n, at := &s.needles[p.needle], i-int(p.offset)
			if at < 0 || !bytes.HasPrefix(text[at:], []byte(n.text)) || n.variable == sessionToken && signed(text[:at]) {
				continue
			}
			found(Match{Kind: n.kind, Name: n.variable, Form: n.form})
		}
	}
}

// signed reports whether what follows is the session token of a signed request: a
// pre-signed URL or the fields of a pre-signed form hold it, so that whoever gets
// them may do one thing with the function's credentials.
func signed(before []byte) bool {
	const nearby = 48
	return bytes.Contains(bytes.ToLower(before[max(0, len(before)-nearby):]), []byte("x-amz-security-token"))
}
