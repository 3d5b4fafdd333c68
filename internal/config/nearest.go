package config

// nearest returns the candidate fewest edits away from word, or "" if none is
// near enough to be what was meant: more than a third of the word would have to
// change. Ties go to the earlier candidate.
func nearest(word string, candidates []string) string {
	const longest = 64 // bounds the work on hostile names
	if len(word) > longest {
		return ""
	}
	best, name := len(word)/3+1, ""
	for _, c := range candidates {
		if d := distance(word, c); d < best {
			best, name = d, c
		}
	}
	return name
}

// distance counts insertions, deletions, replacements and swaps of neighbours
// (optimal string alignment) between a and b.
func distance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
