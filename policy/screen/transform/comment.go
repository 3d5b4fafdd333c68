package transform

import "strings"

var commentTable = newTable(func(c byte) uint16 {
	if strings.IndexByte("/*<-#", c) >= 0 {
		return special
	}
	return 0
})

// appendWithoutCommentChars drops the marks of comments and keeps what is inside.
func appendWithoutCommentChars(dst []byte, s string) (_ []byte, changed bool) {
	plain := 0 // what stands from here to i is copied in one go
	for i := 0; i < len(s); {
		if commentTable[s[i]] == 0 {
			i++
			continue
		}
		rest := s[i:]
		n := 0
		switch {
		case strings.HasPrefix(rest, "/*"), strings.HasPrefix(rest, "*/"):
			n = 2
		case strings.HasPrefix(rest, "<!--"):
			n = 4
		case strings.HasPrefix(rest, "-->"):
			n = 3
		case strings.HasPrefix(rest, "--"):
			n = 2
		case rest[0] == '#':
			n = 1
		}
		if n == 0 {
			i++
			continue
		}
		dst = append(dst, s[plain:i]...)
		changed = true
		i += n
		plain = i
	}
	return append(dst, s[plain:]...), changed
}

// appendCommentsReplaced puts one space for each C comment, an open one included.
func appendCommentsReplaced(dst []byte, s string) (_ []byte, changed bool) {
	for {
		head, rest, found := strings.Cut(s, "/*")
		dst = append(dst, head...)
		if !found {
			return dst, changed
		}
		dst = append(dst, ' ')
		changed = true
		if _, s, found = strings.Cut(rest, "*/"); !found {
			return dst, true
		}
	}
}

// appendWithoutComments drops C and HTML comments, and everything from -- or #
// on. Coraza copies the byte behind a closed comment unseen, even if it opens
// another one, and reads a NUL there at the end of the value.
func appendWithoutComments(dst []byte, s string) (_ []byte, changed bool) {
	inside := false
	for i := 0; i < len(s); {
		rest := s[i:]
		if inside {
			n := 0
			if strings.HasPrefix(rest, "*/") {
				n = 2
			} else if strings.HasPrefix(rest, "-->") {
				n = 3
			}
			if n == 0 {
				i++
				continue
			}
			inside = false
			i += n
			if i < len(s) {
				dst = append(dst, s[i])
			} else {
				dst = append(dst, 0)
			}
			i++
			continue
		}
		switch {
		case strings.HasPrefix(rest, "/*"):
			inside, changed = true, true
			i += 2
		case strings.HasPrefix(rest, "<!--"):
			inside, changed = true, true
			i += 4
		case strings.HasPrefix(rest, "--"), rest[0] == '#':
			return dst, true
		default:
			dst = append(dst, rest[0])
			i++
		}
	}
	if inside {
		dst = append(dst, ' ')
	}
	return dst, changed
}
