package traffic

import (
	"fmt"
	"net/url"
	"strings"
)

const formType = "application/x-www-form-urlencoded"

// placed is the message in which a line stands at a place.
func (s *section) placed(place, line string) (message, error) {
	kind, name, _ := strings.Cut(place, " ")
	m := s.request()
	m.onlyHTTP = true
	switch kind {
	case "query":
		sep := "?"
		if strings.Contains(m.target, "?") {
			sep = "&"
		}
		m.target += sep + escape(name) + "=" + escape(line)
	case "segment":
		m.target = name + "/" + url.PathEscape(line)
	case "target":
		m.target = line
	case "header":
		m.headers = append(m.headers, name+": "+line)
	case "cookie":
		m.headers = append(m.headers, "cookie: session=7c41d0a9; "+name+"="+url.PathEscape(line))
	case "form":
		m.media, m.body = formType, []byte("lang=en&"+escape(name)+"="+escape(line)+"&submit=1")
	case "field":
		m.onlyHTTP, m.media = false, "application/json"
		m.body = encode(map[string]any{"id": "4b1d9f62-7c1e-4a0b-9d53-2f80c6a1e7d4", name: line, "createdAt": "2026-04-17T08:30:00Z", "version": 3})
	case "text":
		m.onlyHTTP, m.media, m.body = false, "text/plain; charset=utf-8", []byte(line)
	default:
		return m, fmt.Errorf("unknown place %q", place)
	}
	if name == "" && kind != "target" && kind != "text" && kind != "segment" {
		return m, fmt.Errorf("place %q: want a name", place)
	}
	return m, nil
}

func escape(s string) string { return url.QueryEscape(s) }
