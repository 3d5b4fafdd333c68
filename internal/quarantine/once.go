package quarantine

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"sync"

	"github.com/merlon-security/merlon/internal/event"
)

// once knows the last records that were kept: an SQS message that is reported
// as failed comes again, and one that poisons a stream comes again and again.
type once struct {
	mu    sync.Mutex
	known map[onceKey]bool
	ring  [onceSize]onceKey
	next  int
}

// onceKey never leaves the process: a bare hash of a short payload tells the
// payload to whoever guesses it.
type onceKey [sha256.Size]byte

// onceSize bounds the memory: 32 bytes an entry, twice, and the map.
const onceSize = 1024

func newOnce() *once { return &once{known: map[onceKey]bool{}} }

// key identifies a record by what its source calls it and what it holds. A
// record without a name is not identified: two with the same text may be two.
func (o *once) key(source event.Source, it *Item) (key onceKey, ok bool) {
	if it.Record.ID == "" && it.Record.Pointer == "" {
		return key, false
	}
	h := sha256.New()
	for _, s := range [...]string{string(source), it.Record.ID, it.Record.Pointer} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(s))) // a hash takes everything
		h.Write([]byte(s))
	}
	h.Write(content(source, it.Body))
	h.Sum(key[:0])
	return key, true
}

// content is what stays the same when a record comes again: an SQS message has
// another receipt handle and receive count each time.
func content(source event.Source, record []byte) []byte {
	var m struct {
		Body  json.RawMessage `json:"body"`
		Attrs json.RawMessage `json:"messageAttributes"`
	}
	if source != event.SQS || json.Unmarshal(record, &m) != nil || m.Body == nil {
		return record
	}
	return append(append(append([]byte(nil), m.Body...), 0), m.Attrs...)
}

func (o *once) seen(key onceKey) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known[key]
}

// add remembers what has been kept, and forgets the oldest.
func (o *once) add(keys []onceKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, k := range keys {
		if o.known[k] {
			continue
		}
		delete(o.known, o.ring[o.next])
		o.ring[o.next], o.known[k] = k, true
		o.next = (o.next + 1) % onceSize
	}
}
