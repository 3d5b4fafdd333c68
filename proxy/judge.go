package proxy

// judge asks the Inspector about an event. It returns the answer to give in the
// function's place, or nil after setting in got what to deliver.
func (rl *Relay) judge(inv *Invocation, got *landing) *Answer {
	if rl.inspector == nil {
		return nil
	}
	outcome := rl.inspect(inv)
	if outcome.Answer != nil {
		return outcome.Answer
	}
	if outcome.Replace != nil {
		got.body = outcome.Replace
	}
	got.response = outcome.Response
	return nil
}

// inspect calls the Inspector and survives it. After a panic the Inspector
// decides, if it can, whether the event passes.
func (rl *Relay) inspect(inv *Invocation) (outcome Outcome) {
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, inv.ID, "inspect", v))
			outcome = rl.afterPanic(inv, v)
		}
	}()
	return rl.inspector.Inspect(rl.ctx, inv)
}

// afterPanic lets the event pass unless the Inspector says otherwise: an
// invocation that is lost in silence is the worst of the possible ends.
func (rl *Relay) afterPanic(inv *Invocation, cause any) (outcome Outcome) {
	recoverer, ok := rl.inspector.(Recoverer)
	if !ok {
		return Outcome{}
	}
	defer func() {
		if v := recover(); v != nil {
			rl.report(panicked(InspectorPanic, inv.ID, "recovered", v))
			outcome = Outcome{}
		}
	}()
	return recoverer.Recovered(rl.ctx, inv, cause)
}
