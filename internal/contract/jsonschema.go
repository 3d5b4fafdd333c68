package contract

import (
	"errors"
	"fmt"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/profile"
)

// payloads are where services put what a sender wrote, below the event.
var payloads = map[event.Source]profile.Place{
	event.Direct:      nil,
	event.SQS:         {".Records", "[]", ".body"},
	event.SNS:         {".Records", "[]", ".Sns", ".Message"},
	event.Kinesis:     {".Records", "[]", ".kinesis", ".data"},
	event.EventBridge: {".detail"},
}

// FromSchema reads a JSON Schema: of the body of an HTTP route, of what a sender
// writes into a queue, topic, stream or bus, or of the event of a direct invocation.
func FromSchema(data []byte, opt Options) (profile.Trigger, error) {
	t := profile.Trigger{Trigger: string(opt.Trigger)}
	top, err := decode(data)
	if err != nil {
		return t, err
	}
	r := &reader{top: top, closed: opt.Closed, left: maxFields}
	n, err := r.schema(top, "#", 0)
	if err != nil {
		return t, err
	}
	if opt.Trigger.IsHTTP() {
		if opt.Route == "" {
			return t, errors.New("a schema of a request body wants a route, such as POST /orders")
		}
		t.Routes = []profile.Route{{Route: opt.Route, Query: []profile.Field{{Path: ".", Open: true}},
			Cookies: []profile.Field{{Path: ".", Open: true}}, Body: distinct(r.fields(nil, n))}}
		return t, nil
	}
	at, ok := payloads[opt.Trigger]
	if !ok {
		return t, fmt.Errorf("trigger %q: want one of %s, %s, %s, %s, %s, or one that brings HTTP requests", opt.Trigger,
			event.Direct, event.SQS, event.SNS, event.Kinesis, event.EventBridge)
	}
	t.Event = distinct(r.fields(at, n))
	for i := range at { // what the service writes around it
		t.Event = append(t.Event, profile.Field{Path: profile.PathOf(at[:i]), Open: true})
	}
	return t, nil
}
