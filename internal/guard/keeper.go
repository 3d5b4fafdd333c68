package guard

import (
	"context"

	"github.com/merlon-security/merlon/internal/event"
)

// Keeper keeps the records that are taken out of events.
type Keeper interface {
	// Usable reports whether every record of an event could be kept, as far as can
	// be told beforehand.
	Usable(ev *event.Event) bool
	// Keep returns when the records are durable, or can be read again at their
	// source. On an error the source still has them.
	Keep(ctx context.Context, k Kept) error
}

// Kept are the records of one event that are about to be taken out of it.
type Kept struct {
	VerdictID, RequestID, FunctionARN string
	Source                            event.Source
	Records                           []KeptRecord
}

// KeptRecord is one record: where it stood in the event, how its source names
// it, and its JSON. An event without records is kept whole, as one.
type KeptRecord struct {
	Index  int
	Record event.Record
	Body   []byte
}

// usable reports whether removed records can be had again. What the keeper
// cannot store may still stand at its source, where the verdict points.
func (g *Guard) usable(ev *event.Event, records []event.Record) bool {
	if g.Keeper != nil {
		return g.Keeper.Usable(ev)
	}
	for i := range records {
		if records[i].Pointer == "" {
			return false
		}
	}
	return true
}
