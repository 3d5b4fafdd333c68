package agent

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/merlon-security/merlon/internal/report"
	"github.com/merlon-security/merlon/internal/verdict"
)

// copied knows whether this process is still the one a SnapStart snapshot was
// taken of, or a copy of it: many environments begin as the same process, and
// what tells one from another has to be drawn after that.
//
// It is the name of the environment alone. Everything else that must differ is
// drawn when it is needed: ids and nonces from the kernel, credentials and
// connections when a record is kept. The hello's key and the seeds of hash
// tables are the same in all copies; neither leaves the environment.
type copied struct {
	log       *zap.Logger
	reporter  *report.Reporter
	snapStart bool

	known atomic.Bool // that this is a copy
}

// restored is told by the runtime's poll that a restore ends.
func (c *copied) restored() {
	c.known.Store(true)
	c.rename()
}

// invoked is told of an event. The first one shows the restore of a runtime
// that has no hooks and so does not wait for it: no event comes before the
// snapshot.
func (c *copied) invoked() {
	if c.snapStart && c.known.CompareAndSwap(false, true) {
		c.rename()
	}
}

func (c *copied) rename() {
	id := verdict.NewID(time.Now())
	c.reporter.Renew(id)
	c.log.Info("restored from a snapshot", zap.String("envId", id))
}
