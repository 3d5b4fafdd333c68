package sqli

import "strings"

// repeats finds where the end of a text stood earlier in it. The library asks
// for the backslashes before a quote at the place where the rest of the text
// first occurs, which in a text that repeats itself is another place than the
// quote's, and its answer has to be ours. Searching anew for every quote is what
// makes it quadratic.
type repeats struct {
	state repeating
	// match has for every place how many bytes before it equal the text's end.
	match []int32
	// escaped has the places with an odd number of backslashes before them.
	escaped []uint64
	// blocks has the maxima of 64 entries of match, of 64 of those, and so on.
	blocks [][]int32
}

type repeating uint8

const (
	unseen repeating = iota
	unique           // the last bytes occur nowhere else
	repeated
)

// window is the end that is looked for before tables are made.
const window = 16

// odd reports whether there is an odd number of backslashes before the first
// place at or after from at which s[i:] occurs. No backslash is before from.
func (r *repeats) odd(s string, from, i int) bool {
	n := len(s) - i
	if n < window { // there are few of these
		first := strings.Index(s[from:], s[i:])
		return oddBackslashes(s[from : from+first])
	}
	if r.state == unseen {
		r.state = unique
		if strings.Contains(s[:len(s)-1], s[len(s)-window:]) {
			r.state = repeated
			r.measure(s)
		}
	}
	if r.state == unique {
		return oddBackslashes(s[from:i])
	}
	first := r.reaching(from+n, int32(n)) - n
	return r.escaped[first/64]&(1<<(first%64)) != 0
}

// measure fills the tables in linear time: match is the Z function of the text
// read from its end.
func (r *repeats) measure(s string) {
	n := len(s)
	z := make([]int32, n+1)
	z[n] = int32(n)
	at := func(k int) byte { return s[n-1-k] } // the text from its end
	// [left, right) is the match found so far that reaches farthest.
	for k, left, right := 1, 0, 0; k < n; k++ {
		m := 0
		if k < right {
			m = min(right-k, int(z[n-(k-left)]))
		}
		for k+m < n && at(m) == at(k+m) {
			m++
		}
		if k+m > right {
			left, right = k, k+m
		}
		z[n-k] = int32(m)
	}
	r.match = z
	r.escaped = make([]uint64, n/64+1)
	odd := false
	for i := range n {
		if odd {
			r.escaped[i/64] |= 1 << (i % 64)
		}
		odd = s[i] == '\\' && !odd
	}
	for row := z; len(row) > 64; {
		above := make([]int32, (len(row)+63)/64)
		for i, m := range row {
			above[i/64] = max(above[i/64], m)
		}
		r.blocks = append(r.blocks, above)
		row = above
	}
}

// reaching returns the first place at or after from with a match of at least n
// bytes. There is one: the text's end itself.
func (r *repeats) reaching(from int, n int32) int {
	row, level := r.match, -1
	for i := from; ; {
		switch {
		case i < len(row) && row[i] >= n:
			if level < 0 {
				return i
			}
			i, level = i*64, level-1
		case i%64 == 63 && level+1 < len(r.blocks):
			i, level = i/64+1, level+1
		default:
			i++
		}
		row = r.match
		if level >= 0 {
			row = r.blocks[level]
		}
	}
}
