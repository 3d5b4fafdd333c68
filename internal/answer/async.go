package answer

import "github.com/merlon-security/merlon/internal/event"

// succeed answers for an asynchronous event of which nothing is left. An error
// is retried and raises the function's error rate and its alarms, so it is given
// only to who asked for it; null would tell a direct caller that the function
// ran.
func (r *removal) succeed() Reply {
	if r.s.FailAsync {
		return Fail(r.id)
	}
	return blocked(r.id)
}

// blocked is a result that says what became of the event.
func blocked(id string) Reply {
	return reply(struct {
		Merlon string `json:"merlon"`
		ID     string `json:"id"`
	}{"blocked", id})
}

// stopSES answers for a message: a receipt rule that waits for an answer stops
// there (Amazon SES, "Invoke Lambda function action").
func (r *removal) stopSES() Reply {
	if waits(r.ev) {
		return stopRule()
	}
	return r.succeed()
}

func stopRule() Reply { return reply(map[string]any{"disposition": "STOP_RULE"}) }

// waits reports whether a receipt rule invoked the function for its answer.
func waits(ev *event.Event) bool {
	for i := range ev.Leaves {
		l := &ev.Leaves[i]
		if l.Name != "invocationType" || l.Value != "RequestResponse" {
			continue
		}
		p := ev.Path(l)
		if n := len(p); n == 6 && p[2].Key == "ses" && p[3].Key == "receipt" && p[4].Key == "action" {
			return true
		}
	}
	return false
}

// waitingDevice reports whether AWS IoT waits for the answer, as a custom
// authorizer and a provisioning hook are waited for: what they get is an error,
// which lets nobody in.
func waitingDevice(ev *event.Event) bool {
	return ev.Source == event.IoT && (ev.Has("protocolData") || ev.Has("templateArn"))
}
