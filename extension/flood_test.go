package main_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/emulator"
	"github.com/merlon-security/merlon/internal/faults"
)

// A scarcity is a row in which the extension lacks something, or code in the
// function takes it away. Attacks must be refused all the same, and everything
// else must pass.
type scarcity struct {
	fault, line string
	limit       string // of the extension's process
	log         string // what becomes of its log: full, full later, closed
	event       string // what the function is asked to do first, with this reply
	says        string
}

func scarcities() []scarcity {
	return []scarcity{
		{fault: "nobody reads the log from the start", log: "full"},
		{fault: "nobody reads the log any more", log: "full later"},
		{fault: "the log is closed", log: "closed"},
		{fault: "no file may grow, as on a full disk", limit: "-f 0"},
		{fault: "the extension has 24 descriptors", limit: "-n 24"},
		{fault: "code in the function opens 200 connections where the extension has 40 descriptors, and begins a request on half of them",
			line: "connection-shed", limit: "-n 40", event: `{"do":"flood","size":200}`, says: "200"},
		{fault: "code in the function says hello without the key", event: `{"do":"hello"}`, says: `"403 Forbidden"`},
	}
}

func (s scarcity) row() faults.Row {
	r := faults.Row{Fault: s.fault, Mode: faults.Any, Caller: refusal + " of an attack, else " + reply, Function: "no attack, and every other event"}
	if s.line != "" {
		r.Line = "`" + s.line + "`"
	}
	return r
}

func TestScarcity(t *testing.T) {
	t.Parallel()
	for _, s := range scarcities() {
		for _, onFault := range []string{"open", "closed"} {
			t.Run(s.fault+", "+onFault, func(t *testing.T) {
				t.Parallel()
				o := rigOptions{limit: s.limit, change: func(o *emulator.Options) { o.Function.Env["MERLON_ON_FAULT"] = onFault }}
				later := func() {}
				if s.log != "" {
					name, log := pipe(t)
					o.log = name
					switch s.log {
					case "full":
						fill(t, log)
					case "full later":
						later = func() { fill(t, log) }
					case "closed":
						later = func() { _ = log.Close() }
					}
				}
				r := newRig(t, o)
				r.invoke(t, `{"a":1}`)
				pid := r.process(t)
				later()
				if s.event != "" {
					if got := r.invoke(t, s.event); string(got.Payload) != s.says {
						t.Fatalf("%s: %s %s, want %s", s.event, got.Status, got.Payload, s.says)
					}
				}
				if s.line != "" {
					r.await(t, s.line)
				}
				for range 20 { // each refusal writes a line, and each forged reply another
					if got := r.invoke(t, attack); called(got) != refusal {
						t.Fatalf("an attack gets %s %s", got.Status, got.Payload)
					}
					if got := r.invoke(t, `{"do":"forge","name":"first"}`); called(got) != reply {
						t.Fatalf("an event gets %s %s", got.Status, got.Payload)
					}
				}
				r.invoke(t, `{"name":"last"}`)
				r.awaitLine(t, emulator.SourceFunction, "handler got last")
				if n := r.handled("first"); n != 20 {
					t.Errorf("the handler got %d of 20 events", n)
				}
				if now := r.process(t); now != pid {
					t.Error("the extension died and was started again")
				}
			})
		}
	}
}

func TestFaultTablesOfTheExtension(t *testing.T) {
	t.Parallel()
	rows, _ := signalRows(t)
	faults.Check(t, "../docs/FAULTS.md", "signals", "TestExtensionIsSignalled", rows)
	rows = nil
	for _, s := range scarcities() {
		rows = append(rows, s.row())
	}
	faults.Check(t, "../docs/FAULTS.md", "scarcity", "TestScarcity", rows)
}
