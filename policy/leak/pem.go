package leak

import "bytes"

// leastKey is the length of what is taken for a key and not for an ellipsis: an
// elliptic curve's is about twice that in PEM.
const leastKey = 64

// privateKeys looks for private keys in PEM that have no passphrase, with lines
// ended as text, or as JSON and environments end them.
func privateKeys(text []byte, found func(Match)) {
	mark := []byte("PRIVATE KEY-----")
	for at := 0; ; at += len(mark) {
		i := bytes.Index(text[at:], mark)
		if i < 0 {
			return
		}
		at += i
		head := text[max(0, at-len("-----BEGIN OPENSSH ")):at]
		if !bytes.Contains(head, []byte("-----BEGIN ")) || bytes.HasSuffix(head, []byte("ENCRYPTED ")) {
			continue
		}
		if body := text[at+len(mark):]; keyBytes(body) >= leastKey && !bytes.Contains(body[:min(len(body), 200)], []byte("ENCRYPTED")) {
			found(Match{Kind: PrivateKey})
		}
	}
}

// keyBytes counts the base64 at the beginning of a text, over the ends of its lines.
func keyBytes(text []byte) (n int) {
	var seen [256]bool
	distinct := 0
	for i := 0; i < len(text) && n < leastKey; i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (text[i+1] == 'n' || text[i+1] == 'r'):
			i++
		case c == '\\' && i+1 < len(text) && text[i+1] == '/':
		case c == '\n' || c == '\r' || c == ' ':
		case keyByte(c):
			n++
			if !seen[c] {
				seen[c] = true
				distinct++
			}
		default:
			return 0
		}
	}
	const leastDistinct = 16 // or it is a row of letters that stands for a key
	if distinct < leastDistinct {
		return 0
	}
	return n
}
