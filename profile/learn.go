package profile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"mime"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/merlon-security/merlon/internal/event"
)

// maxDeltas bounds what one environment tells in its life, in bytes; maxNovel
// what one event may add.
const (
	maxDeltas = 64 << 10
	maxNovel  = 512
)

// spent is how many sources of one day an environment hands on for an element
// that the profile lacks. Other environments have others; an environment that
// asked every source would never go quiet.
const spent = 4

// Delta is what one invocation added to what its environment knew.
type Delta struct {
	Day     Day         `json:"day"`
	Source  string      `json:"source,omitempty"` // hash of the network, 16 hexadecimal digits; empty if there is none
	Samples uint64      `json:"samples"`          // invocations this environment has learned from so far
	Items   []DeltaItem `json:"items,omitempty"`
	// Full is set on the last delta of an environment that has told all it may.
	Full bool `json:"full,omitempty"`
}

// DeltaItem is one place with its new marks.
type DeltaItem struct {
	Place Place    `json:"p"`
	Marks []string `json:"m"`
}

// Learner gathers evidence in one environment. It is safe for concurrent use.
type Learner struct {
	now  func() time.Time
	base *Document

	mu      sync.RWMutex
	day     Day
	known   *shape    // what the profile has, and what this environment has told often enough today
	told    *Evidence // what it has told
	samples uint64
	bytes   int
	full    bool
}

// NewLearner starts from a profile, so that what is in it is not told again; nil
// for none.
func NewLearner(base *Document, now func() time.Time) *Learner {
	return &Learner{now: now, base: base, told: NewEvidence(), day: -1}
}

// Sample is what one event had that is not known yet. It holds nothing of the
// event but names of members and words; it is learned from only if the function
// took the event without an error, see Commit.
type Sample struct {
	source uint64
	items  []novelty
}

// Empty reports whether nothing in the event was new.
func (s *Sample) Empty() bool { return len(s.items) == 0 }

type novelty struct {
	at    Place
	look  look
	words []string
}

// Observe looks at an event in which nothing was found. Call it before Commit,
// from any goroutine.
func (l *Learner) Observe(ev *event.Event) *Sample {
	if len(ev.Limits) > 0 || ev.Mixed {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.full {
		return nil
	}
	if l.day != dayOf(l.now()) {
		l.mu.RUnlock()
		l.newDay()
		l.mu.RLock()
	}
	known := l.known
	s := &Sample{}
	at := routeOf(ev)
	l.words(s, known, at[:1], sourceWords(ev))
	route := known.find(at)
	l.words(s, known, at, []string{"."})
	l.words(s, known, append(at[:len(at):len(at)], groupBody), bodyWords(ev))
	w := newWalker(ev, route)
	w.fields(func(leaf *event.Leaf, g string, have *shape, lk look) bool {
		if have != nil && have.known.has(&lk) {
			return true
		}
		_, byName := group(ev, leaf)
		below := w.place(leaf, g, byName)
		if len(below) <= maxDepth {
			s.items = append(s.items, novelty{at: append(at[:len(at):len(at)], below...), look: lk})
		}
		return len(s.items) < maxNovel
	})
	if !s.Empty() { // most events have nothing that a source could be wanted for
		s.source = sourceOf(ev.Caller.IP)
	}
	return s
}

// words notes which words of a place are not known.
func (l *Learner) words(s *Sample, known *shape, at Place, words []string) {
	if len(words) == 0 {
		return
	}
	have := known.find(at)
	var news []string
	for _, word := range words {
		if have == nil || !have.words[word] && !have.words[word[:1]+"*"] {
			news = append(news, word)
		}
	}
	if len(news) > 0 {
		s.items = append(s.items, novelty{at: append(Place{}, at...), words: news})
	}
}

// sourceWords are the marks of what invoked the function.
func sourceWords(ev *event.Event) []string {
	if arn := ev.Caller.SourceARN; strings.HasPrefix(arn, "arn:") && len(arn) <= 256 {
		return []string{".", "@" + arn}
	}
	return []string{"."}
}

// bodyWords are the marks of a request's body as a whole.
func bodyWords(ev *event.Event) []string {
	if ev.HTTP == nil || !ev.HTTP.HasBody {
		return nil
	}
	if kind := contentType(ev.Header("content-type")); kind != "" {
		return []string{"c" + kind}
	}
	return nil
}

// contentType is a media type without its parameters; empty for what is none.
func contentType(header string) string {
	kind, _, err := mime.ParseMediaType(header)
	if err != nil || len(kind) > 96 {
		return ""
	}
	return kind
}

// newDay forgets what was told often enough: another day is another proof.
func (l *Learner) newDay() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if day := dayOf(l.now()); day != l.day {
		l.day, l.known = day, compile(l.base)
	}
}

func dayOf(t time.Time) Day { return Day(t.Unix() / 86400) }

