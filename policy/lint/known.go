package lint

import (
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/policy/rules"
	"github.com/merlon-security/merlon/policy/seclang"
	"github.com/merlon-security/merlon/policy/waf"
)

// rule is what is known of a rule that an exception or a mode may name.
type rule struct {
	level   int  // paranoia level from which it is evaluated
	finds   bool // a match of it is a finding
	places  placeSet
	classes []string
}

// placeSet is a set of places.
type placeSet uint16

const anywhere = ^placeSet(0)

func places(ps ...verdict.Place) (s placeSet) {
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

func (s placeSet) has(p verdict.Place) bool { return s&(1<<p) != 0 }

// String lists the places as policies name them.
func (s placeSet) String() string {
	var names []string
	for p := verdict.PlaceMethod; p <= verdict.PlaceResponse; p++ {
		if s.has(p) {
			names = append(names, p.String())
		}
	}
	return strings.Join(names, ", ")
}

// arguments are the places of what rules see as arguments.
var arguments = places(verdict.PlacePath, verdict.PlaceQuery, verdict.PlaceBody, verdict.PlaceArgument, verdict.PlaceContext,
	verdict.PlaceCookie) // what a library undoes in a cookie stands in no header

// lookAt maps the variables of rules to the places of what they hold.
var lookAt = map[string]placeSet{
	"ARGS": arguments, "ARGS_NAMES": arguments, "ARGS_POST": arguments, "ARGS_POST_NAMES": arguments,
	"ARGS_GET": places(verdict.PlaceQuery), "ARGS_GET_NAMES": places(verdict.PlaceQuery), "ARGS_PATH": places(verdict.PlacePath),
	"REQUEST_HEADERS": places(verdict.PlaceHeader), "REQUEST_HEADERS_NAMES": places(verdict.PlaceHeader),
	"REQUEST_COOKIES": places(verdict.PlaceCookie), "REQUEST_COOKIES_NAMES": places(verdict.PlaceCookie),
	"REQUEST_FILENAME": places(verdict.PlacePath, verdict.PlaceTarget), "REQUEST_BASENAME": places(verdict.PlacePath, verdict.PlaceTarget),
	"REQUEST_METHOD": places(verdict.PlaceMethod),
	"REQUEST_URI":    places(verdict.PlaceTarget), "REQUEST_URI_RAW": places(verdict.PlaceTarget), "REQUEST_LINE": places(verdict.PlaceTarget),
	"REQUEST_PROTOCOL": places(verdict.PlaceTarget), "QUERY_STRING": places(verdict.PlaceTarget), "REMOTE_ADDR": places(verdict.PlaceTarget),
	"RESPONSE_BODY": places(verdict.PlaceResponse), "RESPONSE_STATUS": 0, "RESPONSE_HEADERS": 0,
	// Nothing of an event reaches these.
	"XML": 0, "JSON": 0, "FILES": 0, "FILES_NAMES": 0, "REQUEST_BODY": 0, "MULTIPART_FILENAME": 0, "MULTIPART_PART_HEADERS": 0,
}

// tops are the keys of an HTTP event, and the places of what may stand below.
var tops = map[string]placeSet{
	"body":                            places(verdict.PlaceBody, verdict.PlaceArgument),
	"headers":                         places(verdict.PlaceHeader, verdict.PlaceCookie, verdict.PlaceArgument),
	"multiValueHeaders":               places(verdict.PlaceHeader, verdict.PlaceCookie, verdict.PlaceArgument),
	"cookies":                         places(verdict.PlaceHeader, verdict.PlaceCookie, verdict.PlaceArgument),
	"queryStringParameters":           places(verdict.PlaceQuery, verdict.PlaceArgument),
	"multiValueQueryStringParameters": places(verdict.PlaceQuery, verdict.PlaceArgument),
	"rawQueryString":                  places(verdict.PlaceQuery, verdict.PlaceArgument),
}

// loaded lists all rules of all levels, and the policy's own. A rule that a
// lower level leaves out is known all the same: an exception for it is dead, not
// mistaken.
func loaded(p *policy.Policy) (map[int]rule, error) {
	all, err := embedded()
	if err != nil {
		return nil, err
	}
	known := maps.Clone(all)
	for i := range p.SecRules {
		if r := &p.SecRules[i]; r.Marker == "" {
			d := describe(r, 1)
			d.finds = waf.Reports(r)
			known[r.ID] = d
		}
	}
	for _, r := range p.Rules {
		known[r.ID] = rule{level: 1, finds: true, places: anywhere, classes: classes(r.Tags)}
	}
	return known, nil
}

// embedded lists the rules that come with Merlon. They are read once: there is
// half a megabyte of them.
var embedded = sync.OnceValues(func() (map[int]rule, error) {
	known := map[int]rule{}
	for _, part := range []rules.Part{rules.Requests, rules.Pages, rules.Errors} {
		for level := 4; level >= 1; level-- {
			text := rules.StockOperators(rules.SecLang(rules.Options{Part: part, Paranoia: level, Threshold: 5}))
			parsed, err := seclang.Parse(seclang.Source{Name: "rules", Text: text})
			if err != nil {
				return nil, fmt.Errorf("bug: the embedded rules: %w", err)
			}
			for i := range parsed {
				if r := &parsed[i]; r.Marker == "" {
					known[r.ID] = describe(r, level)
				}
			}
		}
	}
	for _, r := range waf.LeakRules() {
		known[r.ID] = rule{level: 1, finds: true, places: places(verdict.PlaceResponse), classes: classes(r.Tags)}
	}
	return known, nil
})

func describe(r *seclang.Rule, level int) rule {
	d := rule{level: level, classes: classes(r.Tags), finds: waf.Detects(r)}
	for _, v := range r.Variables {
		at, ok := lookAt[v.Name]
		if !ok || v.Count {
			at = anywhere
		}
		d.places |= at
	}
	if len(r.Variables) == 0 {
		d.places = anywhere
	}
	return d
}

func classes(tags []string) (out []string) {
	for _, t := range tags {
		if class, ok := verdict.Class(t); ok {
			out = append(out, class)
		}
	}
	return out
}
