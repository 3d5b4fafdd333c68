package sample

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
)

// Benign reads the events labelled benign from a corpus: gzipped lines of
// {"label":…,"event":…}. The other engines are given what Merlon decoded, with
// the work of decoding it left out of their time: the HTTP request as the client
// sent it, or the leaves of any other event.
func Benign(path string) ([]*Event, error) {
	var out []*Event
	err := Lines(path, func(line []byte) error {
		var row struct {
			Label string          `json:"label"`
			Event json.RawMessage `json:"event"`
		}
		err := json.Unmarshal(line, &row)
		if row.Label == "benign" {
			out = append(out, FromLambda(bytes.Clone(row.Event)))
		}
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%q holds no benign event", path)
	}
	return out, err
}

// Lines calls fn with every line of a gzipped corpus. The bytes are fn's until
// it returns.
func Lines(path string, fn func(line []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read %q: %w", path, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		if err := fn(lines.Bytes()); err != nil {
			return fmt.Errorf("read %q: %w", path, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read %q: %w", path, err)
	}
	return nil
}

// FromLambda makes the other forms of a Lambda event. Of one that is no request
// they hold what Merlon decoded: every text with its name, and the names of
// containers.
func FromLambda(raw []byte) *Event {
	out := &Event{Lambda: raw}
	ev := event.Decode(raw, nil, event.DefaultLimits())
	if ev.HTTP == nil || !ev.Source.IsHTTP() {
		out.leaves(ev)
		return out
	}
	path, query, _ := strings.Cut(ev.HTTP.Target, "?")
	r := &Request{Method: ev.HTTP.Method, Path: path, Query: query, Protocol: ev.HTTP.Protocol, RemoteAddr: ev.Caller.IP}
	for _, h := range ev.HTTP.Headers {
		r.Headers = append(r.Headers, Header{strings.ToLower(h.Name), h.Value})
	}
	if ev.HTTP.HasBody {
		r.Body = []byte(ev.HTTP.Body)
	}
	out.Request = r
	return out
}

// leaves fills arguments and trees. libddwaf looks at 256 members of a
// container, so there are several.
func (e *Event) leaves(ev *event.Event) {
	tree := map[string][]string{}
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		e.Args = append(e.Args, Arg{l.Name, l.Value})
		switch {
		case !l.NameOnly:
			tree[l.Name] = append(tree[l.Name], l.Value)
		case tree[l.Name] == nil:
			tree[l.Name] = []string{}
		}
		if len(tree) == 200 || i == len(ev.Leaves)-1 {
			text, err := json.Marshal(tree)
			if err != nil {
				panic("bug: strings do not marshal: " + err.Error())
			}
			e.Documents, tree = append(e.Documents, text), map[string][]string{}
		}
	}
}
