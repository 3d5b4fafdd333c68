package seclang

import (
	"cmp"
	"net/netip"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// link checks what every rule of a chain has: variables, operator,
// transformations and actions.
func (v *vetting) link(r *Rule) {
	if len(r.Variables) > maxTargets {
		v.bad(v.d.name, "%d variables: want at most %d", len(r.Variables), maxTargets)
	}
	for i := range r.Variables {
		v.variable(&r.Variables[i])
	}
	if r.Operator.Name != "" {
		if i := strings.IndexByte(v.d.rest, '"'); i >= 0 {
			v.from = len(v.d.name) + 1 + i
		}
		v.operator(&r.Operator)
	}
	v.from = max(v.from, strings.LastIndex(v.d.name+" "+v.d.rest, `" "`))
	v.groups = v.groups || r.Capture
	v.transformations(r.Transformations)
	for _, a := range r.Actions {
		v.action(a)
	}
	v.label("msg", r.Msg, maxMessage)
	for _, t := range r.Tags {
		v.label("tag", t, maxMessage)
	}
	if len(r.Tags) > maxTags {
		v.bad("tag", "%d of them: want at most %d", len(r.Tags), maxTags)
	}
	v.label("ver", r.Version, maxMessage)
	switch strings.ToLower(r.Severity) {
	case "", "critical", "error", "warning", "notice":
	case "2", "3", "4", "5":
		r.Severity = [...]string{"CRITICAL", "ERROR", "WARNING", "NOTICE"}[r.Severity[0]-'2']
	default:
		v.bad("severity", "%s: want CRITICAL, ERROR, WARNING or NOTICE", clip(r.Severity))
	}
}

// label checks a text that goes into verdicts.
func (v *vetting) label(name, text string, most int) {
	switch {
	case len(text) > most:
		v.bad(name, "%d bytes: want at most %d", len(text), most)
	case strings.ContainsAny(text, "'\"\\`"):
		v.bad(name, "quotes and backslashes are read differently by engines: leave them out")
	case strings.Contains(text, "%{"):
		v.bad(name, "would show what a sender wrote: write a constant text; verdicts show a redacted excerpt")
	}
}

// variables are the ones that an event fills.
var variables = map[string]bool{
	"ARGS": true, "ARGS_NAMES": true, "ARGS_GET": true, "ARGS_GET_NAMES": true, "ARGS_POST": true, "ARGS_POST_NAMES": true,
	"REQUEST_HEADERS": true, "REQUEST_HEADERS_NAMES": true, "REQUEST_COOKIES": true, "REQUEST_COOKIES_NAMES": true,
	"REQUEST_METHOD": true, "REQUEST_PROTOCOL": true, "REQUEST_URI": true, "REQUEST_URI_RAW": true, "REQUEST_LINE": true,
	"REQUEST_FILENAME": true, "REQUEST_BASENAME": true, "QUERY_STRING": true, "REMOTE_ADDR": true,
	"TX": true, "MATCHED_VAR": true, "MATCHED_VAR_NAME": true, "MATCHED_VARS": true, "MATCHED_VARS_NAMES": true,
}

// instead says what to use for variables that no event fills.
var instead = map[string]string{
	"REQUEST_BODY": "is empty: bodies are decoded, use ARGS_POST", "XML": "is empty: documents are decoded, use ARGS",
	"JSON": "is empty: documents are decoded, use ARGS", "FILES": "is empty: parts are decoded, use ARGS", "FILES_NAMES": "is empty: parts are decoded, use ARGS_NAMES",
	"ARGS_PATH": "is empty: use ARGS or REQUEST_FILENAME", "IP": "keeps state between events, which is not allowed",
	"SESSION": "keeps state between events, which is not allowed", "ENV": "would read the extension's environment, which is not allowed",
}

func (v *vetting) variable(x *Variable) {
	if !variables[x.Name] {
		v.bad(x.Name, "%s", cmp.Or(instead[x.Name], "variable is not allowed: no event fills it"))
		return
	}
	if x.Name == "TX" {
		switch {
		case x.Regex || x.Key == "":
			v.bad("TX", "want one variable by its name, such as TX:score")
		default:
			v.own(x.Key)
			v.group(x.Key)
		}
	}
	v.selector(x.Name, Selector{x.Key, x.Regex})
	for _, e := range x.Except {
		v.selector(x.Name, e)
	}
}

// The characters that names and values may have. They are compared one by one:
// patterns would be compiled at every start, for functions without rules as well.
const (
	letters      = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
	nameChars    = letters + ".-"
	headerChars  = letters + "-"
	selectors    = nameChars + "$@[]"
	plainChars   = nameChars + " :/"
	maxName      = 64
	maxSelector  = 100
	maxSelection = 500 // bytes of a pattern that selects
	maxPlain     = 200
)

// only reports whether a text has nothing but these characters, and not too many.
func only(text, characters string, most int) bool {
	return len(text) <= most && strings.Trim(text, characters) == ""
}

func isName(text string) bool { return text != "" && only(text, nameChars, maxName) }

// selector checks what picks elements of a collection.
func (v *vetting) selector(name string, s Selector) {
	switch {
	case !s.Regex && !only(s.Key, selectors, maxSelector):
		v.bad(name, "%s: want letters, digits and ._$@[]- in a name, or a pattern between slashes", clip(s.Key))
	case s.Regex && (s.Key == "" || len(s.Key) > maxSelection || strings.ContainsAny(s.Key, "'\"` |")):
		v.bad(name, `%s: want a pattern of 1 to 500 bytes without quotes, spaces and bars: write \x27, \s and [x]`, clip(s.Key))
	case s.Regex:
		v.pattern(s.Key)
	}
}

// value reports whether setvar may assign a text: a plain one, a number to add
// or take away, or one with a single macro that is not put together from others.
func value(text string) bool {
	if len(text) > 1 && len(text) < 11 && (text[0] == '+' || text[0] == '-') && strings.Trim(text[1:], "0123456789") == "" {
		return true
	}
	before, rest, ok := strings.Cut(text, "%{")
	if !ok {
		return only(text, plainChars, maxPlain)
	}
	macro, after, ok := strings.Cut(rest, "}")
	macro = strings.ToUpper(macro)
	group := len(macro) == 4 && strings.HasPrefix(macro, "TX.") && macro[3] >= '0' && macro[3] <= '9'
	return ok && (macro == "MATCHED_VAR" || macro == "MATCHED_VAR_NAME" || group) && only(before+after, plainChars, maxPlain)
}

// withoutMacros takes out of an operator's argument the macros that it may have.
func withoutMacros(text string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "%{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		macro, after, closed := strings.Cut(rest, "}")
		upper := strings.ToUpper(macro)
		variable, isTX := strings.CutPrefix(upper, "TX.")
		header, isHeader := strings.CutPrefix(upper, "REQUEST_HEADERS.")
		if !closed || upper != "MATCHED_VAR" && upper != "REQUEST_METHOD" && !(isTX && isName(variable)) && !(isHeader && header != "" && only(header, headerChars, maxName)) {
			b.WriteString("%{")
			text = rest
			continue
		}
		text = after
	}
}

