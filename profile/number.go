package profile

import (
	"math/bits"
	"strings"
)

// Magnitudes go in steps that end at 1, 2 and 5 of every power of ten. Numbers
// are compared as the decimal text they are written in: 2^53+1 is not 2^53,
// 1e400 is a number, and -0 is 0 (RFC 8259 §6 sets no bounds; readers differ).
const (
	topStep  = 63                // has no end
	topPower = (topStep - 1) / 3 // the greatest with steps of its own
)

// digitsOf reads a JSON number: its digits without zeros at either end, and the
// power of ten of the first of them. Zero has no digits.
func digitsOf(s string) (negative bool, digits string, power int, ok bool) {
	s, negative = strings.CutPrefix(s, "-")
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if exponent, ok = exponentOf(s[i+1:]); !ok {
			return false, "", 0, false
		}
		s = s[:i]
	}
	whole, part, _ := strings.Cut(s, ".")
	all := whole + part
	if all == "" || strings.Trim(all, "0123456789") != "" {
		return false, "", 0, false
	}
	digits = strings.TrimLeft(all, "0")
	power = len(whole) - (len(all) - len(digits)) - 1 + exponent
	if digits = strings.TrimRight(digits, "0"); digits == "" {
		return false, "", 0, true
	}
	return negative, digits, power, true
}

// exponentOf reads an exponent; one that no reader could hold counts as huge.
func exponentOf(s string) (n int, ok bool) {
	s, negative := strings.CutPrefix(strings.TrimPrefix(s, "+"), "-")
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	for i := 0; i < len(s) && n < 1e6; i++ {
		n = n*10 + int(s[i]-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

// magnitude tells the step of a number, below zero or from zero up, and whether
// it is whole (1) or not (2). What is no number, such as NaN, is in no step.
func magnitude(s string) (low, high, whole uint64) {
	negative, digits, power, ok := digitsOf(s)
	if !ok {
		return 0, 0, 0
	}
	whole = 1
	if len(digits) > power+1 {
		whole = 2
	}
	step := uint64(1) << stepOf(digits, power)
	if negative {
		return step, 0, whole
	}
	return 0, step, whole
}

func stepOf(digits string, power int) int {
	switch {
	case digits == "":
		return 0
	case power < 0:
		return 1 // less than one
	case power > topPower:
		return topStep
	}
	step, more := 1+3*power, len(digits) > 1
	switch first := digits[0]; { // above 1, 2 or 5 it belongs to the next step
	case first > '5' || first == '5' && more:
		step += 3
	case first > '2' || first == '2' && more:
		step += 2
	case first > '1' || more:
		step++
	}
	return min(step, topStep)
}

// stepEnd is the greatest number of a step, as text; "" for the last.
func stepEnd(step int) string {
	switch {
	case step == 0:
		return "0"
	case step >= topStep:
		return ""
	}
	power, third := (step-1)/3, (step-1)%3
	return string("125"[third]) + strings.Repeat("0", power)
}

func minus(s string) string {
	if s == "" || s == "0" {
		return s
	}
	if positive, ok := strings.CutPrefix(s, "-"); ok {
		return positive
	}
	return "-" + s
}

// numberRange is the range that steps of magnitude span: the ends as text, ""
// for none.
func numberRange(low, high uint64) (from, to string) {
	switch {
	case low != 0:
		from = minus(stepEnd(bits.Len64(low) - 1))
	case high != 0:
		from = stepEnd(max(0, bits.TrailingZeros64(high)-1))
	}
	switch {
	case high != 0:
		to = stepEnd(bits.Len64(high) - 1)
	case low != 0:
		to = minus(stepEnd(max(0, bits.TrailingZeros64(low)-1)))
	}
	return from, to
}

// compareNumbers orders two JSON numbers by their value: -1, 0 or 1. A text that
// is none comes first.
func compareNumbers(a, b string) int {
	na, da, pa, oka := digitsOf(a)
	nb, db, pb, okb := digitsOf(b)
	switch {
	case !oka || !okb:
		return toInt(oka) - toInt(okb)
	case na != nb:
		return toInt(nb) - toInt(na)
	case na:
		return compareDigits(db, pb, da, pa)
	}
	return compareDigits(da, pa, db, pb)
}

func compareDigits(a string, pa int, b string, pb int) int {
	switch {
	case a == "" || b == "":
		return toInt(a != "") - toInt(b != "")
	case pa < pb:
		return -1
	case pa > pb:
		return 1
	}
	return strings.Compare(a, b)
}

func toInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
