package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
)

// TestD1DecodingEndsInTime gives an event of a hundred thousand values no time:
// it has to say so, and the text it did not get to has to be accounted for.
func TestD1DecodingEndsInTime(t *testing.T) {
	raw := `{"a":[` + strings.Repeat(`"some words",`, 100_000) + `"end"],"q":"<script>"}`
	lim := event.DefaultLimits()
	lim.Until = time.Now().Add(-time.Second)
	ev := event.Decode([]byte(raw), nil, lim)
	if len(ev.Limits) != 1 || ev.Limits[0] != "time" {
		t.Errorf("limits %v, want time", ev.Limits)
	}
	bytes := ev.Skipped
	for i := range ev.Leaves {
		bytes += len(ev.Leaves[i].Value)
	}
	if len(ev.Leaves) > 10_000 || bytes < len(raw)/2 {
		t.Errorf("%d leaves, %d of %d bytes accounted for", len(ev.Leaves), bytes, len(raw))
	}
	lim.Until = time.Now().Add(time.Hour)
	if ev := event.Decode([]byte(raw), nil, lim); len(ev.Limits) > 0 || len(ev.Leaves) < 100_000 {
		t.Errorf("with time: limits %v, %d leaves", ev.Limits, len(ev.Leaves))
	}
}
