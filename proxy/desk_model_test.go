package proxy

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// TestDeskLosesAndDoublesNothing plays arrivals, departures and landings in
// random order: every event reaches exactly one poll that is still there, or is
// held, and there are never more flights than polls that asked.
func TestDeskLosesAndDoublesNothing(t *testing.T) {
	for seed := range uint64(300) {
		m := model{T: t, random: rand.New(rand.NewPCG(seed, 0)), seen: map[string]int{}}
		for range 200 {
			m.step()
		}
		m.finish()
	}
}

type model struct {
	*testing.T
	random  *rand.Rand
	desk    desk
	waiters []*waiter
	flights []*flight // in the air
	events  int
	arrived int
	seen    map[string]int
}

func (m *model) step() {
	switch m.random.IntN(4) {
	case 0, 1:
		m.arrive()
	case 2:
		if len(m.flights) > 0 {
			m.land(m.random.IntN(len(m.flights)))
		}
	case 3:
		if len(m.waiters) > 0 {
			m.leave(m.random.IntN(len(m.waiters)))
		}
	}
	m.collect()
	if len(m.flights) > m.arrived {
		m.Fatalf("%d flights for %d polls", len(m.flights), m.arrived)
	}
	if want := len(m.desk.waiting) + len(m.desk.orphans); len(m.flights) != want {
		m.Fatalf("%d flights, want %d: one for each waiter, and the orphans", len(m.flights), want)
	}
	if len(m.desk.held) > 0 && len(m.desk.waiting) > 0 {
		m.Fatal("an event is held while someone waits")
	}
}

func (m *model) arrive() {
	m.arrived++
	kept, w, start := m.desk.arrive()
	if kept != nil {
		m.seen[kept.event.ID]++
		return
	}
	m.waiters = append(m.waiters, w)
	if start != nil {
		m.flights = append(m.flights, start)
	}
}

func (m *model) land(i int) {
	m.events++
	m.desk.land(m.flights[i], eventNamed(strconv.Itoa(m.events)))
	m.flights = slices.Delete(m.flights, i, i+1)
}

func (m *model) leave(i int) {
	w := m.waiters[i]
	m.waiters = slices.Delete(m.waiters, i, i+1)
	if got, landed := m.desk.leave(w); landed {
		m.desk.hold(got)
	}
}

// collect takes what waiters were given. Half of the time it is late, so that
// some leave with an event in their hands.
func (m *model) collect() {
	if m.random.IntN(2) == 0 {
		return
	}
	m.take()
}

func (m *model) take() {
	m.waiters = slices.DeleteFunc(m.waiters, func(w *waiter) bool {
		select {
		case got := <-w.landed:
			m.seen[got.event.ID]++
			return true
		default:
			return false
		}
	})
}

func (m *model) finish() {
	m.take()
	for _, got := range m.desk.held {
		m.seen[got.event.ID]++
	}
	if len(m.seen) != m.events {
		m.Errorf("%d events accounted for, want %d", len(m.seen), m.events)
	}
	for id, n := range m.seen {
		if n != 1 {
			m.Errorf("event %s reached %d polls", id, n)
		}
	}
}
