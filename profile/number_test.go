package profile

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

// TestG4NumbersAreText compares numbers as decimal text.
func TestG4NumbersAreText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"9007199254740993", "9007199254740992", 1}, {"1e400", "1e399", 1}, {"-0", "0", 0}, {"0.10", "0.1", 0}, {"1.0", "1", 0},
		{"-1", "0", -1}, {"-2", "-1", -1}, {"-1e400", "1e-400", -1}, {"100", "1e2", 0}, {"1E+2", "99", 1}, {"0.001", "0.0011", -1},
		{"0e5", "0", 0}, {"NaN", "1", -1}, {"1", "x", 1}, {"1e99999999999999999999", "1e5", 1}, {"5", "50", -1},
	} {
		if got := compareNumbers(tt.a, tt.b); got != tt.want {
			t.Errorf("compareNumbers(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := compareNumbers(tt.b, tt.a); got != -tt.want {
			t.Errorf("compareNumbers(%q, %q) = %d, want %d", tt.b, tt.a, got, -tt.want)
		}
	}
}

// TestNumbersOrder compares the order of random numbers with that of math/big.
func TestNumbersOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		s := ""
		if r.IntN(3) == 0 {
			s = "-"
		}
		for range 1 + r.IntN(5) {
			s += string(rune('0' + r.IntN(10)))
		}
		if r.IntN(2) == 0 {
			s += "." + string(rune('0'+r.IntN(10))) + string(rune('0'+r.IntN(10)))
		}
		if r.IntN(3) == 0 {
			s += "e" + []string{"", "+", "-"}[r.IntN(3)] + string(rune('0'+r.IntN(10)))
		}
		return s
	}
	for range 20_000 {
		a, b := text(), text()
		x, okx := new(big.Rat).SetString(a)
		y, oky := new(big.Rat).SetString(b)
		if !okx || !oky {
			t.Fatalf("%q, %q: no numbers", a, b)
		}
		if got, want := compareNumbers(a, b), x.Cmp(y); got != want {
			t.Fatalf("compareNumbers(%q, %q) = %d, want %d", a, b, got, want)
		}
	}
}

// TestMagnitudes checks that a number lies in the range of its step, and that
// the steps of a range are known to a field with that range.
func TestMagnitudes(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"0", "1", "-1", "2", "3", "5", "7", "10", "11", "19", "20", "21", "-50", "99", "100", "1001", "0.5", "-0.25", "12.75",
		"9007199254740993", "1e20", "1e21", "3e25", "1e400", "-1e400"} {
		low, high, whole := magnitude(n)
		if (low == 0) == (high == 0) {
			t.Fatalf("magnitude(%q) = %b, %b: want one step", n, low, high)
		}
		from, to := numberRange(low, high)
		f := Field{Number: from + ".." + to, low: from, hi: to}
		if !f.inNumbers(n) {
			t.Errorf("%s is not in %s", n, f.Number)
		}
		if fraction := compareNumbers(n, "0") != 0 && whole == 2; fraction != (n == "0.5" || n == "-0.25" || n == "12.75") {
			t.Errorf("magnitude(%q) says fraction %v", n, fraction)
		}
		if k := f.known(); to != "" && from != "" && (low&^k.low|high&^k.high) != 0 {
			t.Errorf("%s: the range %s does not know the step it was made of", n, f.Number)
		}
	}
}

// TestStepsBetween: the steps of a range are those whose ends both lie in it.
func TestStepsBetween(t *testing.T) {
	t.Parallel()
	ends := []string{"", "0", "-0", "1", "2", "3", "5", "7.5", "10", "20", "0.5", "1e6", "999999", "-1", "-2", "-3", "-20", "-1e9", "1e400", "-1e400", "123456789"}
	n := 0
	for _, low := range ends {
		for _, high := range ends {
			f := Field{Path: "a"}
			if low+high != "" {
				f.Number = low + ".." + high
			}
			if f.Number == "" || len(f.check(groupBody)) > 0 {
				continue
			}
			n++
			k := f.known()
			for step := range topStep {
				from, to := stepEnd(max(0, step-1)), stepEnd(step)
				if got, want := k.high>>step&1 == 1, f.inNumbers(from) && f.inNumbers(to); got != want {
					t.Errorf("%s: step %d, %s to %s: %v, want %v", f.Number, step, from, to, got, want)
				}
				if got, want := k.low>>step&1 == 1, f.inNumbers(minus(from)) && f.inNumbers(minus(to)); got != want {
					t.Errorf("%s: step -%d, -%s to -%s: %v, want %v", f.Number, step, from, to, got, want)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("%d ranges are tried", n)
	}
}
