package profile

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/plainyaml"
)

// APIVersion and Kind open every profile.
const (
	APIVersion = "merlon.dev/v1"
	Kind       = "Profile"
)

// maxFile bounds a profile; the widest API fills a tenth of it.
const maxFile = 4 << 20

// Document is a profile as it is written and reviewed.
type Document struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Metadata   Metadata `yaml:"metadata"`
	// Mode is alert or enforce; the environment may say otherwise. Absent: alert.
	Mode string `yaml:"mode"`
	// Modes are those of single dimensions: off, alert or enforce.
	Modes      map[string]string `yaml:"modes"`
	Ingress    []Trigger         `yaml:"ingress"`
	Process    Process           `yaml:"process"`
	Provenance Provenance        `yaml:"provenance"`
}

// Metadata names a profile.
type Metadata struct {
	Function string `yaml:"function"`
	Code     string `yaml:"code"`     // identity of the code it was learned from
	Version  int    `yaml:"version"`  // counts up; one that is lower than what is wanted is refused
	Source   string `yaml:"source"`   // learned, import or written
	NotAfter string `yaml:"notAfter"` // a date; absent: never
}

// Trigger is a source of events, with what it brings.
type Trigger struct {
	Trigger string   `yaml:"trigger"`
	Sources []string `yaml:"sources"` // ARNs; absent: any
	Event   []Field  `yaml:"event"`   // of an event that is not HTTP
	Routes  []Route  `yaml:"routes"`  // absent, and no event: nothing below the trigger is compared
}

// Route is a method and a path, in which a segment in braces stands for any of
// its kind, and {any} for any at all.
type Route struct {
	Route        string   `yaml:"route"`
	ContentTypes []string `yaml:"contentTypes"` // absent: any
	Query        []Field  `yaml:"query"`
	Cookies      []Field  `yaml:"cookies"`
	Body         []Field  `yaml:"body"`
	// Partial is set while the route is new, or too few sources have used it to say
	// what is normal in it: it is normal to be called, and nothing else is compared.
	Partial bool `yaml:"partial"`
}

// Field is a value at a path, and what it may look like. What is absent is not
// compared.
type Field struct {
	Path   string   `yaml:"path"`
	Type   []string `yaml:"type"`
	Length string   `yaml:"length"` // of a text in bytes: "1-64"
	Chars  []string `yaml:"chars"`
	Format string   `yaml:"format"`
	Number string   `yaml:"number"` // "-5..100", either end may be missing
	Whole  bool     `yaml:"whole"`
	Size   string   `yaml:"size"`   // of an array in elements: "0-12"
	Values []string `yaml:"values"` // nothing else
	Open   bool     `yaml:"open"`   // members and elements that are not listed are not compared

	place   Place
	types   uint64
	length  [2]int
	chars   uint64
	format  format
	size    [2]int
	low, hi string // of Number
}

// Provenance is what a learned profile rests on.
type Provenance struct {
	Samples      uint64  `yaml:"samples"`
	Environments int     `yaml:"environments"`
	First        string  `yaml:"first"`
	Last         string  `yaml:"last"`
	Unseen       float64 `yaml:"unseen"` // estimated share of elements still to come
}

// Parse reads a profile. All faults are reported together, with where they are.
func Parse(data []byte) (*Document, error) {
	if len(data) > maxFile {
		return nil, fmt.Errorf("profile has %d bytes: at most %d are read", len(data), maxFile)
	}
	if d, ok := parseCanonical(data); ok && d.check() == nil {
		return d, nil
	}
	return parseYAML(data)
}

func parseYAML(data []byte) (*Document, error) {
	if err := plainyaml.Check(data); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	var d Document
	if err := yaml.UnmarshalWithOptions(data, &d, yaml.Strict(), yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("profile: %s", strings.TrimSpace(yaml.FormatError(err, false, false)))
	}
	if err := d.check(); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return &d, nil
}

