package cloudwatch

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Pull is a download into a file, one event a line, that can be broken off at
// any moment and goes on where it was. Beside the file stands one with the state,
// FILE.cursor, which is replaced after the events that it speaks of are on disk.
type Pull struct {
	Client api
	Query  Query
	File   string
	// Progress, if set, is called after each page.
	Progress func(Progress)
}

// Progress says how far a download is.
type Progress struct {
	Share  float64 // of the time asked for, 0 to 1
	Events int     // in the file
	Pages  int     // of this run
	Note   string  // what is worth saying, once
}

// cursor is the state of a download.
type cursor struct {
	Group string    `json:"group"`
	Since time.Time `json:"since"` // from which on the file holds all
	From  time.Time `json:"from"`  // where this pass begins
	Until time.Time `json:"until"`
	Token string    `json:"token,omitempty"`
	Bytes int64     `json:"bytes"` // of the file; what is behind them is of a page that was not finished
	Done  bool      `json:"done"`
}

// late is how long CloudWatch may take to show an event that it has.
const late = 10 * time.Minute

// Run downloads what is missing. A file that holds an unfinished download of the
// group is completed for the time it was begun for; a finished one is continued
// up to the end of this query.
func (p *Pull) Run(ctx context.Context) error {
	cur, err := p.resume()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(p.File, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	err = p.fetch(ctx, f, cur)
	return errors.Join(err, f.Close())
}

// resume finds out where to begin.
func (p *Pull) resume() (*cursor, error) {
	fresh := &cursor{Group: p.Query.Group, Since: p.Query.Since, From: p.Query.Since, Until: p.Query.Until}
	data, err := os.ReadFile(p.File + ".cursor")
	if errors.Is(err, os.ErrNotExist) {
		if info, err := os.Stat(p.File); err == nil && info.Size() > 0 {
			return nil, fmt.Errorf("%q is no download: there is no %q beside it; name another file", p.File, p.File+".cursor")
		}
		return fresh, nil
	}
	if err != nil {
		return nil, err
	}
	var cur cursor
	if err := json.Unmarshal(data, &cur); err != nil {
		return nil, fmt.Errorf("read %q: %w", p.File+".cursor", err)
	}
	switch {
	case cur.Group != p.Query.Group:
		return nil, fmt.Errorf("%q holds events of %q: name another file for %q", p.File, cur.Group, p.Query.Group)
	case !cur.Done:
		p.say(Progress{Note: fmt.Sprintf("going on with the download of %s to %s", cur.From.UTC().Format(time.RFC3339), cur.Until.UTC().Format(time.RFC3339))})
		return &cur, nil
	case p.Query.Since.Before(cur.Since):
		fresh.Bytes = cur.Bytes // all of it, once more; what is there is known
		return fresh, nil
	}
	return &cursor{Group: cur.Group, Since: cur.Since, From: cur.Until.Add(-late), Until: p.Query.Until, Bytes: cur.Bytes}, nil
}

func (p *Pull) say(x Progress) {
	if p.Progress != nil {
		p.Progress(x)
	}
}

// fetch appends pages until there are no more.
func (p *Pull) fetch(ctx context.Context, f *os.File, cur *cursor) error {
	if err := f.Truncate(cur.Bytes); err != nil {
		return err
	}
	known, err := ids(f)
	if err != nil {
		return err
	}
	q := Query{Group: cur.Group, Since: cur.From, Until: cur.Until}
	if !q.Since.Before(q.Until) {
		cur.Done = true
		return p.keep(cur)
	}
	last := q.Since.UnixMilli() // a page may be empty
	for pages := 1; ; pages++ {
		events, next, err := page(ctx, p.Client, q, cur.Token)
		if err != nil && cur.Token != "" && expired(err) {
			// From the beginning: the order of pages is not promised, but events have ids.
			cur.Token = ""
			p.say(Progress{Note: "the place in the log group has expired; looking for what is missing from the beginning"})
			continue
		}
		if err != nil {
			return err
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		for i := range events {
			last = max(last, events[i].Time)
			if known[events[i].ID] {
				continue
			}
			known[events[i].ID] = true
			if err := enc.Encode(&events[i]); err != nil {
				return err
			}
		}
		n, err := f.WriteAt(b.Bytes(), cur.Bytes)
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			return fmt.Errorf("write %q: %w", p.File, err)
		}
		cur.Bytes += int64(n)
		cur.Token, cur.Done = next, next == ""
		if err := p.keep(cur); err != nil {
			return err
		}
		p.say(Progress{Share: share(q.Since, q.Until, last, cur.Done), Events: len(known), Pages: pages})
		if cur.Done {
			return nil
		}
	}
}

func share(since, until time.Time, ms int64, done bool) float64 {
	if done {
		return 1
	}
	return min(1, max(0, float64(time.UnixMilli(ms).Sub(since))/float64(until.Sub(since))))
}

// keep replaces the state.
func (p *Pull) keep(cur *cursor) error {
	data, err := json.Marshal(cur)
	if err != nil {
		return err
	}
	name := p.File + ".cursor"
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// ids lists the events that a file holds.
func ids(f *os.File) (map[string]bool, error) {
	known := map[string]bool{}
	in := bufio.NewReader(f)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return known, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read line %d of %q: %w", n, f.Name(), err)
		}
		var e struct {
			ID string `json:"eventId"`
		}
		if err := json.Unmarshal(line, &e); err != nil || e.ID == "" {
			return nil, fmt.Errorf("line %d of %q is no event of a download", n, f.Name())
		}
		known[e.ID] = true
	}
}
