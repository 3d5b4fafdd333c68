package emulator

import (
	"encoding/json"
	"fmt"
	"slices"
)

// extensionPhase is where an extension stands, named as in the service's error
// messages.
type extensionPhase string

const (
	extensionStarted     extensionPhase = "Started"
	extensionRegistered  extensionPhase = "Registered"
	extensionReady       extensionPhase = "Ready"
	extensionRunning     extensionPhase = "Running"
	extensionInitError   extensionPhase = "InitError"
	extensionExitError   extensionPhase = "ExitError"
	extensionLaunchError extensionPhase = "LaunchError"
)

// maxExtensions counts internal ones too ("Lambda quotas").
const maxExtensions = 10

// extension is guarded by environment.mu.
type extension struct {
	name     string
	id       string
	external bool // a file in extensions/, as opposed to a part of the runtime's process
	phase    extensionPhase
	events   []string // subscriptions
	process  *process // nil for internal ones, and with Options.External
	inbox    chan extensionEvent
	errType  string
}

// extensionEvent is the body of an answer to event/next.
type extensionEvent struct {
	kind string
	body []byte
}

const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

func newExtension(name string, external bool) *extension {
	return &extension{
		name:     name,
		id:       newUUID(),
		external: external,
		phase:    extensionStarted,
		// An INVOKE that was not collected yet, and the SHUTDOWN behind it.
		inbox: make(chan extensionEvent, 2),
	}
}

func (x *extension) subscribed(event string) bool {
	return slices.Contains(x.events, event)
}

// registered reports that the extension is past register and took part in INIT.
func (x *extension) registered() bool {
	return x.phase != extensionStarted && x.phase != extensionLaunchError
}

func (x *extension) transitionError(to extensionPhase) error {
	//lint:ignore ST1005 the service's own words
	return fmt.Errorf("State transition from %s to %s failed for extension %s. Error: %s", x.phase, to, x.id, causeNotAllowed)
}

// send puts an event where the extension's next poll, blocked or still to
// come, finds it.
func (x *extension) send(event extensionEvent) {
	select {
	case x.inbox <- event:
		if x.phase == extensionReady {
			x.phase = extensionRunning
		}
	default:
		// Full means that the extension left two events uncollected; a third
		// has nobody to read it.
	}
}

func invokeEvent(inv *invocation) extensionEvent {
	return encodeEvent(eventInvoke, map[string]any{
		"eventType":          eventInvoke,
		"deadlineMs":         inv.deadline.UnixMilli(),
		"requestId":          inv.id,
		"invokedFunctionArn": inv.arn,
		"tracing":            map[string]string{"type": "X-Amzn-Trace-Id", "value": inv.trace},
	})
}

func encodeEvent(kind string, document map[string]any) extensionEvent {
	body, err := json.Marshal(document)
	if err != nil {
		panic("bug: extension event does not marshal: " + err.Error())
	}
	return extensionEvent{kind: kind, body: body}
}

// The conditions of the life cycle; all are called with mu held.

func (e *environment) externalRegistered() bool {
	return !slices.ContainsFunc(e.extensions, func(x *extension) bool {
		return x.external && !x.registered()
	})
}

func (e *environment) extensionsReady() bool {
	return !slices.ContainsFunc(e.extensions, func(x *extension) bool {
		return x.registered() && x.phase != extensionReady
	})
}

// invokeSubscribersIdle is how the extensions' part of an invocation ends.
func (e *environment) invokeSubscribersIdle() bool {
	return !slices.ContainsFunc(e.extensions, func(x *extension) bool {
		return x.subscribed(eventInvoke) && x.phase != extensionReady
	})
}
