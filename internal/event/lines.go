package event

import (
	"strconv"
	"strings"
)

// maxLines bounds the lines of an event that are opened: each is a document of
// its own, and a megabyte of empty ones would hold three hundred.
const maxLines = 20_000

// lines opens JSON Lines: each line that is a document is one, each that is not
// is a text.
func (d *decoder) lines(val string, at leafAt) bool {
	i := 0
	for rest := val; rest != ""; i++ {
		var line string
		whole := rest
		line, rest, _ = strings.Cut(rest, "\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if d.lined++; d.lined > maxLines || !d.room() || d.nodes >= d.lim.Nodes {
			d.limit("leaves")
			d.addText(whole, at)
			return true
		}
		l := at
		l.sub = join(at.sub, strconv.Itoa(i))
		if !d.nested(line, l) {
			d.addText(line, l)
		}
	}
	return true
}
