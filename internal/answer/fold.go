package answer

import "unicode"

// simpleFold maps all runes that are equal up to case to the least of them.
func simpleFold(r rune) rune {
	least := r
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		least = min(least, f)
	}
	return least
}
