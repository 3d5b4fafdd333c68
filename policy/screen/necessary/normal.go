package necessary

import (
	"strings"

	"github.com/merlon-security/merlon/policy/screen/transform"
)

// Normal appends the normal form of s to dst.
func Normal(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c == 0xc5 && strings.HasPrefix(s[i:], "\u017f"):
			c = 's'
			i++
		case c == 0xe2 && strings.HasPrefix(s[i:], "\u212a"):
			c = 'k'
			i += 2
		}
		dst = append(dst, c)
	}
	return dst
}

// Holds evaluates the condition on a value from its definition. The scan does
// the same with tables; this is what it is tested against.
func (cond Cond) Holds(s string) bool {
	normal := string(Normal(nil, s))
	stripped := strings.Map(func(r rune) rune {
		if strings.ContainsRune(Junk, r) {
			return -1
		}
		return r
	}, normal)
	var present transform.Bytes
	present.Add(lower(s))
	present.Add(normal)
	for _, c := range cond {
		ok := c.Bytes.Meets(&present)
		for _, l := range c.Literals {
			ok = ok || strings.Contains(normal, l) || c.Stripped && strings.Contains(stripped, l)
		}
		if !ok {
			return false
		}
	}
	return true
}
