package quarantine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/merlon-security/merlon/internal/awsapi"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/verdict"
)

// Entry is what one invocation gives up: the records removed from its event.
type Entry struct {
	VerdictID, RequestID, FunctionARN string
	Source                            event.Source
	Items                             []Item
}

// Item is one record: where it stood in the batch, how its source names it, and
// its JSON.
type Item struct {
	Index  int
	Record event.Record
	Body   []byte
}

// Options say where records go.
type Options struct {
	// Target is pointer, log, off, s3://bucket/prefix or a queue's https:// URL,
	// as MERLON_QUARANTINE has it.
	Target string
	// Recipient is the age X25519 public key payloads are sealed to; empty for
	// none.
	Recipient string
	// Env looks up a variable of the process: the credentials, region and log
	// group that Lambda sets. No setting of the function's author is read.
	Env func(name string) string
	Out io.Writer // where log lines go: stdout
	Now func() time.Time
	// Notify is told, from any goroutine, what an operator should hear.
	Notify func(Notice)
}

// Notice is something an operator should hear. Each kind is told at its 1st,
// 2nd, 4th, 8th … occurrence.
type Notice struct {
	Message string // a constant
	Remedy  string // empty where there is nothing to do
	Source  event.Source
	Count   uint64
	Err     error // nil if there is none
}

// Keeper keeps records. It is safe for concurrent use.
type Keeper struct {
	store    store // nil for pointer and off
	fallback store // where lines go if store fails; nil for nowhere
	off      bool
	seal     *sealer // nil for plain text
	target   target
	ownGroup string // the function's log group; empty if unknown
	now      func() time.Time
	once     *once
	notices  notices
}

// store writes the lines of one entry. id is unique, and fit for a name.
type store interface {
	put(ctx context.Context, id string, lines [][]byte) error
}

// target is what a feedback loop is recognised by.
type target struct {
	log    bool
	bucket string
	queue  string // region:account:name
}

// storeCap is the longest that a store other than the log may take: the caller
// waits, and only for events from which something was removed.
const storeCap = time.Second

// New makes a Keeper. With the default target, pointer, it costs one small
// allocation; connections and credentials are made when a record is first kept.
func New(o Options) (*Keeper, error) { return newKeeper(o, awsapi.Network{}) }

func newKeeper(o Options, n awsapi.Network) (*Keeper, error) {
	k := &Keeper{now: o.Now, notices: notices{notify: o.Notify}}
	var err error
	switch {
	case o.Target == "pointer", o.Target == "off":
		k.off = o.Target == "off"
		if o.Recipient != "" {
			k.notices.add(Notice{Message: "MERLON_QUARANTINE_KEY has no effect: MERLON_QUARANTINE=" + o.Target + " keeps no payloads",
				Remedy: "set MERLON_QUARANTINE to log, s3://… or a queue, or remove the key"})
		}
		return k, nil
	case o.Target == "log" && o.Recipient == "":
		return nil, errors.New("MERLON_QUARANTINE=log needs a public key in MERLON_QUARANTINE_KEY: make a pair with merlon quarantine keygen")
	}
	if o.Recipient != "" {
		if k.seal, err = newSealer(o.Recipient); err != nil {
			return nil, err
		}
	}
	k.ownGroup = o.Env("AWS_LAMBDA_LOG_GROUP_NAME")
	k.once = newOnce()
	log := &logStore{out: o.Out, turn: make(chan struct{}, 1), budget: budget{perMinute: logBytesPerMinute, now: o.Now}}
	switch {
	case o.Target == "log":
		k.store, k.target.log = log, true
		return k, nil
	case strings.HasPrefix(o.Target, "s3://"):
		k.store, err = newS3(o, &k.target, n)
	case strings.HasPrefix(o.Target, "https://"):
		k.store, err = newSQS(o, &k.target, n)
	default:
		err = fmt.Errorf("quarantine %q: want pointer, log, off, s3://BUCKET/PREFIX or an SQS queue's https:// address", o.Target)
	}
	if err != nil {
		return nil, err
	}
	if k.seal != nil {
		k.fallback = log
	}
	return k, nil
}

// Usable reports whether Keep can make the removal of records of ev durable. If
// not, ev must be delivered whole; the reason has been told.
func (k *Keeper) Usable(ev *event.Event) bool {
	switch {
	case k.off:
		return true // the operator's explicit choice: the verdict alone remains
	case k.store == nil:
		return k.pointers(ev)
	}
	if err := k.loop(ev); err != nil {
		k.notices.add(Notice{Message: "quarantine would feed this function's own events; its records are not removed",
			Remedy: "set MERLON_QUARANTINE to a target that this function does not read", Source: ev.Source, Err: err})
		return false
	}
	return true
}

// pointers reports whether every record of ev can be read again at its source.
func (k *Keeper) pointers(ev *event.Event) bool {
	ok := len(ev.Spans) > 0
	for i := range ev.Spans {
		ok = ok && ev.Spans[i].Pointer != ""
	}
	if !ok {
		k.notices.add(Notice{Message: "records of this source cannot be read again once removed; they are not removed",
			Remedy: "set MERLON_QUARANTINE to log, s3://… or a queue; off removes them for good", Source: ev.Source})
	}
	return ok
}

// Keep establishes: if the error is nil, every item is in the store, or can be
// read at its source by its pointer, or the operator has chosen to keep nothing.
// After an error some items may be in the store all the same.
func (k *Keeper) Keep(ctx context.Context, e Entry) error {
	switch {
	case k.off:
		return nil
	case k.store == nil:
		for i := range e.Items {
			if e.Items[i].Record.Pointer == "" {
				return fmt.Errorf("quarantine record %d of %s: it has no pointer", e.Items[i].Index, e.Source)
			}
		}
		return nil
	}
	var lines [][]byte
	var keys []onceKey
	for i := range e.Items {
		key, counted := k.once.key(e.Source, &e.Items[i])
		if counted && k.once.seen(key) {
			k.notices.add(Notice{Message: "a record that is in quarantine came again", Source: e.Source})
			continue
		}
		encoded, err := k.encode(&e, &e.Items[i])
		if err != nil {
			return err
		}
		lines = append(lines, encoded...)
		if counted {
			keys = append(keys, key)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	if err := k.put(ctx, e.Source, lines); err != nil {
		return err
	}
	k.once.add(keys)
	return nil
}

func (k *Keeper) put(ctx context.Context, source event.Source, lines [][]byte) error {
	id := verdict.NewID(k.now())
	err := k.store.put(ctx, id, lines)
	if err == nil {
		return nil
	}
	n := Notice{Message: "the quarantine store does not take records", Source: source, Err: err,
		Remedy: "check its name, region and permissions (docs/QUARANTINE.md)"}
	defer func() { k.notices.add(n) }()
	// A function that reads log groups might read its own; Usable looked for a
	// loop through the store, not through the log.
	if k.fallback == nil || source == event.CWLogs {
		return err
	}
	if ferr := k.fallback.put(ctx, id, lines); ferr != nil {
		return errors.Join(err, ferr)
	}
	n.Message = "the quarantine store does not take records; they are in the log, sealed"
	return nil
}
