package runtimes_test

import (
	"sync"
	"testing"
)

// TestParity runs every case directly and behind the layer: nobody must be able
// to tell the two apart.
func TestParity(t *testing.T) {
	list := clients(t)
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			rows := map[string]row{}
			ok := t.Run("case", func(t *testing.T) {
				for _, pc := range c.cases {
					t.Run(pc.name, func(t *testing.T) {
						t.Parallel()
						direct, behind := c.observe(t, pc, false), c.observe(t, pc, true)
						for _, d := range differences(direct, behind) {
							t.Error(d)
						}
						mu.Lock()
						defer mu.Unlock()
						rows[pc.name] = row{direct.summary(), behind.summary()}
					})
				}
			})
			if ok && len(rows) == len(c.cases) { // not with -run for some of them
				checkPage(t, c, rows)
			}
		})
	}
	if ran, all := len(list), len(allClients()); ran < all {
		t.Logf("%d of %d clients: the others run with make test-runtimes", ran, all)
	}
}