// Commit learns from a sample and returns what is to be told of it; false if
// that is nothing. Samples of invocations that failed are not for it.
func (l *Learner) Commit(s *Sample) (d Delta, ok bool) {
	if s == nil {
		return d, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full {
		return d, false
	}
	l.samples++
	proof := Proof{First: l.day, Last: l.day, Days: []Day{l.day}}
	if s.source != 0 {
		proof.Sources = []uint64{s.source}
		d.Source = hexOf(s.source)
	}
	for _, n := range s.items {
		var marks []string
		for _, m := range n.marks() {
			if l.told.Add(Element{n.at, m}, proof) {
				marks = append(marks, m)
			}
			l.quiet(n.at, m, proof)
		}
		if len(marks) > 0 {
			d.Items = append(d.Items, DeltaItem{n.at, marks})
			l.bytes += 24 + 6*len(marks)
			for _, step := range n.at {
				l.bytes += 3 + len(step)
			}
		}
	}
	d.Day, d.Samples = l.day, l.samples
	if l.bytes > maxDeltas {
		l.full, d.Full = true, true
	}
	return d, len(d.Items) > 0 || d.Full
}

// Count is a delta that says only how many invocations were learned from: the
// last thing an environment tells.
func (l *Learner) Count() Delta {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Delta{Day: max(0, l.day), Samples: l.samples}
}

// quiet notes that an element is known, once the environment has told of it what
// it may in a day: so many sources, or that there is none. What has collapsed is
// noted as what stands for all, or names that the sender makes up would fill the
// memory.
func (l *Learner) quiet(at Place, mark string, p Proof) {
	s, told := &l.told.top, make(Place, 0, len(at))
	for _, step := range at {
		if s.wide && most(step) > 0 {
			step = step[:1] + "*"
		}
		if s = s.kids[step]; s == nil {
			return
		}
		told = append(told, step)
	}
	word := mark
	if isWord(mark) && s.marks[mark] == nil {
		word = mark[:1] + "*"
	}
	q := s.marks[word]
	if q == nil || len(p.Sources) > 0 && len(q.Sources) < spent {
		return
	}
	l.known.grow(told).learn(word)
	if have := l.known.find(at); have != nil { // of the base, beside what collapsed
		have.learn(word)
	}
}

// marks are those of a novelty.
func (n *novelty) marks() []string {
	marks := n.words
	for i, p := range n.look.parts() {
		for word := *p; word != 0; word &= word - 1 {
			marks = append(marks, aspectNames[i:i+1]+strconv.Itoa(bits.TrailingZeros64(word)))
		}
	}
	return marks
}

// learn notes that a mark is known.
func (s *shape) learn(mark string) {
	if i := strings.IndexByte(aspectNames, mark[0]); i >= 0 {
		step, err := strconv.Atoi(mark[1:])
		if err == nil {
			*s.known.parts()[i] |= 1 << step
		}
		return
	}
	if s.words == nil {
		s.words = map[string]bool{}
	}
	s.words[mark] = true
}

// Apply adds what an environment told. An error says what in it no environment
// tells; then nothing was added.
func (e *Evidence) Apply(env string, d Delta) error {
	for _, item := range d.Items {
		if err := item.check(); err != nil {
			return err
		}
	}
	e.Count(env, d.Samples)
	p := Proof{First: d.Day, Last: d.Day, Days: []Day{d.Day}}
	if source, err := strconv.ParseUint(d.Source, 16, 64); err == nil && source != 0 {
		p.Sources = []uint64{source}
	}
	for _, item := range d.Items {
		for _, m := range item.Marks {
			e.Add(Element{item.Place, m}, p)
		}
	}
	return nil
}

// Split cuts a delta into some of at most so many bytes each as JSON, roughly, so
// that each fits on a line. Only the last is Full.
func (d Delta) Split(most int) (out []Delta) {
	one := d
	one.Items, one.Full = nil, false
	size := 0
	add := func(place Place, marks []string, bytes int) {
		if size > 0 && size+bytes > most {
			out = append(out, one)
			one.Items, size = nil, 0
		}
		one.Items = append(one.Items, DeltaItem{place, marks})
		size += bytes
	}
	for _, item := range d.Items {
		head := 16
		for _, step := range item.Place {
			head += 6*len(step) + 3 // at worst every byte is escaped
		}
		from, bytes := 0, head
		for i, m := range item.Marks {
			if n := 6*len(m) + 3; bytes+n > most && i > from {
				add(item.Place, item.Marks[from:i], bytes)
				from, bytes = i, head
			}
			bytes += 6*len(m) + 3
		}
		add(item.Place, item.Marks[from:], bytes)
	}
	one.Full = d.Full
	return append(out, one)
}

// check refuses what is no place or no mark.
func (i *DeltaItem) check() error {
	if len(i.Place) == 0 || len(i.Place) > 2*maxDepth+2 || len(i.Marks) == 0 || len(i.Marks) > 256 {
		return fmt.Errorf("an item of %d steps and %d marks: want 1 to %d steps and 1 to 256 marks", len(i.Place), len(i.Marks), 2*maxDepth+2)
	}
	for _, step := range i.Place {
		if step == "" || len(step) > maxKey+8 {
			return fmt.Errorf("a step of %d bytes: want 1 to %d", len(step), maxKey+8)
		}
	}
	for _, m := range i.Marks {
		if !validMark(m) {
			return fmt.Errorf("mark %.40q: there is no such mark", m)
		}
	}
	return nil
}

func validMark(m string) bool {
	switch {
	case m == ".":
		return true
	case m == "" || len(m) > 260:
		return false
	case isWord(m):
		return len(m) > 1
	case strings.IndexByte(aspectNames, m[0]) < 0:
		return false
	}
	step, err := strconv.Atoi(m[1:])
	return err == nil && step >= 0 && step < 64 && strconv.Itoa(step) == m[1:]
}

// sourceOf is a hash of the network an address is in: 24 bits of an IPv4
// address, 48 of an IPv6 one, the least that one customer of a provider gets.
// Whoever has more addresses of one network is still one source. It is 0 where
// there is no address.
func sourceOf(ip string) uint64 {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return 0
	}
	size := 48
	if addr = addr.Unmap(); addr.Is4() {
		size = 24
	}
	prefix, err := addr.WithZone("").Prefix(size)
	if err != nil {
		return 0
	}
	sum := sha256.Sum256([]byte("merlon source " + prefix.String()))
	return max(1, binary.BigEndian.Uint64(sum[:]))
}

func hexOf(n uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], n)
	return hex.EncodeToString(b[:])
}