// check establishes what compile relies on.
func (d *Document) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.APIVersion != APIVersion || d.Kind != Kind {
		bad("apiVersion %q, kind %q: want %s and %s", d.APIVersion, d.Kind, APIVersion, Kind)
	}
	if d.Metadata.Version < 0 {
		bad("metadata.version: %d: want 0 or more", d.Metadata.Version)
	}
	if d.Metadata.NotAfter != "" {
		if _, err := time.Parse(time.DateOnly, d.Metadata.NotAfter); err != nil {
			bad("metadata.notAfter: %q: want a date such as 2027-03-01", d.Metadata.NotAfter)
		}
	}
	if s := d.Metadata.Source; s != "" && s != "learned" && s != "import" && s != "written" {
		bad("metadata.source: %q: want learned, import or written", s)
	}
	if d.Mode != "" && d.Mode != "alert" && d.Mode != "enforce" {
		bad("mode: %q: want alert or enforce", d.Mode)
	}
	for _, name := range sortedKeys(d.Modes) {
		if !slices.Contains(Dimensions(), Dimension(name)) {
			bad("modes: %q is no dimension: want some of %v", name, Dimensions())
		}
		if m := d.Modes[name]; m != "off" && m != "alert" && m != "enforce" {
			bad("modes.%s: %q: want off, alert or enforce", name, m)
		}
	}
	errs = append(errs, d.Process.check()...)
	triggers := map[string]bool{}
	for i := range d.Ingress {
		t := &d.Ingress[i]
		at := fmt.Sprintf("ingress[%d]", i)
		if !slices.Contains(event.Sources(), event.Source(t.Trigger)) {
			bad("%s.trigger: %q is no trigger", at, t.Trigger)
		}
		if triggers[t.Trigger] {
			bad("%s.trigger: %q stands twice", at, t.Trigger)
		}
		triggers[t.Trigger] = true
		errs = append(errs, checkFields(at+".event", groupEvent, t.Event)...)
		routes := map[string]bool{}
		for j := range t.Routes {
			r := &t.Routes[j]
			at := fmt.Sprintf("%s.routes[%d]", at, j)
			if _, err := parseRoute(r.Route); err != nil {
				bad("%s.route: %w", at, err)
			}
			if routes[r.Route] {
				bad("%s.route: %q stands twice", at, r.Route)
			}
			routes[r.Route] = true
			errs = append(errs, checkFields(at+".query", groupQuery, r.Query)...)
			errs = append(errs, checkFields(at+".cookies", groupCookie, r.Cookies)...)
			errs = append(errs, checkFields(at+".body", groupBody, r.Body)...)
		}
	}
	return errors.Join(errs...)
}

func checkFields(at, group string, fields []Field) (errs []error) {
	seen := map[string]bool{}
	for i := range fields {
		f := &fields[i]
		for _, err := range f.check(group) {
			errs = append(errs, fmt.Errorf("%s[%d].%w", at, i, err))
		}
		if seen[f.Path] {
			errs = append(errs, fmt.Errorf("%s[%d].path: %q stands twice", at, i, f.Path))
		}
		seen[f.Path] = true
	}
	return errs
}

