// Package literal finds, in one pass over a text, which of thousands of short
// literals occur in it. It knows literals by number and marks, for each one
// found, the bits its owner gave it. Tables are flat slices of integers and
// one string, so that they can be written to a file and used as read.
//
// Every literal is found by one window of two to four of its bytes, chosen to
// be rare in benign text. A bitmap for each size of window dismisses nearly all
// positions with three looks.
package literal

// Set is an immutable set of literals in lower case. It is safe for concurrent use.
type Set struct {
	windows []uint64 // windowBits bits: hash of a whole window
	buckets []uint16 // buckets+1 starts into entries, by hash
	entries []entry
	text    string   // all literals, one behind the other
	starts  []uint32 // where each begins in text, and the end of the last
	marks   []uint16 // bits to set, grouped by literal
	markAt  []uint32 // where each literal's marks begin, and the end of the last

	grams []uint64 // gramBits bits: windows of four bytes, see derive
	three []uint64 // 65536 bits: windows of three bytes, hashed
	two   []uint64 // 65536 bits: windows of two bytes
	keys  []uint32 // the window of each entry
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
	gramBits    = 17
	gramWords   = 1 << gramBits / 64
)

func spread(w uint32) uint32 { return w * 0x9E3779B1 }

// gram spreads a window of four bytes over the bits of grams.
func gram(w uint32) uint32 { return spread(w) >> (32 - gramBits) }

// triple spreads a window of three bytes over the bits of three.
func triple(w uint32) uint32 { return spread(w&0xffffff) >> 16 }

// derive fills the bitmaps that are not written to files.
func (s *Set) derive() {
	s.grams, s.keys = make([]uint64, gramWords), make([]uint32, len(s.entries))
	s.three, s.two = make([]uint64, pairWords), make([]uint64, pairWords)
	set := func(bits []uint64, bit uint32) { bits[bit>>6] |= 1 << (bit & 63) }
	for i, e := range s.entries {
		l := s.text[s.starts[e.literal]:s.starts[e.literal+1]]
		w := key(l[e.offset : int(e.offset)+int(e.size)])
		s.keys[i] = w
		switch e.size {
		case 4:
			set(s.grams, gram(w))
		case 3:
			set(s.three, triple(w))
		case 2:
			set(s.two, w)
		}
	}
}

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
	return (spread(w) + uint32(size)*0x85EBCA6B) * 0xC2B2AE35
}

// Len returns the number of literals.
func (s *Set) Len() int { return len(s.starts) - 1 }

// longText is the length from which noting the bytes of a text one by one is
// cheaper than keeping their bitmap up to date.
const longText = 192

// Scan sets in found the marks of every literal that occurs in text, ASCII
// case ignored, and returns the set of bytes of text.
func (s *Set) Scan(text string, found []uint64) (present [4]uint64) {
	if len(text) >= longText {
		return s.scanLong(text, found)
	}
	grams, three, two := s.grams[:gramWords], s.three[:pairWords], s.two[:pairWords]
	w := uint32(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		present[c>>6] |= 1 << (c & 63)
		w = w<<8 | uint32(fold[c])
		if g := gram(w); grams[g>>6]&(1<<(g&63)) != 0 {
			s.window(text, i-3, w, 4, found)
		}
		if g := triple(w); three[g>>6]&(1<<(g&63)) != 0 {
			s.window(text, i-2, w&0xffffff, 3, found)
		}
		if p := w & 0xffff; two[p>>6]&(1<<(p&63)) != 0 {
			s.window(text, i-1, p, 2, found)
		}
	}
	return present
}

// scanLong is Scan for long texts: a store for each byte instead of a change to
// one of four words, of which each would wait for the one before.
func (s *Set) scanLong(text string, found []uint64) (present [4]uint64) {
	var seen [256]bool
	grams, three, two := s.grams[:gramWords], s.three[:pairWords], s.two[:pairWords]
	w := uint32(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		seen[c] = true
		w = w<<8 | uint32(fold[c])
		if g := gram(w); grams[g>>6]&(1<<(g&63)) != 0 {
			s.window(text, i-3, w, 4, found)
		}
		if g := triple(w); three[g>>6]&(1<<(g&63)) != 0 {
			s.window(text, i-2, w&0xffffff, 3, found)
		}
		if p := w & 0xffff; two[p>>6]&(1<<(p&63)) != 0 {
			s.window(text, i-1, p, 2, found)
		}
	}
	for c, is := range seen {
		if is {
			present[c>>6] |= 1 << (c & 63)
		}
	}
	return present
}

// window looks up one window.
func (s *Set) window(text string, i int, w uint32, size int, found []uint64) {
	h := hash(w, size)
	if bit := h >> 16; s.windows[bit>>6]&(1<<(bit&63)) == 0 {
		return
	}
	b := h >> 20
	for j := s.buckets[b]; j < s.buckets[b+1]; j++ {
		if e := s.entries[j]; s.keys[j] == w && int(e.size) == size {
			s.verify(text, i-int(e.offset), int(e.literal), found)
		}
	}
}

// verify marks the literal if it stands at i.
func (s *Set) verify(text string, i, literal int, found []uint64) {
	marks := s.marks[s.markAt[literal]:s.markAt[literal+1]]
	if allSet(found, marks) {
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

func allSet(found []uint64, marks []uint16) bool {
	for _, m := range marks {
		if found[m>>6]&(1<<(m&63)) == 0 {
			return false
		}
	}
	return true
}
