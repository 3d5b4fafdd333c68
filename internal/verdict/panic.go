package verdict

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Panic turns a recovered panic into an error that may be logged. Only the
// runtime's own panics are quoted: any other may hold a piece of the event. Of
// the stack, it names the file and line that the panic came from.
func Panic(cause any, stack []byte) error {
	if err, ok := cause.(runtime.Error); ok {
		return fmt.Errorf("bug: panic: %s at %s", err.Error(), site(stack))
	}
	return fmt.Errorf("bug: panic: %T at %s", cause, site(stack))
}

// Recover makes an error of a panic. It is deferred itself, so that it can
// recover.
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = Panic(v, debug.Stack())
	}
}

// site finds the frame below the panic itself; that of a nil pointer has the
// signal handler in between.
func site(stack []byte) string {
	lines := strings.Split(string(stack), "\n")
	for i, l := range lines {
		if !strings.HasPrefix(l, "panic(") {
			continue
		}
		for ; i+3 < len(lines); i += 2 {
			if strings.HasPrefix(lines[i+2], "runtime.") {
				continue
			}
			where, _, _ := strings.Cut(strings.TrimSpace(lines[i+3]), " +0x")
			return where[strings.LastIndexByte(where, '/')+1:]
		}
	}
	return "unknown"
}