// check reads what is written in a field.
func (f *Field) check(group string) (errs []error) {
	note := func(name string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	steps, err := parsePath(f.Path)
	note("path", err)
	f.place = append(Place{group}, steps...)
	f.types, err = namedBits(f.Type, typeNames())
	note("type", err)
	f.chars, err = namedBits(f.Chars, classNames[:])
	note("chars", err)
	f.length, err = parseRange(f.Length)
	note("length", err)
	f.size, err = parseRange(f.Size)
	note("size", err)
	f.low, f.hi, err = parseNumbers(f.Number)
	note("number", err)
	f.format = 0
	if f.Format != "" {
		i := slices.Index(formatNames[:], f.Format)
		if i <= 0 {
			note("format", fmt.Errorf("%q: want one of %s", f.Format, strings.Join(formatNames[1:], ", ")))
		}
		f.format = format(max(0, i))
	}
	return errs
}

func typeNames() []string {
	var names []string
	for t := event.String; t <= event.Array; t++ {
		names = append(names, t.String())
	}
	return names
}

// namedBits is the set of the bits of names.
func namedBits(words, names []string) (set uint64, err error) {
	for _, word := range words {
		i := slices.Index(names, word)
		if i < 0 {
			return 0, fmt.Errorf("%q: want some of %s", word, strings.Join(names, ", "))
		}
		set |= 1 << i
	}
	return set, nil
}

// bitNames is the inverse of namedBits.
func bitNames(set uint64, names []string) (words []string) {
	for i, name := range names {
		if set&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	return words
}

// noRange is the range of what may be as it will.
var noRange = [2]int{0, -1}

// parseRange reads "1-64"; empty is noRange.
func parseRange(s string) ([2]int, error) {
	if s == "" {
		return noRange, nil
	}
	from, to, ok := strings.Cut(s, "-")
	a, err1 := strconv.Atoi(from)
	b, err2 := strconv.Atoi(to)
	if !ok || err1 != nil || err2 != nil || a < 0 || b < a {
		return noRange, fmt.Errorf("%q: want two whole numbers such as 1-64", s)
	}
	return [2]int{a, b}, nil
}

// parseNumbers reads "-5..100", "0.." or "..7".
func parseNumbers(s string) (low, high string, err error) {
	if s == "" {
		return "", "", nil
	}
	low, high, ok := strings.Cut(s, "..")
	for _, end := range []string{low, high} {
		if _, _, _, is := digitsOf(end); end != "" && !is {
			ok = false
		}
	}
	if !ok || low == "" && high == "" || low != "" && high != "" && compareNumbers(low, high) > 0 {
		return "", "", fmt.Errorf("%q: want a range such as -5..100, 0.. or ..7", s)
	}
	return low, high, nil
}

// parseRoute reads "POST /orders/{int}".
func parseRoute(s string) (Place, error) {
	method, path, ok := strings.Cut(s, " ")
	if !ok || method == "" || !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("%q: want a method and a path, such as GET /orders/{int}", s)
	}
	at := Place{method}
	for step := range strings.SplitSeq(path[1:], "/") {
		if step == "{any}" {
			step = "*"
		}
		at = append(at, "/"+step)
	}
	return at, nil
}

// formatRoute is the inverse of parseRoute.
func formatRoute(at Place) string {
	var b strings.Builder
	b.WriteString(at[0] + " ")
	for _, step := range at[1:] {
		if step == "/*" {
			step = "/{any}"
		}
		b.WriteString(step)
	}
	return b.String()
}

// formatPath writes steps below a group as customer.items[].sku. Keys that hold
// anything but letters, digits, '_', '-' and '$' stand in brackets and quotes; *
// is any key. The value itself, such as a body that is a text, is ".".
func formatPath(steps Place) string {
	var b strings.Builder
	for i, step := range steps {
		key := strings.TrimPrefix(step, ".")
		switch {
		case step == "[]":
			b.WriteString("[]")
		case step == ".*" || plainKey(key):
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(key)
		default:
			b.WriteString("[" + strconv.Quote(key) + "]")
		}
	}
	if b.Len() == 0 {
		return "."
	}
	return b.String()
}

func plainKey(k string) bool {
	return k != "" && strings.Trim(k, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$") == ""
}

// parsePath is the inverse of formatPath.
func parsePath(s string) (Place, error) {
	if s == "." {
		return nil, nil
	}
	var at Place
	for rest := s; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "[]"):
			at, rest = append(at, "[]"), rest[2:]
			continue
		case strings.HasPrefix(rest, "["):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil || !strings.HasPrefix(rest[1+len(quoted):], "]") {
				return nil, fmt.Errorf("%q: want a quoted name in the brackets", s)
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%q: want a quoted name in the brackets", s)
			}
			at, rest = append(at, "."+key), rest[2+len(quoted):]
			continue
		case len(at) > 0:
			if rest[0] != '.' {
				return nil, fmt.Errorf("%q: want a dot between names", s)
			}
			rest = rest[1:]
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if key := rest[:end]; key != "*" && !plainKey(key) {
			return nil, fmt.Errorf(`%q: write a name such as %q as ["…"]`, s, key)
		}
		at, rest = append(at, "."+rest[:end]), rest[end:]
	}
	if len(at) == 0 {
		return nil, errors.New("empty: want a name, or . for the value as a whole")
	}
	return at, nil
}

