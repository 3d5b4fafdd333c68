package profile

import (
	"strings"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// The groups of fields.
const (
	groupQuery  = "#query"
	groupCookie = "#cookie"
	groupBody   = "#body"
	groupEvent  = "#event"
)

// routeOf is the place of an event: its trigger, and for HTTP method and route.
// The template of the front end counts where it names one; a route that takes
// any path goes by the path with what varies replaced.
func routeOf(ev *event.Event) Place {
	at := Place{string(ev.Source)}
	if ev.HTTP == nil {
		return at
	}
	method := ev.HTTP.Method
	if len(method) > 16 || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		method = "OTHER"
	}
	at = append(at, method)
	_, template, ok := strings.Cut(ev.HTTP.Route, " ")
	if !ok && strings.HasPrefix(ev.HTTP.Route, "/") {
		template, ok = ev.HTTP.Route, true
	}
	if ok && !strings.Contains(template, "+}") && strings.HasPrefix(template, "/") {
		for step := range strings.SplitSeq(template[1:], "/") {
			at = append(at, "/"+step)
		}
		return at
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(ev.HTTP.Path, "/"), "/") {
		if len(at) >= maxDepth {
			at = append(at, "/…")
			break
		}
		at = append(at, "/"+segmentOf(step))
	}
	return at
}

// segmentOf is a segment of a path with what varies from one request to the next
// replaced by its kind. It looks at nothing but the segment, so the order of
// requests does not matter.
func segmentOf(s string) string {
	classes := classesOf(s)
	switch formatOf(s, classes) {
	case formatInteger:
		return "{int}"
	case formatUUID:
		return "{uuid}"
	case formatDate, formatDateTime:
		return "{date}"
	case formatHex:
		return "{hex}"
	case formatEmail:
		return "{email}"
	case formatIPv4, formatDecimal:
		return "{number}"
	}
	const word = classLower | classUpper | classDigit | classHyphen | classUnderscore | classDot | classLetter
	digits := 0
	for i := 0; i < len(s); i++ {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	switch {
	case len(s) > 48 || classes&^word != 0:
		return "{text}"
	case digits >= 3 || digits == 2 && len(s) >= 8, !named(s):
		return "{id}"
	}
	return s
}

// otherName stands for the names of members that nobody has given.
const otherName = "{other}"

// maxKey bounds the name of a member; nobody calls one by a longer one.
const maxKey = 96

// member is the step to a member of an object.
func member(key string) string {
	if !named(key) {
		return "." + otherName
	}
	return "." + key
}

// group is the group a leaf belongs to, and whether it goes by its name alone.
// What a front end adds of its own is no part of an interface.
func group(ev *event.Event, l *event.Leaf) (name string, byName bool) {
	if l.Folded {
		return "", false
	}
	if ev.HTTP == nil {
		if l.Place == verdict.PlaceArgument {
			return groupEvent, false
		}
		return "", false
	}
	switch l.Place {
	case verdict.PlaceQuery:
		return groupQuery, true
	case verdict.PlaceCookie:
		return groupCookie, true
	case verdict.PlaceBody:
		return groupBody, false
	}
	return "", false
}
