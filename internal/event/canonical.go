package event

import "strings"

// maxDecodings bounds the layers of percent-encoding that are undone; more than
// a few are an attack or a mistake, and then the path is no known route.
const maxDecodings = 4

// CanonicalPath reduces a path to the one form under which policies know it:
// percent-encoding undone to a fixpoint, backslashes as slashes, path parameters
// (";v=1"), empty segments and "." dropped, ".." resolved. Two spellings of one
// path give the same text, so that an exception for /login is not one for
// whatever a router makes of //login/../admin.
func CanonicalPath(path string) string {
	for range maxDecodings {
		next := unescapePath(path)
		if next == path {
			break
		}
		path = next
	}
	path = strings.ReplaceAll(path, `\`, "/")
	var kept []string
	for seg := range strings.SplitSeq(path, "/") {
		seg, _, _ = strings.Cut(seg, ";")
		switch seg {
		case "", ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, seg)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// unescapePath undoes one layer of percent-encoding; a plus sign in a path is a
// plus sign.
func unescapePath(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0 {
			b.WriteByte(byte(unhex(s[i+1])<<4 | unhex(s[i+2])))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
