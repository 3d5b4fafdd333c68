package transform

// Bytes is a set of bytes.
type Bytes [4]uint64

// Has reports whether b is in the set.
func (m *Bytes) Has(b byte) bool { return m[b>>6]&(1<<(b&63)) != 0 }

// Add puts the bytes of s into the set. Of a long s it notes bytes one by one:
// a change to one of four words would wait for the one before.
func (m *Bytes) Add(s string) {
	const long = 192
	if len(s) < long {
		for i := 0; i < len(s); i++ {
			m[s[i]>>6] |= 1 << (s[i] & 63)
		}
		return
	}
	var seen [256]bool
	for i := 0; i < len(s); i++ {
		seen[s[i]] = true
	}
	for b, is := range seen {
		if is {
			m[b>>6] |= 1 << (b & 63)
		}
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

// Lower returns the set with the lower case of A-Z in their place.
func (m *Bytes) Lower() Bytes {
	const upper = 0x7fffffe
	lower := *m
	lower[1] = m[1]&^upper | m[1]&upper<<32
	return lower
}

// drop takes the bytes of s out of the set.
func (m *Bytes) drop(s string) {
	for i := 0; i < len(s); i++ {
		m[s[i]>>6] &^= 1 << (s[i] & 63)
	}
}

// Without returns the set less the bytes of o.
func (m *Bytes) Without(o *Bytes) (less Bytes) {
	for i := range m {
		less[i] = m[i] &^ o[i]
	}
	return less
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

// Reach returns bytes beyond which the output has none, given those of the
// input, or that there is no telling.
func (k Kind) Reach(in *Bytes) (out Bytes, known bool) {
	out = *in
	beyondASCII := in[2]|in[3] != 0
	switch k {
	case Base64Decode, Base64DecodeExt, CSSDecode, EscapeSeqDecode, HexDecode, HTMLEntityDecode, JSDecode:
		return out, false
	case CmdLine:
		out = in.Lower()
		out.drop("\"'\\^,;\t\r\n")
		out.Add(" ")
	case CompressWhitespace:
		out.drop("\t\n\v\f\r")
		out.Add(" ")
	case Length:
		return Bytes{0x3ff << '0'}, true
	case Lowercase:
		out = in.Lower()
		if beyondASCII {
			out.Add("ik") // of U+0130 and U+212A
			out[2], out[3] = ^uint64(0), ^uint64(0)
		}
	case NormalizePathWin:
		if in.Has('\\') {
			out.drop(`\`)
			out.Add("/")
		}
	case RemoveComments:
		out.Add("\x00 ")
	case RemoveNulls:
		out.drop("\x00")
	case RemoveWhitespace:
		out.drop(" \t\n\v\f\r")
		if beyondASCII {
			out.Add("\uFFFD")
		}
	case ReplaceComments:
		out.Add(" ")
	case ReplaceNulls:
		out.drop("\x00")
		out.Add(" ")
	case URLDecode, URLDecodeUni:
		out.drop("+")
		out.Add(" ")
		return out, !in.Has('%')
	case UTF8ToUnicode:
		if beyondASCII {
			out.Add("%u0123456789abcdef")
			out[2], out[3] = 0, 0
		}
	}
	return out, true
}
