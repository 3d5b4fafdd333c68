package quarantine

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/merlon-security/merlon/internal/verdict"
)

// logBytesPerMinute caps what an environment writes to the log. Logs are paid
// for by the byte, and whoever sends the records decides how many there are.
const logBytesPerMinute = 2 << 20

// logStore writes lines to stdout, where Lambda collects them.
type logStore struct {
	out    io.Writer
	budget budget
	turn   chan struct{} // holds the right to write: keeps the parts of a record together
}

// put writes each line in one call, so that lines of others cannot end up
// inside it. Over the cap nothing is written: the record is failed, not removed.
// So it is when the log does not take it in the invocation's time, though what
// was begun may be in the log later: a record twice is better than none.
func (l *logStore) put(ctx context.Context, _ string, lines [][]byte) error {
	n := 0
	for _, line := range lines {
		n += len(line)
	}
	if !l.budget.take(n) {
		return fmt.Errorf("quarantine to the log: %d bytes are over the cap of %d a minute", n, l.budget.perMinute)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("quarantine to the log: it takes nothing: %w", context.Cause(ctx))
	}
	written := make(chan error, 1)
	go func() {
		defer func() { <-l.turn }()
		written <- l.write(lines)
	}()
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return fmt.Errorf("quarantine to the log: it takes nothing: %w", context.Cause(ctx))
	}
}

// write survives a log that panics: the records are failed then, as when it takes
// nothing.
func (l *logStore) write(lines [][]byte) (err error) {
	defer verdict.Recover(&err)
	for _, line := range lines {
		n, err := l.out.Write(line)
		if err == nil && n < len(line) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return fmt.Errorf("quarantine to the log: %w", err)
		}
	}
	return nil
}

// budget counts bytes in windows of a minute.
type budget struct {
	perMinute int
	now       func() time.Time

	mu    sync.Mutex
	since time.Time
	used  int
}

// take reserves n bytes, all or none.
func (b *budget) take(n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	// By the wall clock: the other may stand still while the environment is
	// frozen. One that was set back must not close the log for good.
	now := b.now().Round(0)
	if age := now.Sub(b.since); age >= time.Minute || age < 0 {
		b.since, b.used = now, 0
	}
	if b.used+n > b.perMinute {
		return false
	}
	b.used += n
	return true
}