// group refuses TX:0 to TX:9 where no rule of the chain has captured: what stands
// there is of whichever rule matched last, and rules that cannot matter are left
// out.
func (v *vetting) group(name string) {
	if len(name) == 1 && name[0] >= '0' && name[0] <= '9' && !v.groups {
		v.bad("TX", "%s is a group of another rule's match: add capture to a rule of the chain before it", name)
	}
}

// groupsOf checks the groups that the macros of a text name.
func (v *vetting) groupsOf(text string) {
	for {
		_, rest, ok := strings.Cut(text, "%{")
		if !ok {
			return
		}
		macro, after, _ := strings.Cut(rest, "}")
		if name, ok := strings.CutPrefix(strings.ToUpper(macro), "TX."); ok {
			v.group(name)
		}
		text = after
	}
}

// own checks the name of a TX variable.
func (v *vetting) own(name string) {
	low := strings.ToLower(name)
	switch {
	case !isName(name):
		v.bad("TX", "%s: want a name of letters, digits, _, - and .", clip(name))
	case strings.Contains(low, "anomaly_score"), strings.Contains(low, "paranoia_level"):
		v.bad(name, "belongs to the Core Rule Set, which your rules do not share variables with: say deny to refuse an event, pass to report it")
	}
}

// operators are those that compare the value with what stands in the rule.
var operators = map[string]bool{
	"rx": true, "pm": true, "streq": true, "contains": true, "strmatch": true, "beginswith": true, "endswith": true, "within": true,
	"eq": true, "ge": true, "gt": true, "le": true, "lt": true, "detectsqli": true, "detectxss": true, "validatebyterange": true,
	"validateurlencoding": true, "validateutf8encoding": true, "ipmatch": true, "nomatch": true, "unconditionalmatch": true,
}

