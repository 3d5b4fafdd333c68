package emulator

import (
	"bufio"
	"errors"
	"io"
	"sync"
	"time"
)

// Source says whose line it is.
type Source string

const (
	SourceFunction  Source = "function"
	SourceExtension Source = "extension"
	SourcePlatform  Source = "platform" // START, END, REPORT and the platform's faults
)

// Line is one line of the function's log stream, without its line end.
type Line struct {
	Time   time.Time
	Source Source
	Name   string // the extension's name; empty for other sources
	Stderr bool
	Text   string
}

// maxLine is the largest event CloudWatch Logs takes; longer output is cut
// into several lines, as it is there.
const maxLine = 1 << 20

// logs serialises lines from all processes into the caller's sink and keeps
// the tail that the Invoke API returns on request.
type logs struct {
	mu   sync.Mutex
	sink func(Line)
	tail []byte
}

// tailSize is what X-Amz-Log-Result holds (API reference, Invoke).
const tailSize = 4096

func (l *logs) add(line Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	line.Time = time.Now()
	l.tail = append(append(l.tail, line.Text...), '\n')
	if extra := len(l.tail) - tailSize; extra > 0 {
		l.tail = append(l.tail[:0], l.tail[extra:]...)
	}
	l.sink(line)
}

func (l *logs) platform(text string) {
	l.add(Line{Source: SourcePlatform, Text: text})
}

// takeTail returns the last lines and starts a new tail.
func (l *logs) takeTail() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	tail := append([]byte(nil), l.tail...)
	l.tail = l.tail[:0]
	return tail
}

// collect reads r to its end, one Line for each line of output, and tells of
// each. The last line needs no line end: a dying process often has none.
func (l *logs) collect(r io.Reader, as Line, tell func(Line)) {
	br := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	flush := func() {
		as.Text = string(trimLineEnd(line))
		l.add(as)
		tell(as)
		line = line[:0]
	}
	for {
		chunk, err := br.ReadSlice('\n')
		line = append(line, chunk...)
		switch {
		case err == nil:
			flush()
		case errors.Is(err, bufio.ErrBufferFull):
			if len(line) >= maxLine {
				flush()
			}
		default:
			if len(line) > 0 {
				flush()
			}
			return
		}
	}
}

func trimLineEnd(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line
}
