// Command parity asks the frameworks that functions are written with what they
// show a handler of a request, and looks for each name and value among the
// leaves into which the event is decoded. What a framework shows and the decoder
// does not is a way around every rule. Requests are generated from a seed and
// hostile; the frameworks are the real ones, run by the two scripts beside this
// file. See docs/DEVELOPING.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/merlon-security/merlon/internal/event"
)

func main() {
	seed := flag.Uint64("seed", 1, "seed of the generated cases")
	n := flag.Int("cases", 12_000, "number of cases")
	dir := flag.String("dir", "scripts/parity", "directory of the two scripts, with node_modules installed")
	only := flag.Int("only", -1, "print all about the case of this number")
	most := flag.Int("print", 1, "gaps of each reader to print in full")
	flag.Parse()
	if err := run(*seed, *n, *dir, *only, *most); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(seed uint64, n int, dir string, only, most int) error {
	cases := generate(seed, n)
	node := make(chan error, 1)
	var js [][]shown
	go func() {
		var err error
		js, err = ask(dir, cases, "node", "handlers.mjs")
		node <- err
	}()
	py, err := ask(dir, cases, "python3", "-W", "ignore", "handlers.py")
	if nerr := <-node; nerr != nil {
		return nerr
	} else if err != nil {
		return err
	}
	t := tally{families: map[string]int{}, readers: map[string]*count{}, limits: map[string]int{}, most: most}
	for i := range cases {
		c := &cases[i]
		own := decodersGo(c.Text)
		if c.Family != "base64" {
			own = readGo(c.Family, c.Event)
		}
		all := slices.Concat(js[i], py[i], own)
		v := newView(event.Decode(c.Event, nil, event.DefaultLimits()), c.placed)
		t.add(c, v, all)
		if i == only {
			explain(c, v, all)
		}
	}
	t.print(seed)
	return t.verdict(n)
}

// families are the kinds of cases, in turn.
var families = []string{"query", "form", "multipart", "json", "cookie", "base64", "multipart", "text", "path", "base64"}

func generate(seed uint64, n int) []testcase {
	r := newRandom(seed)
	cases := make([]testcase, n)
	for i := range cases {
		c := testcase{ID: i, Family: families[i%len(families)]}
		if c.Family == "base64" {
			c.placed, c.Text, c.Event = r.base64Event()
			cases[i] = c
			continue
		}
		var q request
		switch c.Family {
		case "query":
			q = r.queryRequest()
		case "form":
			q = r.formRequest()
		case "multipart":
			q = r.multipartRequest()
		case "json":
			q = r.jsonRequest()
		case "cookie":
			q = r.cookieRequest()
		case "text":
			q = r.textRequest()
		case "path":
			q = r.pathRequest()
		}
		c.front = pick(r, frontEnds...)
		c.Event = r.envelope(c.front, q)
		cases[i] = c
	}
	return cases
}

func explain(c *testcase, v *view, all []shown) {
	fmt.Printf("case %d, %s, %s\n%s\n%q\nlimits %v\n", c.ID, c.Family, c.front, c.Event, c.Text, v.ev.Limits)
	for i := range v.ev.Leaves {
		l := &v.ev.Leaves[i]
		fmt.Printf("  leaf %s %q = %q\n", v.ev.Path(l), l.Name, l.Value)
	}
	for _, s := range all {
		fmt.Printf("  %v %s: %s %q\n", v.sees(s), s.reader, s.kind, s.text)
	}
}

// count is what came of one reader.
type count struct{ shown, unseen, limited int }

type tally struct {
	families map[string]int
	readers  map[string]*count
	limits   map[string]int
	shown    int
	gaps     int
	most     int
}

func (t *tally) add(c *testcase, v *view, all []shown) {
	t.families[c.Family]++
	for _, s := range all {
		r := t.readers[s.reader]
		if r == nil {
			r = &count{}
			t.readers[s.reader] = r
		}
		r.shown++
		t.shown++
		switch {
		case v.sees(s):
		case len(v.ev.Limits) > 0: // refused whatever else is in it
			r.limited++
			t.limits[v.ev.Limits[0]]++
		default:
			r.unseen++
			t.gaps++
			if r.unseen <= t.most {
				fmt.Printf("case %d (%s, %s): %s shows the %s %.300q\n", c.ID, c.Family, c.front, s.reader, s.kind, s.text)
			}
		}
	}
}

func (t *tally) print(seed uint64) {
	fmt.Printf("seed %d\n", seed)
	for _, f := range slices.Sorted(maps.Keys(t.families)) {
		fmt.Printf("%8d cases  %s\n", t.families[f], f)
	}
	fmt.Printf("%8s %8s %8s  shown by\n", "texts", "unseen", "limited")
	for _, name := range slices.Sorted(maps.Keys(t.readers)) {
		r := t.readers[name]
		fmt.Printf("%8d %8d %8d  %s\n", r.shown, r.unseen, r.limited, name)
	}
	fmt.Printf("%8d %8d            altogether; limits %v\n", t.shown, t.gaps, t.limits)
}

// readers are those that have to have shown something. A run in which one of them
// is silent has compared nothing with it. (cgi went with Python 3.13.)
var readers = []string{
	"qs as express has it", "qs", "qs with dots", "qs with entities", "qs with semicolons", "querystring", "URLSearchParams",
	"event.queryStringParameters", "event.multiValueQueryStringParameters", "decodeURIComponent", "event.headers", "event.cookies",
	"cookie", "cookie-parser", "http.cookies", "http.Request.Cookies", "express 5 route",
	"express 5 urlencoded extended", "express 5 urlencoded simple", "express 5 urlencoded, entities and sentinel",
	"express 4 urlencoded extended", "express 4 urlencoded simple", "querystring of the body", "URLSearchParams of the body",
	"parse_qs of the query", "parse_qs of the query, Latin-1", "parse_qs of the body", "parse_qs of the body, Latin-1",
	"url.ParseQuery", "http.Request.ParseForm", "express 5 json", "express 4 json", "JSON.parse", "json.loads of bytes",
	"json.loads of text", "encoding/json", "express 5 text", "express 4 text", "express 5 raw", "express 4 raw",
	"busboy", "busboy, UTF-8 and paths", "http.Request.ParseMultipartForm", "email, policy compat32", "email, policy default",
	"email, policy HTTP", "email, policy compat32, payload", "email, policy default, content", "email, policy HTTP, headers",
	"Buffer.from base64", "Buffer.from base64url", "atob", "b64decode", "b64decode, validated", "urlsafe_b64decode", "decodebytes",
	"a2b_base64", "Buffer.from base64 of a segment", "b64decode of a segment", "Buffer.from base64 behind a comma",
	"base64.StdEncoding", "base64.RawStdEncoding", "base64.URLEncoding", "base64.RawURLEncoding",
}

func (t *tally) verdict(n int) error {
	var faults []error
	if t.gaps > 0 {
		faults = append(faults, fmt.Errorf("%d texts that a handler is shown are no leaf", t.gaps))
	}
	for _, name := range readers {
		if r := t.readers[name]; r == nil || r.shown < n/500 {
			faults = append(faults, fmt.Errorf("%s shows %v in %d cases, want at least %d texts", name, r, n, n/500))
		}
	}
	if t.shown < 20*n {
		faults = append(faults, fmt.Errorf("%d texts of %d cases were compared, want at least %d", t.shown, n, 20*n))
	}
	limited := 0
	for _, count := range t.limits {
		limited += count
	}
	if limited*100 > t.shown {
		faults = append(faults, fmt.Errorf("%d of %d texts are excused by a limit", limited, t.shown))
	}
	if n < leastCases {
		faults = append(faults, fmt.Errorf("%d cases, want at least %d", n, leastCases))
	}
	return errors.Join(faults...)
}

// leastCases is below what a run says anything with.
const leastCases = 2000
