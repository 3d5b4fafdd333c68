package event

import (
	"encoding/base64"
	"strings"
)

// transferred adds what a part is once its Content-Transfer-Encoding is undone.
func (d *decoder) transferred(body, transfer string, m media, at leafAt) {
	for _, decoded := range transferDecode(body, transfer) {
		if decoded != body && d.spend(len(decoded)) {
			d.partContent(decoded, m, at)
		}
	}
}

// transferDecode undoes a part's Content-Transfer-Encoding, in each way that
// readers have of doing it.
func transferDecode(s, transfer string) (readings []string) {
	switch {
	case strings.Contains(transfer, "base64"):
		readings, _ = base64Readings(s)
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			// What is no base64 at all Python gives back without its line ends.
			readings = append(readings, lineEnds.Replace(s))
		}
	case strings.Contains(transfer, "quoted-printable"):
		readings = []string{quotedPrintable(s)}
		if strings.Contains(s, "= ") || strings.Contains(s, "=\t") { // to Python, no line end follows
			readings = append(readings, quotedPrintable(blanks.Replace(s)))
		}
	}
	return readings
}

var lineEnds = strings.NewReplacer("\r", "", "\n", "")

// blanks keeps an equals sign before a blank from meaning anything.
var blanks = strings.NewReplacer("= ", "=3D ", "=\t", "=3D\t")

// quotedPrintable undoes that encoding (RFC 2045); an equals sign that begins no
// escape stays, as in Python.
func quotedPrintable(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '=')
		if i < 0 {
			return b.String() + s
		}
		b.WriteString(s[:i])
		s = s[i+1:]
		line := strings.TrimLeft(s, " \t")
		switch {
		case len(s) > 1 && unhex(s[0]) >= 0 && unhex(s[1]) >= 0:
			b.WriteByte(byte(unhex(s[0])<<4 | unhex(s[1])))
			s = s[2:]
		case strings.HasPrefix(line, "\r\n"):
			s = line[2:]
		case strings.HasPrefix(line, "\n"), strings.HasPrefix(line, "\r"):
			s = line[1:]
		case s != "": // at the end, it is the beginning of a line end
			b.WriteByte('=')
			s = strings.TrimPrefix(s, "=")
		}
	}
}