// compile makes the shape of a profile; of none, an empty one.
func compile(d *Document) *shape {
	top := &shape{}
	if d == nil {
		return top
	}
	any := newAny()
	for i := range d.Ingress {
		t := &d.Ingress[i]
		trigger := top.growOwn(Place{t.Trigger})
		trigger.learn(".")
		for _, arn := range t.Sources {
			trigger.learn("@" + arn)
		}
		if len(t.Sources) == 0 {
			trigger.learn("@*")
		}
		trigger.partial = len(t.Event)+len(t.Routes) == 0
		trigger.fields(t.Event, any)
		for j := range t.Routes {
			r := &t.Routes[j]
			at, err := parseRoute(r.Route)
			if err != nil {
				continue // Parse refuses it
			}
			route := trigger.growOwn(at)
			route.learn(".")
			route.partial = r.Partial
			body := route.growOwn(Place{groupBody})
			for _, kind := range r.ContentTypes {
				body.learn("c" + kind)
			}
			if len(r.ContentTypes) == 0 {
				body.learn("c*")
			}
			route.fields(r.Query, any)
			route.fields(r.Cookies, any)
			route.fields(r.Body, any)
		}
	}
	return top
}

func (s *shape) fields(fields []Field, any *shape) {
	for i := range fields {
		f := &fields[i]
		at := s.growOwn(f.place)
		at.field, at.known = f, f.known()
	}
	for i := range fields { // after all of them have grown: nothing grows below any
		if f := &fields[i]; f.Open {
			s.growOwn(f.place).open(any)
		}
	}
}

// open lets members and elements pass of which nothing is said.
func (s *shape) open(any *shape) {
	if s.anything == nil {
		s.anything = any
	}
	if s.element == nil {
		s.element = any
	}
}

// newAny is the shape of what is not compared, nor anything below it.
func newAny() *shape {
	f := &Field{length: noRange, size: noRange}
	any := &shape{field: f, known: f.known()}
	any.anything, any.element = any, any
	return any
}

// known is everything of which a look tells that it is allowed.
func (f *Field) known() (k look) {
	const all = ^uint64(0)
	k.types, k.classes, k.formats, k.low, k.high, k.whole = all, all, all, all, all, all
	if f.types != 0 {
		k.types = f.types
	}
	if f.chars != 0 {
		k.classes = f.chars
	}
	if f.format != 0 {
		k.formats = 1 << f.format
	}
	if f.Whole {
		k.whole = 1
	}
	k.length, k.size = stepsIn(f.length), stepsIn(f.size)
	if f.Number != "" {
		k.high = f.stepsBetween(f.low, f.hi, func(end string) string { return end })
		k.low = f.stepsBetween(minus(f.hi), minus(f.low), minus)
	}
	return k
}

// stepsBetween are the steps of magnitude that lie wholly between two ends, either
// of which may be missing; sign makes a number of the field of the end of a step.
// Only the steps that hold an end need a closer look.
func (f *Field) stepsBetween(from, to string, sign func(string) string) (set uint64) {
	first, last := 0, topStep-1
	if _, high, _ := magnitude(from); from != "" && high != 0 {
		first = bits.TrailingZeros64(high)
	}
	if _, high, _ := magnitude(to); to != "" {
		last = min(last, bits.Len64(high)-1)
	}
	for step := first; step <= last; step++ {
		if step > first && step < last || f.inNumbers(sign(stepEnd(max(0, step-1)))) && f.inNumbers(sign(stepEnd(step))) {
			set |= 1 << step
		}
	}
	return set
}

// inNumbers reports whether a number is in the range.
func (f *Field) inNumbers(n string) bool {
	return (f.low == "" || compareNumbers(n, f.low) >= 0) && (f.hi == "" || compareNumbers(n, f.hi) <= 0)
}

// stepsIn are the steps of length that lie wholly in a range.
func stepsIn(r [2]int) (set uint64) {
	if r == noRange {
		return ^uint64(0)
	}
	from := 0
	for step, to := range lengthSteps {
		if from >= r[0] && to <= r[1] && step < len(lengthSteps)-1 {
			set |= 1 << step
		}
		from = to + 1
	}
	return set
}

// rangeOf are the lengths that steps span; "" for none.
func rangeOf(steps uint64) string {
	if steps == 0 {
		return ""
	}
	from, to := bits.TrailingZeros64(steps), bits.Len64(steps)-1
	low := 0
	if from > 0 {
		low = lengthSteps[from-1] + 1
	}
	return fmt.Sprintf("%d-%d", low, lengthSteps[min(to, len(lengthSteps)-1)])
}

