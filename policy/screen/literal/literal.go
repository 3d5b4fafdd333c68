// Package literal finds, in one pass over a text, which of thousands of short
// literals occur in it. It knows literals by number and marks, for each one
// found, the bits its owner gave it. Tables are flat slices of integers and
// one string, so that they can be written to a file and used as read.
//
// Every literal is found by one window of two to four of its bytes, chosen to
// be rare in benign text. A bitmap of byte pairs dismisses most positions with
// one look, a bitmap of hashed windows most of the rest.
package literal

// Set is an immutable set of literals in lower case. It is safe for concurrent use.
type Set struct {
	pairs   []uint64 // 65536 bits: first two bytes of a window; then the same for windows of 2, 3 and 4 bytes alone
	windows []uint64 // windowBits bits: hash of a whole window
	buckets []uint16 // buckets+1 starts into entries, by hash
	entries []entry
	text    string   // all literals, one behind the other
	starts  []uint32 // where each begins in text, and the end of the last
	marks   []uint16 // bits to set, grouped by literal
	markAt  []uint32 // where each literal's marks begin, and the end of the last
}

// entry is one literal and where in it its window stands.
type entry struct {
	literal uint16
	offset  uint8
	size    uint8
}

const (
	pairWords   = 1 << 16 / 64
	windowBits  = 1 << 16
	bucketCount = 1 << 12
	maxWindow   = 4
)

// fold maps A-Z to a-z and leaves every other byte alone.
var fold = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if 'A' <= i && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// hash spreads a window; its size takes part, so that windows of different sizes differ.
func hash(w uint32, size int) uint32 {
	return (w*0x9E3779B1 + uint32(size)*0x85EBCA6B) * 0xC2B2AE35
}

// Len returns the number of literals.
func (s *Set) Len() int { return len(s.starts) - 1 }

// Scan sets in found the marks of every literal that occurs in text, ASCII
// case ignored, and returns the set of bytes of text.
func (s *Set) Scan(text string, found []uint64) (present [4]uint64) {
	if len(text) == 0 {
		return present
	}
	pairs := s.pairs[:pairWords]
	c := text[0]
	present[c>>6] |= 1 << (c & 63)
	pair := uint32(fold[c])
	for i := 1; i < len(text); i++ {
		c := text[i]
		present[c>>6] |= 1 << (c & 63)
		pair = pair<<8&0xff00 | uint32(fold[c])
		if pairs[pair>>6]&(1<<(pair&63)) != 0 {
			s.at(text, i-1, pair, found)
		}
	}
	return present
}

// at looks for windows that begin at i, whose first two bytes are known.
func (s *Set) at(text string, i int, pair uint32, found []uint64) {
	w := pair
	for size := 2; ; size++ {
		if s.pairs[uint32(size-1)*pairWords+pair>>6]&(1<<(pair&63)) != 0 {
			s.window(text, i, w, size, found)
		}
		if size == maxWindow || i+size >= len(text) {
			return
		}
		w = w<<8 | uint32(fold[text[i+size]])
	}
}

// window looks up one window.
func (s *Set) window(text string, i int, w uint32, size int, found []uint64) {
	h := hash(w, size)
	if bit := h >> 16; s.windows[bit>>6]&(1<<(bit&63)) == 0 {
		return
	}
	b := h >> 20
	for _, e := range s.entries[s.buckets[b]:s.buckets[b+1]] {
		if int(e.size) == size {
			s.verify(text, i-int(e.offset), int(e.literal), found)
		}
	}
}

// verify marks the literal if it stands at i.
func (s *Set) verify(text string, i, literal int, found []uint64) {
	marks := s.marks[s.markAt[literal]:s.markAt[literal+1]]
	if first := marks[0]; len(marks) == 1 && found[first>>6]&(1<<(first&63)) != 0 {
		return // long texts repeat themselves
	}
	l := s.text[s.starts[literal]:s.starts[literal+1]]
	if i < 0 || i+len(l) > len(text) {
		return
	}
	for j := 0; j < len(l); j++ {
		if fold[text[i+j]] != l[j] {
			return
		}
	}
	for _, m := range marks {
		found[m>>6] |= 1 << (m & 63)
	}
}
