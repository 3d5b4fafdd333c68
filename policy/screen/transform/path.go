package transform

import "strings"

// appendPath cleans a path as filepath.Clean does on Unix, but keeps a
// trailing slash and makes nothing of "." and of nothing.
func appendPath(dst []byte, s string) ([]byte, bool) {
	if s == "" {
		return dst, false
	}
	start := len(dst)
	dst = appendClean(dst, s)
	if len(dst) == start {
		return dst, true
	}
	if s[len(s)-1] == '/' {
		dst = append(dst, '/')
	}
	return dst, string(dst[start:]) != s
}

// appendClean appends the shortest name of the same path, nothing for ".".
func appendClean(dst []byte, s string) []byte {
	start := len(dst)
	rooted := s[0] == '/'
	if rooted {
		dst = append(dst, '/')
	}
	floor := len(dst) // behind the root, or behind the leading ".." elements
	for s != "" {
		var elem string
		elem, s, _ = strings.Cut(s, "/")
		switch {
		case elem == "" || elem == ".":
			continue
		case elem == ".." && len(dst) > floor:
			for len(dst) > floor && dst[len(dst)-1] != '/' {
				dst = dst[:len(dst)-1]
			}
			if len(dst) > floor {
				dst = dst[:len(dst)-1]
			}
			continue
		case elem == ".." && rooted:
			continue
		}
		if len(dst) > start && dst[len(dst)-1] != '/' {
			dst = append(dst, '/')
		}
		dst = append(dst, elem...)
		if elem == ".." {
			floor = len(dst)
		}
	}
	return dst
}

// appendPathWin cleans a path as Windows would open it: either slash, no
// alternate data stream on the last element, no trailing dots and spaces.
func appendPathWin(dst []byte, s string) ([]byte, bool) {
	if s == "" {
		return dst, false
	}
	start := len(dst)
	if strings.IndexByte(s, '\\') >= 0 {
		dst = appendSlashes(dst, s)
		turned := len(dst)
		dst, _ = appendPath(dst, string(dst[start:]))
		dst = append(dst[:start], dst[turned:]...)
	} else {
		dst, _ = appendPath(dst, s)
	}
	dst = cutStream(dst, start)
	dst = trimElements(dst, start)
	return dst, string(dst[start:]) != s
}

func appendSlashes(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '\\' {
			c = '/'
		}
		dst = append(dst, c)
	}
	return dst
}

// cutStream drops what follows the first colon of the last element of
// dst[start:], a drive letter aside.
func cutStream(dst []byte, start int) []byte {
	from := start
	if len(dst) >= start+2 && dst[start+1] == ':' && ('a' <= dst[start]|0x20 && dst[start]|0x20 <= 'z') {
		from += 2
	}
	end := len(dst)
	slash := end > from && dst[end-1] == '/'
	if slash {
		end--
	}
	last := end
	for last > from && dst[last-1] != '/' {
		last--
	}
	for i := last; i < end; i++ {
		if dst[i] == ':' {
			dst = dst[:i]
			if slash {
				dst = append(dst, '/')
			}
			return dst
		}
	}
	return dst
}

// trimElements strips trailing dots and spaces from each element of
// dst[start:] in place. Elements of dots alone stay, those of which nothing is
// left go.
func trimElements(dst []byte, start int) []byte {
	if !trimmable(dst[start:]) {
		return dst
	}
	w, wrote := start, false
	for from := start; from <= len(dst); {
		end := from
		for end < len(dst) && dst[end] != '/' {
			end++
		}
		elem := dst[from:end]
		from = end + 1
		if !allDots(elem) {
			for len(elem) > 0 && (elem[len(elem)-1] == '.' || elem[len(elem)-1] == ' ') {
				elem = elem[:len(elem)-1]
			}
			if len(elem) == 0 {
				continue
			}
		}
		if wrote {
			dst[w] = '/'
			w++
		}
		w += copy(dst[w:], elem)
		wrote = true
	}
	return dst[:w]
}

// trimmable reports whether an element ends in a dot or a space and is not of dots alone.
func trimmable(path []byte) bool {
	from := 0
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		if elem := path[from:i]; !allDots(elem) {
			if c := elem[len(elem)-1]; c == '.' || c == ' ' {
				return true
			}
		}
		from = i + 1
	}
	return false
}

func allDots(elem []byte) bool {
	for _, c := range elem {
		if c != '.' {
			return false
		}
	}
	return true
}
