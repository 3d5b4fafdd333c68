package quarantine

import "sync"

// notices thins out what an operator is told: whoever can send records could
// otherwise fill the log.
type notices struct {
	notify func(Notice)

	mu     sync.Mutex
	counts map[noticeKey]uint64 // by constants and sources, so bounded
}

type noticeKey struct {
	message string
	source  string
}

func (n *notices) add(x Notice) {
	if x.Count = n.count(noticeKey{x.Message, string(x.Source)}); x.Count&(x.Count-1) == 0 {
		n.notify(x)
	}
}

func (n *notices) count(key noticeKey) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counts == nil {
		n.counts = map[noticeKey]uint64{}
	}
	n.counts[key]++
	return n.counts[key]
}
