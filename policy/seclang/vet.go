package seclang

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The ids that rules of a user may have: the range that ModSecurity leaves to
// local use. Rule sets that are published keep out of it.
const (
	FirstUserID = 1
	LastUserID  = 99_999
)

// The bounds of a user's rules. They are read while a function starts, and
// evaluated for every event it gets.
const (
	MaxText    = 256 << 10 // bytes of all rules
	MaxRules   = 200
	maxChain   = 8
	maxTargets = 20
	maxPattern = 4096   // bytes of one regular expression
	maxCode    = 1_000  // instructions it compiles to
	maxAllCode = 10_000 // instructions of all of them
	maxPhrases = 500    // of one @pm
	maxSteps   = 12     // transformations of one rule
	maxGrowing = 2      // of them, those that make a text longer
	maxMessage = 200
	maxTags    = 20
)

// Fault is what is wrong with a rule, and where.
type Fault struct {
	File         string
	Line, Column int
	// What names the directive, action, operator or variable; Text says what is
	// wrong with it and what to do instead.
	What, Text string
}

// Error implements error.
func (f *Fault) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.What, f.Text)
}

// Vet reads the rules that users write. Rules are code: the language can run
// programs, read files, ask name servers and switch off what came before it. So
// it takes what is on its lists, and refuses everything else, saying what to use
// instead; what is taken always parses, compiles and ends. All faults are
// reported, each as a *Fault, joined.
func Vet(src Source) ([]Rule, error) {
	v := vetting{file: src.Name}
	if len(src.Text) > MaxText {
		v.fault(1, 1, "rules", "%d bytes: want at most %d", len(src.Text), MaxText)
		return nil, v.err()
	}
	directives, err := split(src)
	if err != nil {
		v.foreign(err)
		return nil, v.err()
	}
	c := config{seen: map[int]string{}}
	for i := range directives {
		v.directive(&c, &directives[i])
	}
	if c.open && len(v.faults) == 0 {
		r := &c.rules[len(c.rules)-1]
		v.fault(r.Line, 1, fmt.Sprintf("rule %d", r.ID), "its chain has no end: add the next rule, or remove the action chain")
	}
	rules := 0
	for i := range c.rules {
		if c.rules[i].Marker == "" {
			rules += 1 + len(c.rules[i].Chain)
		}
	}
	if rules > MaxRules {
		v.fault(1, 1, "rules", "%d: want at most %d", rules, MaxRules)
	}
	if v.code > maxAllCode {
		v.fault(1, 1, "patterns", "they compile to %d instructions together: want at most %d", v.code, maxAllCode)
	}
	v.jumps(c.rules)
	if len(v.faults) > 0 {
		return nil, v.err()
	}
	return c.rules, nil
}

// vetting is the state of one call of Vet.
type vetting struct {
	file   string
	faults []error
	d      *directive // at hand
	from   int        // where to look for what a fault names
	code   int        // instructions so far
	groups bool       // a rule of the chain has captured
}

func (v *vetting) err() error { return errors.Join(v.faults...) }

func (v *vetting) fault(line, column int, what, format string, args ...any) {
	v.faults = append(v.faults, &Fault{v.file, line, column, what, fmt.Sprintf(format, args...)})
}

// bad notes a fault of the directive at hand, at the first place where its text
// says what.
func (v *vetting) bad(what, format string, args ...any) {
	text := v.d.name + " " + v.d.rest
	offset := 0
	if i := indexWord(text[v.from:], what); i >= 0 {
		offset = v.from + i
	}
	line, column := v.d.at(offset)
	v.fault(line, column, clip(what), format, args...)
}

// indexWord finds a word that no letter, digit or underscore stands beside, in any case.
func indexWord(text, word string) int {
	low, word := strings.ToLower(text), strings.ToLower(word)
	if len(low) != len(text) {
		low = text
	}
	part := func(i int) bool {
		return i >= 0 && i < len(low) && (low[i] == '_' || low[i] >= '0' && low[i] <= '9' || low[i] >= 'a' && low[i] <= 'z')
	}
	for i := 0; i+len(word) <= len(low); i++ {
		if strings.HasPrefix(low[i:], word) && !part(i-1) && !part(i+len(word)) {
			return i
		}
	}
	return -1
}

// foreign notes an error of the parser, which begins with file and line.
func (v *vetting) foreign(err error) {
	text := strings.TrimPrefix(err.Error(), v.file+":")
	line := 0
	if n, err := fmt.Sscanf(text, "%d:", &line); n != 1 || err != nil {
		line = 1
	}
	_, text, _ = strings.Cut(text, ": ")
	what, rest, ok := strings.Cut(text, ": ")
	if !ok {
		what, rest = "rules", text
	}
	column := 1
	if v.d != nil {
		line, column = v.d.at(0)
	}
	v.fault(line, column, clip(what), "%s", rest)
}

// saysChain reports whether a rule that was not understood has a chain action.
func saysChain(d *directive) bool {
	i := strings.LastIndexByte(strings.TrimRight(d.rest, `"`), '"')
	return i >= 0 && indexWord(d.rest[i:], "chain") >= 0
}

