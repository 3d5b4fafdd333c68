package waf

import (
	"fmt"

	"github.com/corazawaf/coraza/v3/types"
)

// open takes a transaction from Coraza's pool, and finish returns it. The pool
// of the build that ships (see TAGS in the Makefile: the tag tinygo leaves out
// audit-log formats that are a quarter of the program) is a plain slice, made
// for a runtime without threads, so it is used under a lock of ours.
func (e *Engine) open() types.Transaction {
	e.pool.Lock()
	defer e.pool.Unlock()
	return e.waf.NewTransaction()
}

// finish closes tx; a failure to do so is the error if there is no other.
func (e *Engine) finish(tx types.Transaction, err *error) {
	e.pool.Lock()
	defer e.pool.Unlock()
	if cerr := tx.Close(); cerr != nil && *err == nil {
		*err = fmt.Errorf("close transaction: %w", cerr)
	}
}
