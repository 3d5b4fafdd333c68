package answer

import "github.com/merlon-security/merlon/internal/event"

// failExecution ends a durable function's execution with an error that its
// caller sees (AWS Lambda, "Durable functions").
func failExecution(id string) Reply {
	type failed struct {
		ErrorType    string
		ErrorMessage string
	}
	return reply(struct {
		Status string
		Error  failed
	}{"FAILED", failed{blockedType, refused(id)}})
}

// replay reports whether a durable execution has steps behind it. Its input was
// inspected when it began, and ending it halfway would leave its work half done.
func replay(ev *event.Event) bool {
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		if l.Name != "Type" || l.Value == "EXECUTION" {
			continue
		}
		p := ev.Path(l)
		if len(p) == 4 && p[0].Key == "InitialExecutionState" && p[1].Key == "Operations" && p[2].Array {
			return true
		}
	}
	return false
}
