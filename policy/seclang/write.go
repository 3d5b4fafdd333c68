package seclang

import (
	"cmp"
	"fmt"
	"strings"
)

// operatorNames are the names as Coraza 3.8.1 knows them; it minds their case.
var operatorNames = map[string]string{
	"beginswith": "beginsWith", "endswith": "endsWith", "detectsqli": "detectSQLi", "detectxss": "detectXSS",
	"validatebyterange": "validateByteRange", "validateurlencoding": "validateUrlEncoding", "validateutf8encoding": "validateUtf8Encoding",
	"ipmatch": "ipMatch", "nomatch": "noMatch", "unconditionalmatch": "unconditionalMatch",
}

// Write puts rules that Vet has taken into text for an engine. It writes what
// they match and which variables they set, and nothing else: messages, tags and
// what to do about a match stay here. So an engine is given only what was
// understood, however it would have read the rest. rename gives some operators
// other names.
func Write(rules []Rule, rename map[string]string) string {
	var b strings.Builder
	for i := range rules {
		r := &rules[i]
		if r.Marker != "" {
			fmt.Fprintf(&b, "SecMarker %s\n", r.Marker)
			continue
		}
		links := r.Links()
		for j := range links {
			links[j].write(&b, j < len(links)-1, rename)
		}
	}
	return b.String()
}

func (r *Rule) write(b *strings.Builder, chained bool, rename map[string]string) {
	if r.Operator.Name == "" {
		b.WriteString("SecAction ")
	} else {
		b.WriteString("SecRule ")
		for i := range r.Variables {
			if i > 0 {
				b.WriteByte('|')
			}
			r.Variables[i].write(b)
		}
		name := cmp.Or(operatorNames[strings.ToLower(r.Operator.Name)], strings.ToLower(r.Operator.Name))
		b.WriteString(` "`)
		if r.Operator.Negated {
			b.WriteByte('!')
		}
		b.WriteString("@" + cmp.Or(rename[name], name) + " " + strings.ReplaceAll(r.Operator.Argument, `"`, `\"`) + `" `)
	}
	b.WriteString(`"` + strings.Join(r.actions(chained), ",") + "\"\n")
}

func (r *Rule) actions(chained bool) []string {
	out := []string{"t:none"}
	if r.ID > 0 {
		out = append(out, fmt.Sprintf("id:%d,phase:%d,pass,nolog", r.ID, r.Phase))
	}
	for _, t := range r.Transformations {
		out = append(out, "t:"+t)
	}
	if r.Capture {
		out = append(out, "capture")
	}
	if r.MultiMatch {
		out = append(out, "multiMatch")
	}
	for _, a := range r.Actions {
		switch a.Name {
		case "setvar":
			out = append(out, "setvar:'"+a.Value+"'")
		case "skipafter":
			out = append(out, "skipAfter:"+a.Value)
		}
	}
	if chained {
		out = append(out, "chain")
	}
	return out
}

func (v *Variable) write(b *strings.Builder) {
	if v.Count {
		b.WriteByte('&')
	}
	b.WriteString(v.Name)
	Selector{v.Key, v.Regex}.write(b)
	for _, e := range v.Except {
		b.WriteString("|!" + v.Name)
		e.write(b)
	}
}

func (s Selector) write(b *strings.Builder) {
	switch {
	case s.Regex:
		b.WriteString(":/" + s.Key + "/")
	case s.Key != "":
		b.WriteString(":" + s.Key)
	}
}
