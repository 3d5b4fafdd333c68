package leak

import "bytes"

// An access key id and the length of what belongs to it (AWS, "IAM identifiers":
// AKIA for users, ASIA for temporary credentials).
const (
	idBytes     = 20
	secretBytes = 40
	nearby      = 512 // bytes between the two
)

// keyPairs looks for access key ids with a secret key beside them. An id alone is
// no secret: every pre-signed URL has one.
func keyPairs(text []byte, found func(Match)) {
	for _, prefix := range [...]string{"AKIA", "ASIA"} {
		for at := 0; ; at++ {
			i := bytes.Index(text[at:], []byte(prefix))
			if i < 0 {
				break
			}
			at += i
			if !keyID(text, at) {
				continue
			}
			from, to := max(0, at-nearby), min(len(text), at+idBytes+nearby)
			if !hasSecretKey(text, from, to) {
				continue
			}
			around := text[from:to]
			kind := KeyPair
			// What the endpoints of a function, a container and an instance answer with.
			if bytes.Contains(around, []byte(`SecretAccessKey`)) && bytes.Contains(around, []byte(`"Token`)) {
				kind = Document
			}
			found(Match{Kind: kind})
		}
	}
}

// keyID reports whether an access key id begins at i, one that is not an example
// in documentation.
func keyID(text []byte, i int) bool {
	if i+idBytes > len(text) || i > 0 && keyByte(text[i-1]) || i+idBytes < len(text) && keyByte(text[i+idBytes]) {
		return false
	}
	for _, c := range text[i : i+idBytes] {
		if !('A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return !bytes.Contains(text[i:i+idBytes], []byte("EXAMPLE")) && random(text[i+4:i+idBytes])
}

// hasSecretKey reports whether a part of a text has a word that is a secret key: as long as
// one, between what ends a word, and of capitals, small letters and digits at
// random. A hash in hexadecimal has no capitals or no small letters.
func hasSecretKey(text []byte, from, to int) bool {
	for from > 0 && keyByte(text[from-1]) {
		from--
	}
	for i := from; i < to; i++ {
		start := i
		for i < len(text) && keyByte(text[i]) {
			i++
		}
		if i-start == secretBytes && (start == 0 || ends(text[start-1])) && (i == len(text) || ends(text[i])) && secretLike(text[start:i]) {
			return true
		}
	}
	return false
}

func secretLike(word []byte) bool {
	const leastDistinct = 18
	var seen [256]bool
	distinct, small, capital, digit := 0, 0, 0, 0
	for _, c := range word {
		if !seen[c] {
			seen[c] = true
			distinct++
		}
		switch {
		case 'a' <= c && c <= 'z':
			small++
		case 'A' <= c && c <= 'Z':
			capital++
		case '0' <= c && c <= '9':
			digit++
		}
	}
	return distinct >= leastDistinct && small >= 4 && capital >= 4 && digit >= 1 && !bytes.Contains(word, []byte("EXAMPLE"))
}

func keyByte(c byte) bool {
	return c == '+' || c == '/' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// ends reports whether a byte stands before or behind a word in JSON, XML, an
// environment or a file of settings. A percent sign does not: between escapes of
// a token there are words of any length.
func ends(c byte) bool { return bytes.IndexByte([]byte("\"'`=:,;<>&|\\ \t\r\n[](){}\x00"), c) >= 0 }
