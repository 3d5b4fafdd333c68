package literal

import (
	"encoding/binary"
	"errors"
)

// Append appends the set in the form Read takes: the lengths of its tables, then the tables.
func (s *Set) Append(out []byte) []byte {
	for _, n := range []int{len(s.windows), len(s.buckets), len(s.entries), len(s.starts), len(s.marks), len(s.markAt), len(s.text)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(n))
	}
	for _, w := range s.windows {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	for _, w := range s.buckets {
		out = binary.LittleEndian.AppendUint16(out, w)
	}
	for _, e := range s.entries {
		out = binary.LittleEndian.AppendUint16(out, e.literal)
		out = append(out, e.offset, e.size)
	}
	for _, w := range s.starts {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	for _, w := range s.marks {
		out = binary.LittleEndian.AppendUint16(out, w)
	}
	for _, w := range s.markAt {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return append(out, s.text...)
}

var errDamaged = errors.New("literals are damaged")

// Read reads a set, which must be all of data. The set keeps a part of data.
func Read(data string) (*Set, error) {
	const counts = 7
	if len(data) < 4*counts {
		return nil, errDamaged
	}
	var n [counts]int
	size := 4 * counts
	for i, width := range [counts]int{8, 2, 4, 4, 2, 4, 1} {
		n[i] = int(u32(data[4*i:]))
		size += n[i] * width
	}
	if size != len(data) || n[0] != windowBits/64 || n[1] != bucketCount+1 || n[3] < 1 || n[3] != n[5] {
		return nil, errDamaged
	}
	s := &Set{
		windows: make([]uint64, n[0]), buckets: make([]uint16, n[1]), entries: make([]entry, n[2]),
		starts: make([]uint32, n[3]), marks: make([]uint16, n[4]), markAt: make([]uint32, n[5]),
	}
	in := data[4*counts:]
	in = readAll(in, s.windows, 8, u64)
	in = readAll(in, s.buckets, 2, u16)
	in = readAll(in, s.entries, 4, func(b string) entry { return entry{literal: u16(b), offset: b[2], size: b[3]} })
	in = readAll(in, s.starts, 4, u32)
	in = readAll(in, s.marks, 2, u16)
	s.text = readAll(in, s.markAt, 4, u32)
	if err := s.check(); err != nil {
		return nil, err
	}
	s.derive()
	return s, nil
}

func readAll[T any](in string, out []T, width int, one func(string) T) (rest string) {
	for i := range out {
		out[i] = one(in[i*width:])
	}
	return in[len(out)*width:]
}

func u16(b string) uint16 { return uint16(b[0]) | uint16(b[1])<<8 }
func u32(b string) uint32 { return uint32(u16(b)) | uint32(u16(b[2:]))<<16 }
func u64(b string) uint64 { return uint64(u32(b)) | uint64(u32(b[4:]))<<32 }

// check makes sure no table points outside another.
func (s *Set) check() error {
	literals := len(s.starts) - 1
	ok := rising(s.starts, len(s.text)) && rising(s.markAt, len(s.marks)) && rising(s.buckets, len(s.entries))
	for _, e := range s.entries {
		ok = ok && int(e.literal) < literals && e.size >= 2 && e.size <= maxWindow &&
			int(e.offset)+int(e.size) <= int(s.starts[e.literal+1]-s.starts[e.literal])
	}
	for i := 0; ok && i < literals; i++ {
		ok = s.markAt[i] < s.markAt[i+1]
	}
	if !ok {
		return errDamaged
	}
	return nil
}

// rising reports whether the numbers never fall and end at last.
func rising[T uint16 | uint32](list []T, last int) bool {
	for i := 1; i < len(list); i++ {
		if list[i] < list[i-1] {
			return false
		}
	}
	return int(list[len(list)-1]) == last
}

// Marks returns one more than the highest mark.
func (s *Set) Marks() (n int) {
	for _, m := range s.marks {
		n = max(n, int(m)+1)
	}
	return n
}