// Canonical writes the profile: sorted, a field a line, so that a diff shows
// what changed and nothing else.
func (d *Document) Canonical() []byte {
	var b strings.Builder
	line := func(indent int, format string, args ...any) {
		b.WriteString(strings.Repeat(" ", indent))
		fmt.Fprintf(&b, format+"\n", args...)
	}
	line(0, "apiVersion: %s\nkind: %s\nmetadata:", APIVersion, Kind)
	m := d.Metadata
	for _, kv := range [][2]string{{"function", m.Function}, {"code", m.Code}, {"source", m.Source}, {"notAfter", m.NotAfter}} {
		if kv[1] != "" {
			line(2, "%s: %s", kv[0], quote(kv[1]))
		}
	}
	line(2, "version: %d", m.Version)
	if d.Mode != "" {
		line(0, "mode: %s", d.Mode)
	}
	if len(d.Modes) > 0 {
		line(0, "modes:")
	}
	for _, name := range sortedKeys(d.Modes) {
		line(2, "%s: %s", name, quote(d.Modes[name]))
	}
	if len(d.Ingress) > 0 {
		line(0, "ingress:")
	}
	for _, t := range sorted(d.Ingress, func(t Trigger) string { return t.Trigger }) {
		line(2, "- trigger: %s", quote(t.Trigger))
		if len(t.Sources) > 0 {
			line(4, "sources:")
			for _, arn := range sorted(t.Sources, func(s string) string { return s }) {
				line(6, "- %s", quote(arn))
			}
		}
		writeFields(line, 4, "event", t.Event)
		if len(t.Routes) > 0 {
			line(4, "routes:")
		}
		for _, r := range sorted(t.Routes, func(r Route) string { return r.Route }) {
			line(6, "- route: %s", quote(r.Route))
			if r.Partial {
				line(8, "partial: true")
			}
			if len(r.ContentTypes) > 0 {
				line(8, "contentTypes: %s", list(sorted(r.ContentTypes, func(s string) string { return s })))
			}
			writeFields(line, 8, "query", r.Query)
			writeFields(line, 8, "cookies", r.Cookies)
			writeFields(line, 8, "body", r.Body)
		}
	}
	d.Process.write(line)
	if p := d.Provenance; p != (Provenance{}) {
		line(0, "provenance: {samples: %d, environments: %d, first: %s, last: %s, unseen: %s}", p.Samples, p.Environments,
			quote(p.First), quote(p.Last), strconv.FormatFloat(p.Unseen, 'f', -1, 64))
	}
	return []byte(b.String())
}

func writeFields(line func(int, string, ...any), indent int, name string, fields []Field) {
	if len(fields) == 0 {
		return
	}
	line(indent, "%s:", name)
	for _, f := range sorted(fields, func(f Field) string { return f.Path }) {
		line(indent+2, "- {%s}", strings.Join(f.parts(), ", "))
	}
}

// parts are the keys of a field with their values, as YAML has them.
func (f *Field) parts() []string {
	parts := []string{"path: " + quote(f.Path)}
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, key+": "+value)
		}
	}
	add("type", list(f.Type))
	add("length", f.Length)
	add("chars", list(f.Chars))
	add("format", f.Format)
	add("number", quoteIf(f.Number))
	if f.Whole {
		add("whole", "true")
	}
	add("size", f.Size)
	add("values", list(f.Values))
	if f.Open {
		add("open", "true")
	}
	return parts
}

func sorted[T any](items []T, key func(T) string) []T {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return items
}

func list(words []string) string {
	if len(words) == 0 {
		return ""
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

func quoteIf(s string) string {
	if s == "" {
		return ""
	}
	return quote(s)
}

// quote writes a text so that YAML reads the same text: plain words as they are.
func quote(s string) string {
	if plainKey(s) && !strings.HasPrefix(s, "-") && !slices.Contains([]string{"true", "false", "null", "yes", "no", "on", "off"}, strings.ToLower(s)) &&
		strings.Trim(s, "0123456789-_") != "" && strings.Trim(s[:1], "0123456789") != "" {
		return s
	}
	return strconv.QuoteToASCII(s)
}
