package literal

import (
	"math/bits"
	"slices"
)

// Finder looks for some of the literals of a set, in long texts. If they are
// few and rare, it takes a fifth of the time of Set.Scan.
//
// A literal of five bytes or more is known by two windows of four bytes, one
// byte apart, and one of four bytes by two windows of three. One of the two
// begins at an even position of the text, and the others are not looked at.
// Shorter literals are known by a window of two bytes, at any position.
type Finder struct {
	set    *Set
	bySize [maxWindow + 1]windows
}

// windows are windows of one size.
type windows struct {
	bits   []uint64 // hashed
	shift  uint32   // makes a hash the number of a bit
	starts []uint16 // into probes, by word of bits
	probes []probe
}

// probe is a window of a literal.
type probe struct {
	key     uint32
	literal uint16
	offset  uint8
}

// loose folds letters, and more than letters: what is found is verified.
const loose = 0x20202020

// Finder returns a finder of the literals with a mark that is wanted.
func (s *Set) Finder(wanted func(mark int) bool) *Finder {
	f := &Finder{set: s}
	crowd := map[uint32]int{}
	for i := range s.Len() {
		marks := s.marks[s.markAt[i]:s.markAt[i+1]]
		if !slices.ContainsFunc(marks, func(m uint16) bool { return wanted(int(m)) }) {
			continue
		}
		word := s.text[s.starts[i]:s.starts[i+1]]
		size, second := min(len(word)-1, maxWindow), 1
		if len(word) < 4 {
			size, second = 2, 0
		}
		at := rarest(word, size, size+second, crowd)
		for o := at; o <= at+second; o++ {
			p := probe{key: folded(word[o:], size), literal: uint16(i), offset: uint8(o)}
			crowd[p.key]++
			f.bySize[size].probes = append(f.bySize[size].probes, p)
		}
	}
	for size := range f.bySize {
		f.bySize[size].index()
	}
	return f
}

// Empty reports whether there is nothing to find.
func (f *Finder) Empty() bool {
	return len(f.bySize[2].probes)+len(f.bySize[3].probes)+len(f.bySize[4].probes) == 0
}

// rarest picks, of the places where a window and its neighbour fit, the one
// least likely in benign text. It shuns windows that many literals share.
func rarest(word string, size, span int, crowd map[uint32]int) (at int) {
	least := -1.0
	for o := 0; o+span <= len(word); o++ {
		likely := float64(8 + crowd[folded(word[o:], size)])
		for _, c := range []byte(word[o : o+span]) {
			likely *= share(c)
		}
		if least < 0 || likely < least {
			at, least = o, likely
		}
	}
	return at
}

// folded loads up to four bytes, the first the lowest, as windows are compared.
func folded(s string, size int) (w uint32) {
	for i := size - 1; i >= 0; i-- {
		w = w<<8 | uint32(s[i])
	}
	return w | loose>>(8*(maxWindow-size))
}

// index makes the bitmap, with many bits to a probe.
func (ws *windows) index() {
	n := min(max(12, bits.Len(uint(64*len(ws.probes)))), 17)
	ws.shift = uint32(32 - n)
	ws.bits = make([]uint64, 1<<n/64)
	for _, p := range ws.probes {
		bit := spread(p.key) >> ws.shift
		ws.bits[bit>>6] |= 1 << (bit & 63)
	}
	slices.SortFunc(ws.probes, func(a, b probe) int {
		return int(spread(a.key)>>ws.shift) - int(spread(b.key)>>ws.shift)
	})
	next := 0
	for word := range ws.bits {
		ws.starts = append(ws.starts, uint16(next))
		for next < len(ws.probes) && int(spread(ws.probes[next].key)>>ws.shift>>6) == word {
			next++
		}
	}
	ws.starts = append(ws.starts, uint16(next))
}

// Find sets in found the marks of every literal of the finder that occurs in
// text, ASCII case ignored.
func (f *Finder) Find(text string, found []uint64) {
	for size := range f.bySize {
		if ws := &f.bySize[size]; len(ws.probes) > 0 {
			f.find(ws, size, min(2, size-1), text, found)
		}
	}
}

// find looks at windows of one size at every step-th position.
func (f *Finder) find(ws *windows, size, step int, text string, found []uint64) {
	mask, shift, bits := ^uint32(0)>>(8*(maxWindow-size)), ws.shift&31, ws.bits
	t := text
	for ; len(t) >= maxWindow; t = t[step:] {
		w := (uint32(t[0]) | uint32(t[1])<<8 | uint32(t[2])<<16 | uint32(t[3])<<24 | loose) & mask
		if bit := spread(w) >> shift; bits[bit>>6]&(1<<(bit&63)) != 0 {
			f.check(ws, w, text, len(text)-len(t), found)
		}
	}
	for ; len(t) >= size; t = t[step:] {
		f.check(ws, folded(t, size), text, len(text)-len(t), found)
	}
}

// check looks up one window.
func (f *Finder) check(ws *windows, w uint32, text string, i int, found []uint64) {
	word := spread(w) >> (ws.shift & 31) >> 6
	for _, p := range ws.probes[ws.starts[word]:ws.starts[word+1]] {
		if p.key == w {
			f.set.verify(text, i-int(p.offset), int(p.literal), found)
		}
	}
}
