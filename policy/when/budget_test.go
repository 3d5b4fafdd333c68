package when_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy/when"
)

// wide is an event of n fields with a value each.
func wide(t testing.TB, n int, value string) *event.Event {
	t.Helper()
	fields := map[string]string{}
	for i := range n {
		fields[fmt.Sprintf("field%d", i)] = value
	}
	data, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return decode(string(data))
}

// TestOnePassIsNeverOver: an expression whose loops do not stand in each other
// is evaluated to its end, however large the event.
func TestOnePassIsNeverOver(t *testing.T) {
	t.Parallel()
	events := []*event.Event{decode(`{}`), wide(t, 20_000, "x"), wide(t, 3, strings.Repeat("y", 1<<20)), wide(t, 2000, strings.Repeat("z", 700))}
	g := grammar{rand.New(rand.NewPCG(7, 8))}
	ran := 0
	for range 60 {
		var parts []string
		for range 1 + g.IntN(12) {
			parts = append(parts, "!leaves.exists(l, l.name == 'no' && "+g.comparison(2, []string{"l.value", "l.name"})+" && l.value.matches('(a|b)+c$') && l.value.lowerAscii().contains('no'))")
		}
		text := strings.Join(parts, " && ")
		if strings.Contains(text, "y > ") || strings.Contains(text, "x.place") {
			continue // a filter in the loop is a loop in a loop
		}
		for i, ev := range events {
			if o := matches(t, text, ev)[0]; o.Over {
				t.Fatalf("event %d: %s is over its budget", i, text)
			}
			ran++
		}
	}
	if ran < 100 {
		t.Errorf("%d runs, want at least 100", ran)
	}
}

// TestC1LoopsInLoopsEnd: what could run for hours ends, and says that it did.
func TestC1LoopsInLoopsEnd(t *testing.T) {
	t.Parallel()
	ev := wide(t, 3000, "same")
	const deep = `leaves.all(a, leaves.all(b, leaves.all(c, leaves.all(d, a.value == b.value && c.value == d.value))))`
	if o := matches(t, deep, ev)[0]; !o.Over || o.Match {
		t.Errorf("Run = %+v, want over and no match", o)
	}
	if o := matches(t, "!"+deep, ev)[0]; !o.Over || o.Match {
		t.Errorf("Run(!) = %+v, want over and no match", o)
	}
	if o := matches(t, `leaves.all(a, leaves.all(b, a.value == b.value))`, wide(t, 400, "same"))[0]; o.Over {
		t.Error("two loops over 400 leaves are over the budget")
	}
}

// stubbornText keeps all states of a counted repetition open in every
// combination: no automaton stays small on it.
func stubbornText(n int) string {
	rnd := rand.New(rand.NewPCG(9, 10))
	b := make([]byte, n)
	for i := range b {
		b[i] = "xy"[rnd.IntN(2)]
	}
	return string(b)
}

// TestC1PatternsEnd: a pattern that keeps hundreds of possibilities open is
// charged for each of them, and ends; short texts are decided all the same.
func TestC1PatternsEnd(t *testing.T) {
	t.Parallel()
	const expression = `leaves.exists(l, l.value.matches("x[xy]{800}z"))`
	for n, want := range map[int]when.Outcome{500: {}, 200_000: {Over: true}} {
		ev := wide(t, 1, stubbornText(n))
		for range 6 { // the automaton is tried a few times, and then no more
			if o := matches(t, expression, ev)[0]; o != want {
				t.Fatalf("Run over %d bytes = %+v, want %+v", n, o, want)
			}
		}
	}
	ev := wide(t, 1, stubbornText(900)+"z")
	p, err := when.Compile(expression)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile("x[xy]{800}z").MatchString(stubbornText(900) + "z")
	for range 8 {
		subjects := when.Subjects(ev)
		b := when.NewBudget([]*when.Program{p}, subjects, time.Time{}, nil)
		if o := p.Run(subjects[0], b); o.Match != want || o.Over {
			t.Fatalf("Run = %+v, want %v", o, want)
		}
	}
}

