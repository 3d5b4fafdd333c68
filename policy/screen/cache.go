package screen

import (
	"hash/maphash"
	"strings"
)

// cleanCache remembers short values no rule matched: names, header values and
// the words of enumerations come back in every transaction. A value is
// entered the second time it is seen, with the rules it was clean for, and
// found again by its full text, so that an entry can only ever stand for
// itself. It belongs to one scratch and is bounded.
type cleanCache struct {
	entries []string
	sets    []uint64 // width words per entry
	once    []uint32 // upper half of the hash of the value last seen there
}

const (
	cacheSize  = 1024 // entries, a power of two
	cacheWidth = 160  // bytes of the longest value kept: a user agent
)

func newCleanCache(width int) cleanCache {
	return cleanCache{
		entries: make([]string, cacheSize),
		sets:    make([]uint64, cacheSize*width),
		once:    make([]uint32, cacheSize),
	}
}

// knows reports whether the text is known clean for all rules of want.
func (c *cleanCache) knows(seed maphash.Seed, text string, want []uint64) (hash uint64, known bool) {
	if len(text) > cacheWidth {
		return 0, false
	}
	hash = maphash.String(seed, text)
	at := c.find(hash, text)
	if c.entries[at] != text {
		return hash, false
	}
	for i, w := range c.sets[at*len(want) : (at+1)*len(want)] {
		if want[i]&^w != 0 {
			return hash, false
		}
	}
	return hash, true
}

// find returns where the text stands, or where it would: one of four
// neighbours, a free one if there is one.
func (c *cleanCache) find(hash uint64, text string) int {
	at := int(hash&(cacheSize-1)) &^ 3
	free := -1
	for i := at; i < at+4; i++ {
		switch {
		case c.entries[i] == text:
			return i
		case c.entries[i] == "" && free < 0:
			free = i
		}
	}
	if free >= 0 {
		return free
	}
	return at + int(hash>>20&3)
}

// note enters a text that was clean for the rules of want.
func (c *cleanCache) note(hash uint64, text string, want []uint64) {
	if len(text) > cacheWidth || text == "" {
		return
	}
	at := c.find(hash, text)
	set := c.sets[at*len(want) : (at+1)*len(want)]
	if c.entries[at] == text {
		for i := range set {
			set[i] |= want[i]
		}
		return
	}
	first := int(hash & (cacheSize - 1))
	if mark := uint32(hash >> 32); c.once[first] != mark {
		c.once[first] = mark
		return
	}
	c.entries[at] = strings.Clone(text) // the transaction's memory is not ours to keep
	copy(set, want)
}
