package literal

import (
	"fmt"
	"slices"
)

// Builder collects literals.
type Builder struct {
	index map[string]int
	words []string
	marks [][]uint16
}

// Add lets the literal, of at least two bytes, set mark where it occurs.
func (b *Builder) Add(word string, mark uint16) {
	if b.index == nil {
		b.index = map[string]int{}
	}
	i, ok := b.index[word]
	if !ok {
		i = len(b.words)
		b.index[word] = i
		b.words = append(b.words, word)
		b.marks = append(b.marks, nil)
	}
	if !slices.Contains(b.marks[i], mark) {
		b.marks[i] = append(b.marks[i], mark)
	}
}

// Build makes the set. It fails if a literal is too short or too long, or there are too many.
func (b *Builder) Build() (*Set, error) {
	if len(b.words) >= 1<<16 {
		return nil, fmt.Errorf("%d literals: want fewer than 65536", len(b.words))
	}
	s := &Set{windows: make([]uint64, windowBits/64)}
	var (
		load    = map[uint32]int{} // literals by window, so that none is crowded
		byHash  = make([][]entry, bucketCount)
		scratch []byte
	)
	for i, word := range b.words {
		if len(word) < 2 || len(word) > 255 {
			return nil, fmt.Errorf("literal %q: want 2 to 255 bytes", word)
		}
		s.starts = append(s.starts, uint32(len(scratch)))
		scratch = append(scratch, word...)
		s.markAt = append(s.markAt, uint32(len(s.marks)))
		s.marks = append(s.marks, b.marks[i]...)

		off, size := chooseWindow(word, load)
		h := hash(key(word[off:off+size]), size)
		load[h]++
		s.windows[h>>16>>6] |= 1 << (h >> 16 & 63)
		byHash[h>>20] = append(byHash[h>>20], entry{literal: uint16(i), offset: uint8(off), size: uint8(size)})
	}
	s.text = string(scratch)
	s.starts = append(s.starts, uint32(len(scratch)))
	s.markAt = append(s.markAt, uint32(len(s.marks)))
	for _, entries := range byHash {
		s.buckets = append(s.buckets, uint16(len(s.entries)))
		s.entries = append(s.entries, entries...)
	}
	s.buckets = append(s.buckets, uint16(len(s.entries)))
	s.derive()
	return s, nil
}

func key(window string) (w uint32) {
	for i := 0; i < len(window); i++ {
		w = w<<8 | uint32(window[i])
	}
	return w
}

// chooseWindow picks the rarest window whose first pair is rare too, and not already crowded.
func chooseWindow(word string, load map[uint32]int) (off, size int) {
	size = min(len(word), maxWindow)
	best := -1.0
	for o := 0; o+size <= len(word); o++ {
		pair := share(word[o]) * share(word[o+1])
		rest := 1.0
		for i := o + 2; i < o+size; i++ {
			rest *= share(word[i])
		}
		cost := pair * (0.2 + rest) * float64(1+load[hash(key(word[o:o+size]), size)])
		if best < 0 || cost < best {
			best, off = cost, o
		}
	}
	return off, size
}

// share is roughly the share of a byte in benign text, in thousandths.
func share(b byte) float64 {
	const letters = "etaoinsrhldcumfpgwybvkxjqz"
	switch {
	case b == ' ':
		return 140
	case 'a' <= b && b <= 'z':
		for i := 0; i < len(letters); i++ {
			if letters[i] == b {
				return 90 / (1 + 0.35*float64(i))
			}
		}
	case '0' <= b && b <= '9':
		return 12
	case b == '.' || b == ',' || b == '-' || b == '/' || b == '_' || b == ':':
		return 8
	}
	return 1
}
