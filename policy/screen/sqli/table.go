package sqli

import (
	_ "embed" // tables.bin
	"strings"
)

// tables holds the words and the fingerprints of attacks, each with its kind,
// in buckets by the FNV-1a hash of the text: first where each bucket begins and
// the last one ends, 32 bits each, then the entries, which are a length, the text and
// its letter. Fingerprints have a zero before them, as in the library.
//
//go:generate go run ./gen
//go:embed tables.bin
var tables string

const (
	longest = maxText + 1
	buckets = 1 << 12
)

// lookup returns what a word means, none if nothing.
func lookup(word string) kind {
	if word == "" || len(word) > longest {
		return none
	}
	var buf [longest]byte
	k, _ := find(buf[:copy(buf[:], word)])
	return k
}

// find is lookup for a buffer. It returns the word, too, if it means something:
// in capitals, which change nothing for what looks at it, unless they change
// its length.
func find(word []byte) (kind, string) {
	var upper [longest]byte
	for i, c := range word {
		switch {
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case c >= 0x80: // ı and ſ have capitals in ASCII
			return findUnicode(string(word))
		}
		upper[i] = c
	}
	return search(upper[:len(word)])
}

func findUnicode(word string) (kind, string) {
	upper := strings.ToUpper(word)
	if len(upper) > longest {
		return none, ""
	}
	k, _ := search([]byte(upper))
	return k, word
}

// known reports whether tokens have the fingerprint of an attack.
func known(tokens []token) bool {
	var b [most + 1]byte
	b[0] = '0'
	for i := range tokens {
		c := letters[tokens[i].kind]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		b[i+1] = c
	}
	k, _ := search(b[:len(tokens)+1])
	return k == attack
}

// search looks for an entry and returns its kind and text.
func search(entry []byte) (kind, string) {
	hash := uint32(2166136261)
	for _, c := range entry {
		hash = (hash ^ uint32(c)) * 16777619
	}
	bucket := int(hash % buckets)
	for rest := tables[begin(bucket):begin(bucket+1)]; rest != ""; {
		n := int(rest[0]) + 1
		if rest[1:n] == string(entry) {
			return kindOf(rest[n]), rest[1:n]
		}
		rest = rest[n+1:]
	}
	return none, ""
}

// begin is where a bucket begins.
func begin(bucket int) int {
	b := tables[4*bucket : 4*bucket+4]
	return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 | int(b[3])<<24
}

func kindOf(letter byte) kind { return kind(strings.IndexByte(letters, letter)) }
