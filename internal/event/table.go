package event

import "strings"

// cells adds the cells of a table (RFC 4180, and with other separators): what a
// quoted cell holds once its doubled quotes are undone, and what begins a cell
// and not the text. Plain words are in the text's own leaf and need none.
func (d *decoder) cells(val string, at leafAt) {
	first := strings.IndexByte(val, '\n')
	if first <= 0 || first == len(val)-1 {
		return
	}
	sep, names := tableHeader(val)
	if sep == 0 || d.deep(at) || !d.spend(len(val)) {
		return
	}
	d.layers++
	defer func() { d.layers-- }()
	column := 0
	for r := (cellReader{s: val, sep: sep}); ; {
		cell, last, ok := r.next()
		if !ok {
			return
		}
		if !plainCell(cell) {
			if !d.room() {
				return // the text as a whole is a leaf already
			}
			c := at
			if column < len(names) {
				c.name, c.sub = names[column], join(at.sub, names[column])
			}
			if !d.nested(cell, c) {
				d.addText(cell, c)
			}
		}
		if column++; last {
			column = 0
		}
	}
}

// tableHeader finds the separator with which the first two rows of a text, and a
// third if there is one, have equally many cells, and the cells of the first; 0
// if it is no table.
func tableHeader(val string) (sep byte, names []string) {
	for _, sep := range []byte{',', ';', '\t', '|'} {
		if strings.IndexByte(val[:strings.IndexByte(val, '\n')], sep) < 0 {
			continue
		}
		r := cellReader{s: val, sep: sep}
		names, same := r.row(), true
		for range 2 {
			if row := r.row(); row != nil {
				same = same && len(row) == len(names)
			}
		}
		if same && len(names) > 1 {
			return sep, names
		}
	}
	return 0, nil
}

// plainCell reports whether a cell shows all there is where it stands.
func plainCell(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; !alnum(c) && strings.IndexByte(" _.-:+", c) < 0 {
			return false
		}
	}
	return true
}

// cellReader reads the cells of a table one after the other, as tolerantly as
// Python's csv: quotes inside of a cell are letters, and a quoted cell may hold
// separators, line ends and doubled quotes.
type cellReader struct {
	s    string
	sep  byte
	done bool
}

// row returns the cells of a row; nil at the end. It reads short rows only.
func (r *cellReader) row() (cells []string) {
	for len(cells) < 1000 {
		cell, last, ok := r.next()
		if !ok {
			return cells
		}
		if cells = append(cells, cell); last {
			return cells
		}
	}
	return cells
}

// next returns a cell, and whether it is the last one of its row.
func (r *cellReader) next() (cell string, last, ok bool) {
	if r.done || r.s == "" {
		return "", false, false
	}
	if strings.HasPrefix(r.s, `"`) {
		if text, after, closed := quotedCell(r.s); closed {
			rest, last := r.end(after)
			return text + rest, last, true
		}
	}
	cell, last = r.end(0)
	return cell, last, true
}

// end reads on to the separator or line end behind i, and moves there.
func (r *cellReader) end(i int) (rest string, last bool) {
	n := strings.IndexAny(r.s[i:], string([]byte{r.sep, '\n'}))
	if n < 0 {
		rest, r.done = r.s[i:], true
		return strings.TrimSuffix(rest, "\r"), true
	}
	rest, last = r.s[i:i+n], r.s[i+n] == '\n'
	r.s = r.s[i+n+1:]
	if last {
		rest = strings.TrimSuffix(rest, "\r")
	}
	return rest, last
}

// quotedCell reads a cell in quotes and returns where it ends.
func quotedCell(s string) (text string, after int, closed bool) {
	for i := 1; ; {
		n := strings.IndexByte(s[i:], '"')
		if n < 0 {
			return "", 0, false
		}
		if i += n + 1; i == len(s) || s[i] != '"' {
			return strings.ReplaceAll(s[1:i-1], `""`, `"`), i, true
		}
		i++
	}
}