// directive checks one directive and adds its rule.
func (v *vetting) directive(c *config, d *directive) {
	v.d, v.from = d, 0
	name := strings.ToLower(d.name)
	if i := strings.IndexFunc(d.rest, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f || r == utf8.RuneError }); i >= 0 {
		line, column := d.at(len(d.name) + 1 + i)
		v.fault(line, column, d.name, "a control character or a byte that is no UTF-8: write it as \\x…")
		return
	}
	if name != "secrule" && name != "secaction" && name != "secmarker" {
		v.bad(d.name, "%s", cmp.Or(directives[name], "directive is not allowed: want SecRule, SecAction or SecMarker"))
		return
	}
	inChain, rules := c.open, len(c.rules)
	if err := c.apply(d); err != nil {
		v.foreign(err)
		// The next rules belong to a chain if this one says so: that they lack an id
		// is then no fault of theirs.
		if name == "secrule" && saysChain(d) && !inChain {
			c.rules = append(c.rules, Rule{File: d.file, Line: d.line, ID: -1 - len(c.rules)})
			c.open = true
		} else {
			c.open = inChain && saysChain(d)
		}
		return
	}
	if name == "secmarker" {
		if m := c.rules[len(c.rules)-1].Marker; !isName(m) {
			v.bad("SecMarker", "%s: want a name of letters, digits, _, - and .", clip(m))
		}
		return
	}
	starter := &c.rules[len(c.rules)-1]
	if inChain {
		if len(starter.Chain) == maxChain {
			v.bad("chain", "more than %d rules: want a shorter chain", maxChain)
		}
		v.link(&starter.Chain[len(starter.Chain)-1])
		v.member(&starter.Chain[len(starter.Chain)-1])
		return
	}
	if len(c.rules) > rules {
		v.groups = false
		v.link(starter)
		v.starter(starter)
	}
}

// member refuses what only the first rule of a chain may say.
func (v *vetting) member(r *Rule) {
	for _, name := range []string{"deny", "block", "pass", "skipafter"} {
		if r.Has(name) {
			v.bad(name, "stands in a chain: write it in the chain's first rule")
		}
	}
}

func (v *vetting) starter(r *Rule) {
	if r.ID > LastUserID {
		v.bad("id", "%d: want %d to %d, so that it is no rule of a published set", r.ID, FirstUserID, LastUserID)
	}
	if r.Phase > 2 {
		v.bad("phase", "%d: want 1 or 2: an event has a request and nothing else", r.Phase)
	}
	does := 0
	for _, name := range []string{"deny", "block", "pass"} {
		for _, a := range r.Actions {
			if a.Name == name {
				does++
			}
		}
	}
	if does > 1 {
		v.bad("deny", "more than one of deny, block and pass: want one")
	}
	if !r.Has("nolog") && r.Msg == "" {
		v.bad(v.d.name, `rule %d has no msg: say what it found, such as msg:'admin path from outside'; a rule that only sets variables says nolog,pass`, r.ID)
	}
}

// jumps checks that skipAfter leads somewhere, and forward.
func (v *vetting) jumps(rules []Rule) {
	markers := map[string]int{}
	for i := range rules {
		if m := rules[i].Marker; m != "" {
			markers[m] = i + 1
		}
	}
	for i := range rules {
		for _, a := range rules[i].Actions {
			if at := markers[a.Value]; a.Name == "skipafter" && at <= i {
				v.fault(rules[i].Line, 1, "skipAfter:"+clip(a.Value), "no SecMarker of that name follows")
			}
		}
	}
}

// directives says what to use instead of those that people may try.
var directives = map[string]string{
	"secruleengine":                "is the mode: set mode in the policy file",
	"secruleremovebyid":            "not allowed: write an exception, with a reason and the place it is for",
	"secruleremovebytag":           "not allowed: write an exception for a range of rules, with a reason",
	"secruleremovebymsg":           "not allowed: write an exception, with a reason and the place it is for",
	"secruleupdatetargetbyid":      "not allowed: write an exception with a path or a place",
	"secruleupdatetargetbytag":     "not allowed: write an exception with a path or a place",
	"secruleupdatetargetbymsg":     "not allowed: write an exception with a path or a place",
	"secruleupdateactionbyid":      "not allowed: set modes in the policy file",
	"secdefaultaction":             "not allowed: write the actions in each rule",
	"include":                      "not allowed: rules stand in the policy file, so that one review and one file cover them",
	"secrulescript":                "not allowed: rules run no programs",
	"secremoterules":               "not allowed: rules are not fetched",
	"secrequestbodylimit":          "not allowed: every event is inspected as a whole",
	"secargumentslimit":            "not allowed: every event is inspected as a whole",
	"secresponsebodyaccess":        "not allowed: responses are not inspected",
	"secdataset":                   "not allowed: use @pm with the phrases",
	"seccollectiontimeout":         "not allowed: nothing is kept from one event to the next",
	"secrequestbodyaccess":         "not needed: bodies are decoded before rules see them, as ARGS",
	"secrequestbodyjsondepthlimit": "not needed: bodies are decoded before rules see them, as ARGS",
}
