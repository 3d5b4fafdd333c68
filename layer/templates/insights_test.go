package templates_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The part of the query language of CloudWatch Logs Insights that the templates
// use, read strictly: what is not known here is an error, and so is a field that
// no line of Merlon's can have.

// query is a pipe of commands.
type query []command

type command struct {
	name   string // fields, filter, stats, sort, limit
	terms  []term
	by     []term
	filter node
	desc   bool
	limit  int
}

// term is a column: a field, or a function of one, and what it is called.
type term struct{ fn, field, as string }

// node is a condition: a comparison, or two joined.
type node struct {
	op          string // and, or, =, >, in
	left, right *node
	field       string
	values      []string
}

var (
	fieldText = `@?[A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*`
	termText  = regexp.MustCompile(`^(?:(count|count_distinct|sum|min|max|bin)\(([^()]+)\)|(` + fieldText + `))(?: as ([a-z]+))?$`)
	condition = regexp.MustCompile(`^(` + fieldText + `) (?:(=|>) (\S+)|in (\[[^\]]*\]))$`)
	period    = regexp.MustCompile(`^[0-9]+[mhd]$`)
)

func parseQuery(text string) (q query, err error) {
	for part := range strings.SplitSeq(text, "|") {
		word, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
		c := command{name: word}
		switch word {
		case "fields":
			c.terms, err = terms(rest)
		case "filter":
			c.filter, err = parseFilter(rest)
		case "stats":
			what, by, _ := strings.Cut(rest, " by ")
			if c.terms, err = terms(what); err == nil && by != "" {
				c.by, err = terms(by)
			}
		case "sort":
			name, order, _ := strings.Cut(rest, " ")
			if c.terms, err = terms(name); err == nil && order != "asc" && order != "desc" {
				err = fmt.Errorf("sort %q", rest)
			}
			c.desc = order == "desc"
		case "limit":
			if c.limit, err = strconv.Atoi(rest); err == nil && (c.limit < 1 || c.limit > 10_000) {
				err = fmt.Errorf("limit %d", c.limit)
			}
		default:
			err = fmt.Errorf("command %q", word)
		}
		if err != nil {
			return nil, err
		}
		q = append(q, c)
	}
	return q, nil
}

func terms(text string) (out []term, err error) {
	for part := range strings.SplitSeq(text, ",") {
		m := termText.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, fmt.Errorf("column %q", part)
		}
		t := term{fn: m[1], field: m[3], as: m[4]}
		if t.fn != "" {
			t.field = m[2]
		}
		if t.fn == "bin" && !period.MatchString(t.field) || t.fn != "bin" && t.fn != "count" && !regexp.MustCompile("^"+fieldText+"$").MatchString(t.field) {
			return nil, fmt.Errorf("column %q", part)
		}
		t.as = cmp.Or(t.as, strings.TrimSpace(part))
		out = append(out, t)
	}
	return out, nil
}

func parseFilter(text string) (node, error) {
	text = strings.TrimSpace(text)
	// or binds weaker than and.
	for _, op := range []string{" or ", " and "} {
		if i := outside(text, op); i >= 0 {
			l, err := parseFilter(text[:i])
			if err != nil {
				return node{}, err
			}
			r, err := parseFilter(text[i+len(op):])
			return node{op: strings.TrimSpace(op), left: &l, right: &r}, err
		}
	}
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		return parseFilter(text[1 : len(text)-1])
	}
	m := condition.FindStringSubmatch(text)
	if m == nil {
		return node{}, fmt.Errorf("condition %q", text)
	}
	n := node{op: m[2], field: m[1], values: []string{strings.Trim(m[3], `"`)}}
	if m[4] != "" {
		n.op, n.values = "in", nil
		if err := json.Unmarshal([]byte(m[4]), &n.values); err != nil {
			return node{}, fmt.Errorf("condition %q: %w", text, err)
		}
	}
	return n, nil
}

// outside finds op outside brackets.
func outside(text, op string) int {
	depth := 0
	for i := range text {
		switch text[i] {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		}
		if depth == 0 && strings.HasPrefix(text[i:], op) {
			return i
		}
	}
	return -1
}