var otherOperators = map[string]string{
	"inspectfile": "would run a program, which is not allowed", "rbl": "would ask a name server for every event, which is not allowed",
	"geolookup": "needs a database that is not there", "restpath": "not allowed: use @rx on REQUEST_FILENAME",
	"pmfromfile": "would read a file: use @pm with the phrases", "pmf": "would read a file: use @pm with the phrases",
	"pmfromdataset": "there are no datasets: use @pm with the phrases", "ipmatchfromfile": "would read a file: use @ipMatch with the networks",
	"ipmatchf": "would read a file: use @ipMatch with the networks", "ipmatchfromdataset": "there are no datasets: use @ipMatch with the networks",
	"validateschema": "would read a file, which is not allowed", "validatenid": "not allowed: use @rx",
}

func (v *vetting) operator(op *Operator) {
	name := strings.ToLower(op.Name)
	if !operators[name] {
		v.bad(op.Name, "%s", cmp.Or(otherOperators[name], "operator is not allowed"))
		return
	}
	switch name {
	case "rx":
		v.pattern(op.Argument)
		return
	case "pm":
		words := strings.Split(op.Argument, " ")
		if slices.Contains(words, "") {
			v.bad(op.Name, "want phrases with one space between them: an empty one is everywhere")
		}
		if len(words) > maxPhrases {
			v.bad(op.Name, "%d phrases: want at most %d", len(words), maxPhrases)
		}
		return
	case "ipmatch":
		v.networks(op)
	case "validatebyterange":
		v.byteRange(op)
	case "detectsqli", "detectxss", "validateurlencoding", "validateutf8encoding", "nomatch", "unconditionalmatch":
		if op.Argument != "" {
			v.bad(op.Name, "takes no argument")
		}
	case "eq", "ge", "gt", "le", "lt":
		if _, err := strconv.Atoi(op.Argument); err != nil && (op.Argument == "" || withoutMacros(op.Argument) != "") {
			v.bad(op.Name, "%q: want a whole number", clip(op.Argument))
		}
	}
	if len(op.Argument) > maxPattern {
		v.bad(op.Name, "%d bytes: want at most %d", len(op.Argument), maxPattern)
	}
	if op.Argument == "" && (name == "contains" || name == "strmatch" || name == "beginswith" || name == "endswith" || name == "within") {
		v.bad(op.Name, "want something to compare with")
	}
	if strings.Contains(withoutMacros(op.Argument), "%{") {
		v.bad(op.Name, "only %%{TX.name}, %%{MATCHED_VAR}, %%{REQUEST_METHOD} and %%{REQUEST_HEADERS.name} stand for something")
	}
	v.groupsOf(op.Argument)
}

func (v *vetting) networks(op *Operator) {
	for part := range strings.SplitSeq(op.Argument, ",") {
		part = strings.TrimSpace(part)
		_, err := netip.ParsePrefix(part)
		if _, aerr := netip.ParseAddr(part); err != nil && (aerr != nil || strings.Contains(part, "%")) {
			v.bad(op.Name, "%q: want addresses and networks with commas between them, such as 10.0.0.0/8,2001:db8::/32", clip(part))
		}
	}
}

func (v *vetting) byteRange(op *Operator) {
	for part := range strings.SplitSeq(op.Argument, ",") {
		first, last, ranged := strings.Cut(strings.TrimSpace(part), "-")
		if !ranged {
			last = first
		}
		a, err1 := strconv.Atoi(first)
		b, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || a < 0 || b > 255 || a > b || strings.ContainsAny(part, "+") {
			v.bad(op.Name, "%q: want bytes and ranges such as 9,10,13,32-126", clip(part))
		}
	}
}

