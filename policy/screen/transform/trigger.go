package transform

// Bytes is a set of bytes.
type Bytes [4]uint64

// Has reports whether b is in the set.
func (m *Bytes) Has(b byte) bool { return m[b>>6]&(1<<(b&63)) != 0 }

// Add puts the bytes of s into the set.
func (m *Bytes) Add(s string) {
	for i := 0; i < len(s); i++ {
		m[s[i]>>6] |= 1 << (s[i] & 63)
	}
}

// AddRange puts first to last, both included, into the set.
func (m *Bytes) AddRange(first, last byte) {
	for b := int(first); b <= int(last); b++ {
		m[b>>6] |= 1 << (b & 63)
	}
}

// Meets reports whether the sets have a byte in common.
func (m *Bytes) Meets(o *Bytes) bool {
	return m[0]&o[0]|m[1]&o[1]|m[2]&o[2]|m[3]&o[3] != 0
}

// Join adds o to the set.
func (m *Bytes) Join(o *Bytes) {
	for i := range m {
		m[i] |= o[i]
	}
}

// Empty reports whether the set has no byte.
func (m *Bytes) Empty() bool { return m[0]|m[1]|m[2]|m[3] == 0 }

const spaces = " \t\n\r\f\v"

// Trigger returns the bytes without which a value passes unchanged.
func (k Kind) Trigger() Bytes {
	var m Bytes
	switch k {
	case CmdLine:
		m.Add("\"'\\^,; \t\r\n")
		m.AddRange('A', 'Z')
	case CompressWhitespace, RemoveWhitespace:
		m.Add(spaces)
		m.AddRange(0x80, 0xff)
	case CSSDecode, EscapeSeqDecode, JSDecode:
		m.Add(`\`)
	case HTMLEntityDecode:
		m.Add("&")
	case Lowercase:
		m.AddRange('A', 'Z')
		m.AddRange(0x80, 0xff)
	case NormalizePath:
		m.Add("/.")
	case NormalizePathWin:
		m.Add(`/.\: `)
	case RemoveComments, RemoveCommentsChar:
		m.Add("/*<-#")
	case RemoveNulls, ReplaceNulls:
		m.Add("\x00")
	case ReplaceComments:
		m.Add("/")
	case Trim, TrimLeft, TrimRight:
		m.Add(spaces)
	case URLDecode, URLDecodeUni:
		m.Add("%+")
	case UTF8ToUnicode:
		m.AddRange(0x80, 0xff)
	default:
		m.AddRange(0, 0xff)
	}
	return m
}
