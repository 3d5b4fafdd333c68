package event

import "strings"

// maxSegments bounds the segments of a path that are leaves of their own. A
// route has ten; what is behind is seen in the rest of the path.
const maxSegments = 32

// segmentLeaves hands out the segments of a path that hold more than a name:
// they are where a route's parameters and an upload's name stand, and a rule
// about values sees nothing in /users/1' or 1=1 as a whole. What they hold may
// have slashes of its own, so the rest of the path, from the first of them on,
// is one more.
func (d *decoder) segmentLeaves(path string, add func(text string)) {
	if plainPath(path) {
		return
	}
	rest, left := "", maxSegments
	for off := 0; off < len(path) && left > 0; left-- {
		seg, _, _ := strings.Cut(path[off:], "/")
		switch {
		case seg == "" && off > 0 && rest == "":
			rest = path[off:] // behind one slash a second one: an absolute path
		case seg == ".." || !plainPath(seg):
			if rest == "" {
				rest = path[off:]
			}
			if seg != rest && seg != ".." {
				d.segment(seg, add)
			}
		}
		off += len(seg) + 1
	}
	if rest != "" && rest != path {
		d.segment(rest, add)
	}
}

func (d *decoder) segment(text string, add func(text string)) {
	if d.spend(len(text)) && d.room() {
		add(text)
	}
}

// plainPath reports whether a path is made of what names are made of, without
// steps upwards and empty names.
func plainPath(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !alnum(c) && strings.IndexByte("/-_.~", c) < 0 {
			return false
		}
	}
	return !strings.Contains(s, "..") && !strings.Contains(s, "//")
}