// pattern checks a regular expression. Go's take time in proportion to the
// text, whatever the pattern; how much of it, their size decides.
func (v *vetting) pattern(text string) {
	if len(text) > maxPattern {
		v.bad(`"`, "pattern of %d bytes: want at most %d", len(text), maxPattern)
		return
	}
	if namesBytes(text) {
		v.bad(`"`, `\x80 and above: engines differ on whether that is a byte or a character; write the character, or use @validateByteRange`)
		return
	}
	code, err := Instructions(text)
	if err != nil {
		v.bad(`"`, "%v", err)
		return
	}
	v.code += code
	if code > maxCode {
		v.bad(`"`, "pattern compiles to %d instructions: want at most %d, shorten its repetitions", code, maxCode)
	}
}

// Instructions is the size of a pattern's program, with the flags that the engine
// puts before it.
func Instructions(pattern string) (int, error) {
	tree, err := syntax.Parse("(?sm)"+pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}

// namesBytes reports whether a pattern has an escape such as \xe9.
func namesBytes(pattern string) bool {
	for i := 0; i+2 < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		if pattern[i+1] == 'x' && strings.IndexByte("89abcdefABCDEF", strings.TrimPrefix(pattern[i+2:]+" ", "{")[0]) >= 0 {
			return true
		}
		i++
	}
	return false
}

// growing are the transformations whose result is longer than the text.
var growing = map[string]bool{"base64encode": true, "hexencode": true, "urlencode": true, "utf8tounicode": true}

func (v *vetting) transformations(names []string) {
	grow := 0
	for _, n := range names {
		if growing[n] {
			grow++
		}
	}
	if len(names) > maxSteps || grow > maxGrowing {
		v.bad("t", "%d transformations, %d of them lengthen the text: want at most %d and %d", len(names), grow, maxSteps, maxGrowing)
	}
}

// actions are those that say what a match means. The last ones are taken and
// have no effect: rules that people have bring them along.
var actions = map[string]bool{
	"deny": true, "block": true, "pass": true, "nolog": true, "log": true, "setvar": true, "skipafter": true,
	"auditlog": true, "noauditlog": true, "logdata": true, "rev": true, "accuracy": true, "maturity": true,
}

var otherActions = map[string]string{
	"exec": "would run a program, which is not allowed", "ctl": "would change the inspection, which is not allowed: write an exception",
	"redirect": "not allowed: MERLON_BLOCK_STATUS and MERLON_BLOCK_HEADERS say how refusals look",
	"status":   "not allowed: MERLON_BLOCK_STATUS says how refusals look", "drop": "use deny",
	"allow": "would end the inspection, which is not allowed: write an exception", "skip": "use skipAfter and SecMarker",
	"initcol": "keeps state between events, which is not allowed", "expirevar": "keeps state between events, which is not allowed",
	"setenv": "would change the extension's environment, which is not allowed",
}

func (v *vetting) action(a Action) {
	switch {
	case !actions[a.Name]:
		v.bad(a.Name, "%s", cmp.Or(otherActions[a.Name], "action is not allowed"))
	case a.Name == "setvar":
		v.assignment(a.Value)
	case a.Name == "skipafter" && !isName(a.Value):
		v.bad(a.Name, "%s: want the name of a SecMarker", clip(a.Value))
	}
}

// assignment checks setvar. A value that is put together from others could
// double with every match.
func (v *vetting) assignment(text string) {
	name, assigned, _ := strings.Cut(strings.TrimPrefix(text, "!"), "=")
	name, ok := cutTX(name)
	switch {
	case !ok:
		v.bad("setvar", "%s: want tx.name=value: nothing is kept from one event to the next", clip(text))
		return
	case strings.HasPrefix(text, "!") && assigned != "":
		v.bad("setvar", "%s: want !tx.name without a value", clip(text))
	case !value(assigned):
		v.bad("setvar", "%s: want a plain text, +1, -1, or one of %%{MATCHED_VAR}, %%{MATCHED_VAR_NAME}, %%{TX.0} to %%{TX.9}", clip(assigned))
	}
	v.own(name)
	v.groupsOf(assigned)
}

func cutTX(name string) (string, bool) {
	if len(name) > 3 && strings.EqualFold(name[:3], "tx.") {
		return name[3:], true
	}
	return "", false
}