// TestClockEndsIt: the budget is over when the time is.
func TestClockEndsIt(t *testing.T) {
	t.Parallel()
	p, err := when.Compile(`leaves.all(l, l.value == "x")`)
	if err != nil {
		t.Fatal(err)
	}
	subjects := when.Subjects(wide(t, 100_000, "x"))
	deadline := time.Unix(1000, 0)
	looks := 0
	b := when.NewBudget([]*when.Program{p}, subjects, deadline, func() time.Time {
		looks++
		if looks > 3 {
			return deadline
		}
		return deadline.Add(-time.Second)
	})
	if o := p.Run(subjects[0], b); !o.Over || looks != 4 {
		t.Errorf("Run = %+v after %d looks at the clock, want over after 4", o, looks)
	}
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`method == "POST" && path.startsWith("/admin")`, `leaves.exists(l, l.value.matches(r"^\d+$"))`, `at(["a", null, 0]).size() > 1`,
		`!("x" in query("y")) ? number("1.5") < 2 : false`, `cookie('a').filter(c, c != "\u00e9").all(c, c.lowerAscii().endsWith("\x41"))`,
		`address.inCIDR("::/0")`, "// x\ntrue", `"`, `r'`, `[`, `-1 < 2`, `["a"].exists(x, ["b"].exists(y, x == y))`, `"é\`,
	} {
		f.Add(s)
	}
	ev := decode(order)
	subjects := when.Subjects(ev)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := when.Compile(text)
		if err != nil {
			fault, ok := err.(*when.Error) //nolint:errorlint // the documented type
			if !ok || fault.Offset < 0 || fault.Offset > len(text) || fault.Text == "" {
				t.Fatalf("Compile(%q) = %#v, want a fault inside the text", text, err)
			}
			return
		}
		b := when.NewBudget([]*when.Program{p}, subjects, time.Time{}, nil)
		first := p.Run(subjects[0], b)
		if first.Match && first.Over {
			t.Fatalf("Run(%q) = %+v", text, first)
		}
		b = when.NewBudget([]*when.Program{p}, subjects, time.Time{}, nil)
		if again := p.Run(subjects[0], b); again != first {
			t.Fatalf("Run(%q) = %+v, then %+v", text, first, again)
		}
	})
}

// BenchmarkRun measures what rules cost an event, and the worst they can.
func BenchmarkRun(b *testing.B) {
	const typical = `leaves.exists(l, l.name == "role" && l.value == "admin")`
	for _, row := range []struct {
		name, text string
		ev         *event.Event
	}{
		{"path", `path.startsWith("/admin")`, decode(order)},
		{"40 leaves", typical, wide(b, 40, "some value")},
		{"616 leaves", typical, wide(b, 616, "some value")},
		{"616 leaves, contains", `leaves.exists(l, l.value.contains("nope"))`, wide(b, 616, "some value")},
		{"616 leaves, matches", `leaves.exists(l, l.value.matches("^no(pe|ne)$"))`, wide(b, 616, "some value")},
		{"1 MB, matches", `leaves.exists(l, l.value.matches("(a|b)*c(d|e){20}f"))`, wide(b, 1, strings.Repeat("abdc", 1<<18))},
		{"worst text for a pattern, 1 MB", `leaves.exists(l, l.value.matches("x[xy]{900}z"))`, wide(b, 1, stubbornText(1<<20))},
		{"worst loops", `leaves.all(a, leaves.all(b, leaves.all(c, a.value == b.value)))`, wide(b, 3000, "same")},
		{"worst strings", `leaves.all(a, leaves.all(b, !a.value.contains(b.name)))`, wide(b, 1000, strings.Repeat("field", 1000))},
		{"worst copies", `leaves.all(a, leaves.all(b, a.value.lowerAscii() == b.value.lowerAscii()))`, wide(b, 1000, strings.Repeat("A", 5000))},
		{"worst patterns", `leaves.all(a, leaves.all(b, !a.value.matches("(x|y)*z(x|y){60}w")))`, wide(b, 1000, strings.Repeat("xyz", 1000))},
	} {
		b.Run(row.name, func(b *testing.B) {
			p, err := when.Compile(row.text)
			if err != nil {
				b.Fatal(err)
			}
			subjects := when.Subjects(row.ev)
			b.ReportAllocs()
			for b.Loop() {
				p.Run(subjects[0], when.NewBudget([]*when.Program{p}, subjects, time.Time{}, nil))
			}
		})
	}
	b.Run("compile", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := when.Compile(typical); err != nil {
				b.Fatal(err)
			}
		}
	})
}