// row is one log event, or one line of a result, flattened as Logs Insights
// flattens JSON: a.b, and a.0 for the first of a list.
type row map[string]string

func flatten(line string) (row, error) {
	var v map[string]any
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		return nil, err
	}
	r := row{"@message": line}
	r.put("", v)
	r["@timestamp"] = r["timestamp"]
	return r, nil
}

func (r row) put(at string, v any) {
	name := func(key string) string { return strings.TrimPrefix(at+"."+key, ".") }
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			r.put(name(k), x)
		}
	case []any:
		for i, x := range v {
			r.put(name(strconv.Itoa(i)), x)
		}
	case bool: // Logs Insights has true as 1
		r[at] = map[bool]string{true: "1", false: "0"}[v]
	case float64:
		r[at] = strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		r[at] = v
	}
}

func (n *node) holds(r row) bool {
	switch n.op {
	case "and":
		return n.left.holds(r) && n.right.holds(r)
	case "or":
		return n.left.holds(r) || n.right.holds(r)
	case ">":
		return number(r[n.field]) > number(n.values[0])
	}
	v, ok := r[n.field]
	return ok && slices.Contains(n.values, v)
}

func number(s string) float64 {
	f, _ := strconv.ParseFloat(s, 64) // what is none counts nothing
	return f
}

// run runs a query over lines.
func (q query) run(rows []row) []row {
	for _, c := range q {
		switch c.name {
		case "filter":
			rows = slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !c.filter.holds(r) })
		case "stats":
			rows = c.stats(rows)
		case "sort":
			by := c.terms[0].field
			slices.SortStableFunc(rows, func(a, b row) int {
				order := cmp.Or(cmp.Compare(number(a[by]), number(b[by])), cmp.Compare(a[by], b[by]))
				if c.desc {
					return -order
				}
				return order
			})
		case "limit":
			rows = rows[:min(len(rows), c.limit)]
		}
	}
	return rows
}

func (c *command) stats(rows []row) []row {
	groups := map[string][]row{}
	var order []string
	for _, r := range rows {
		key := ""
		for _, t := range c.by {
			key += t.of(r) + "\x00"
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], r)
	}
	var out []row
	for _, key := range order {
		g := groups[key]
		line := row{}
		for _, t := range c.by {
			line[t.as] = t.of(g[0])
		}
		for _, t := range c.terms {
			line[t.as] = t.over(g)
		}
		out = append(out, line)
	}
	return out
}

// of is the value of a column that groups.
func (t *term) of(r row) string {
	if t.fn == "bin" { // of an hour, which is what the templates ask for
		return strings.SplitN(r["@timestamp"], ":", 2)[0]
	}
	return r[t.field]
}

// over is the value of a column that sums up.
func (t *term) over(g []row) string {
	sum, seen := 0.0, map[string]bool{}
	var all []string
	for _, r := range g {
		if v, ok := r[t.field]; ok {
			sum += number(v)
			seen[v] = true
			all = append(all, v)
		}
	}
	switch t.fn {
	case "count":
		return strconv.Itoa(len(g))
	case "count_distinct":
		return strconv.Itoa(len(seen))
	case "sum":
		return strconv.FormatFloat(sum, 'f', -1, 64)
	}
	slices.Sort(all)
	switch {
	case len(all) == 0:
		return ""
	case t.fn == "min":
		return all[0]
	}
	return all[len(all)-1]
}

// uses are the fields of lines that a query names; columns that it makes itself
// are not among them.
func (q query) uses() (fields []string) {
	made := map[string]bool{}
	use := func(name string) {
		if !made[name] && name != "*" && name != "@timestamp" {
			fields = append(fields, name)
		}
	}
	var walk func(*node)
	walk = func(n *node) {
		if n.left != nil {
			walk(n.left)
			walk(n.right)
			return
		}
		use(n.field)
	}
	for _, c := range q {
		if c.name == "filter" {
			walk(&c.filter)
		}
		for _, t := range append(slices.Clone(c.terms), c.by...) {
			if t.fn != "bin" {
				use(t.field)
			}
			made[t.as] = true
		}
	}
	return fields
}
