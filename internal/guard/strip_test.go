package guard_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/internal/guard"
	"github.com/merlon-security/merlon/internal/verdict"
	"github.com/merlon-security/merlon/policy"
	"github.com/merlon-security/merlon/proxy"
)

// keeper keeps what it is given, or fails as a test says.
type keeper struct {
	err      error
	panics   bool
	unusable bool
	kept     []guard.Kept
}

func (k *keeper) Usable(*event.Event) bool { return !k.unusable }

func (k *keeper) Keep(_ context.Context, e guard.Kept) error {
	if k.panics {
		panic("keeper")
	}
	k.kept = append(k.kept, e)
	return k.err
}

const hostile = `1' or '1'='1' union select password from users--`

func message(id, body string) string {
	return fmt.Sprintf(`{"messageId":%q,"body":%q,"attributes":{"ApproximateReceiveCount":"1"},"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q"}`, id, body)
}

func messages(ms ...string) string { return `{"Records":[` + strings.Join(ms, ", ") + `]}` }

func mixed() string {
	return messages(message("a", "first"), message("b", hostile), message("c", "third"))
}

// stripping is a guard in block mode with the real engine.
func stripping(t *testing.T, k guard.Keeper) (*guard.Guard, *records) {
	t.Helper()
	e, err := engine()
	if err != nil {
		t.Fatal(err)
	}
	r := &records{}
	g := blocking(e, r)
	g.Keeper = k
	return g, r
}

func inspect(t *testing.T, g *guard.Guard, raw string) proxy.Outcome {
	t.Helper()
	return g.Inspect(t.Context(), &proxy.Invocation{ID: "request-1", Body: []byte(raw)})
}

func TestMixedBatchLosesItsBadRecordOnly(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	g, r := stripping(t, k)
	out := inspect(t, g, mixed())
	if want := messages(message("a", "first"), message("c", "third")); string(out.Replace) != want || out.Answer != nil {
		t.Fatalf("delivered %s, answer %v, want %s", out.Replace, out.Answer, want)
	}
	if got := reply(out, `null`); got != `{"batchItemFailures":[{"itemIdentifier":"b"}]}` {
		t.Errorf("completed %s", got)
	}
	if len(k.kept) != 1 || len(k.kept[0].Records) != 1 || k.kept[0].RequestID != "request-1" || k.kept[0].Source != event.SQS {
		t.Fatalf("kept %+v", k.kept)
	}
	if rec := k.kept[0].Records[0]; rec.Index != 1 || string(rec.Body) != message("b", hostile) || rec.Record.ID != "b" {
		t.Errorf("kept %d %s", rec.Index, rec.Body)
	}
	if len(r.all) != 1 {
		t.Fatalf("%d records", len(r.all))
	}
	rec := r.all[0]
	if rec.Action != verdict.ActionStrip || !rec.Blocked || rec.RemovedCount != 1 || len(rec.Removed) != 1 || rec.Removed[0] != (verdict.Removed{Record: 1, ID: "b"}) ||
		rec.Response.Overridden || rec.ID != k.kept[0].VerdictID {
		t.Errorf("record %+v", rec)
	}
}

func TestEventWithoutGoodRecordsIsAnswered(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	g, r := stripping(t, k)
	out := inspect(t, g, messages(message("a", hostile), message("b", hostile)))
	if out.Answer == nil || out.Answer.Error || string(out.Answer.Body) != `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}` {
		t.Fatalf("answer %+v", out.Answer)
	}
	if len(k.kept) != 1 || len(k.kept[0].Records) != 2 || r.all[0].Action != verdict.ActionBlock || r.all[0].RemovedCount != 2 {
		t.Errorf("kept %+v, record %+v", k.kept, r.all[0])
	}
}

// Without a place for removed records, sources that forget them stay in monitor.
func TestNothingIsRemovedThatNobodyKeeps(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]guard.Keeper{"no keeper": nil, "a keeper that cannot": &keeper{unusable: true}} {
		g, r := stripping(t, k)
		out := inspect(t, g, mixed())
		if out.Answer != nil || out.Replace != nil || out.Response != nil {
			t.Errorf("%s: outcome %+v", name, out)
		}
		if rec := r.all[0]; rec.Action != verdict.ActionMonitor || rec.Reason != verdict.NotEnforced || !strings.Contains(rec.Message, "MERLON_QUARANTINE") || rec.Level != "WARN" {
			t.Errorf("%s: record %+v", name, rec)
		}
	}
}

// What its source can show again needs no keeper: the verdict points there.
func TestPointersAreQuarantineEnough(t *testing.T) {
	t.Parallel()
	g, r := stripping(t, nil)
	record := func(seq, field string) string {
		return fmt.Sprintf(`{"eventID":"1","eventName":"INSERT","dynamodb":{"NewImage":{"f":{"S":%q}},"SequenceNumber":%q},"eventSource":"aws:dynamodb","eventSourceARN":"arn:aws:dynamodb:eu-west-1:1:table/t/stream/s"}`, field, seq)
	}
	out := inspect(t, g, messages(record("100", hostile), record("101", "fine")))
	if want := messages(record("101", "fine")); string(out.Replace) != want || out.Response != nil {
		t.Fatalf("delivered %s, want %s", out.Replace, want)
	}
	if want := (verdict.Removed{Record: 0, ID: "100", Pointer: "arn:aws:dynamodb:eu-west-1:1:table/t/stream/s 100"}); len(r.all[0].Removed) != 1 || r.all[0].Removed[0] != want {
		t.Errorf("removed %+v, want %+v", r.all[0].Removed, want)
	}
}

// B9: what could not be kept is neither removed nor delivered; the source has
// it still.
func TestB9NothingIsRemovedThatWasNotKept(t *testing.T) {
	t.Parallel()
	for name, k := range map[string]*keeper{"error": {err: errors.New("full")}, "panic": {panics: true}} {
		for what, raw := range map[string]string{"mixed": mixed(), "all bad": messages(message("a", hostile))} {
			g, r := stripping(t, k)
			out := inspect(t, g, raw)
			if out.Answer == nil || !out.Answer.Error || out.Replace != nil || out.Response != nil {
				t.Errorf("%s, %s: outcome %+v, want an error", name, what, out)
			}
			if rec := r.all[0]; rec.RemovedCount != 0 || rec.Action != verdict.ActionBlock || !strings.Contains(rec.Message, "quarantine") {
				t.Errorf("%s, %s: record %+v", name, what, rec)
			}
		}
	}
}

// B7: an event in which the handler may read other records is refused whole; a
// finding beside the records takes all of them along.
func TestB7WholeEvent(t *testing.T) {
	t.Parallel()
	bad, good := message("b", hostile), message("a", "first")
	for name, raw := range map[string]string{
		"records twice":            `{"Records":[` + good + `,` + bad + `],"Records":[` + good + `]}`,
		"records in another case":  `{"Records":[` + good + `,` + bad + `],"records":[` + good + `]}`,
		"records with a long s":    `{"Records":[` + good + `,` + bad + `],"Recordſ":[` + good + `]}`,
		"hostile in another case":  `{"Records":[` + good + `],"RECORDS":[` + bad + `]}`,
		"another key in two cases": `{"Records":[` + good + `,` + bad + `],"x":1,"X":2}`,
	} {
		g, _ := stripping(t, &keeper{})
		if out := inspect(t, g, raw); out.Answer == nil || out.Replace != nil {
			t.Errorf("%s: %+v, want a refusal", name, out)
		}
	}
	k := &keeper{}
	g, _ := stripping(t, k)
	out := inspect(t, g, `{"Records":[`+good+`,`+message("c", "third")+`],"note":"`+hostile+`"}`)
	if out.Answer == nil || out.Replace != nil || len(k.kept) != 1 || len(k.kept[0].Records) != 2 {
		t.Errorf("a finding beside the records: %+v, kept %+v", out, k.kept)
	}
}

// B7: an engine that finds more in what is left stops the removal.
func TestB7WhatIsLeftIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	g := blocking(inspector(func(_ context.Context, ev *event.Event) (verdict.Inspection, error) {
		if calls++; calls == 1 {
			return verdict.Inspection{Scores: []int{0, 5, 0}, Findings: []verdict.Finding{{RuleID: 1, Score: 5, Record: 1}}}, nil
		}
		return verdict.Inspection{Scores: []int{0, 5}}, nil
	}), &records{})
	g.Keeper = &keeper{}
	out := inspect(t, g, mixed())
	if out.Answer == nil || !out.Answer.Error || out.Replace != nil || calls != 2 {
		t.Errorf("outcome %+v after %d inspections, want an error", out, calls)
	}
}

// B14: our own fault, closed, fails a batch; it removes nothing and reports no
// part of it.
func TestB14FaultsRemoveNothing(t *testing.T) {
	t.Parallel()
	for _, found := range [][]int{nil, {0, 5, 0}} {
		k := &keeper{}
		g := blocking(inspector(func(context.Context, *event.Event) (verdict.Inspection, error) {
			return verdict.Inspection{Scores: found}, errors.New("fell over")
		}), &records{})
		g.Policy.FailClosed, g.Keeper = true, k
		out := inspect(t, g, mixed())
		if out.Answer == nil || !out.Answer.Error || out.Replace != nil || out.Response != nil || len(k.kept) > 0 {
			t.Errorf("found %v: outcome %+v, kept %v, want an error", found, out, k.kept)
		}
	}
}

// B14: a fault is an error wherever somebody tries again, however refusals are
// answered otherwise.
func TestB14FaultsAreErrorsToWhoRetries(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{
		"logs":   `{"awslogs":{"data":"x"}}`,
		"SES":    `{"Records":[{"eventSource":"aws:ses","ses":{"mail":{"messageId":"m"},"receipt":{"action":{"invocationType":"RequestResponse"}}}}]}`,
		"direct": `{"a":1}`,
		"topic":  `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":"x"}}]}`,
	} {
		g := blocking(panics, &records{})
		g.Policy.FailClosed, g.Answers.Respond = true, true
		if out := inspect(t, g, raw); out.Answer == nil || !out.Answer.Error {
			t.Errorf("%s: %+v, want an error", name, out)
		}
	}
}

// B19: with MERLON_ASYNC=error an asynchronous event fails instead of being
// removed: Lambda has it still, so that nothing is kept and nothing called
// removed.
func TestB19FailedEventsAreNotQuarantined(t *testing.T) {
	t.Parallel()
	notice := func(message string) string {
		return `{"EventSource":"aws:sns","EventVersion":"1.0","Sns":{"MessageId":"m","Message":"` + message + `"}}`
	}
	for name, tt := range map[string]struct {
		raw     string
		fail    bool
		errors  bool
		kept    int
		removed int
	}{
		"success":         {messages(notice(hostile)), false, false, 1, 1},
		"error":           {messages(notice(hostile)), true, true, 0, 0},
		"error, one bad":  {messages(notice(hostile), notice("fine")), true, false, 1, 1},
		"error, a bus":    {`{"version":"0","id":"e","detail-type":"Order","source":"shop","detail":{"x":"` + hostile + `"}}`, true, true, 0, 0},
		"error, a stream": {messages(`{"kinesis":{"sequenceNumber":"1","partitionKey":"` + hostile + `","data":"eA=="},"eventSource":"aws:kinesis","eventID":"shardId-0:1"}`), true, false, 1, 1},
	} {
		k := &keeper{}
		g, r := stripping(t, k)
		g.Answers.FailAsync = tt.fail
		out := inspect(t, g, tt.raw)
		if got := out.Answer != nil && out.Answer.Error; got != tt.errors || len(k.kept) != tt.kept {
			t.Errorf("%s: %+v, %d kept, want error %t, %d kept", name, out, len(k.kept), tt.errors, tt.kept)
		}
		if rec := r.all[0]; !rec.Blocked || rec.RemovedCount != tt.removed {
			t.Errorf("%s: record %+v", name, rec)
		}
	}
}

// B12: a window is delivered without its records, so that its state goes on.
func TestB12WindowIsDeliveredEmpty(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	g, r := stripping(t, k)
	record := `{"kinesis":{"sequenceNumber":"1","partitionKey":"` + hostile + `","data":"eA=="},"eventSource":"aws:kinesis","eventID":"shardId-0:1","eventSourceARN":"arn:aws:kinesis:eu-west-1:1:stream/s"}`
	rest := `],"window":{"start":"2020-12-09T07:04:00Z","end":"2020-12-09T07:06:00Z"},"state":{"1":"x"},"shardId":"shardId-0","isFinalInvokeForWindow":false}`
	out := inspect(t, g, `{"Records":[`+record+rest)
	if want := `{"Records":[` + rest; string(out.Replace) != want || out.Answer != nil {
		t.Fatalf("delivered %s, answer %v, want %s", out.Replace, out.Answer, want)
	}
	if r.all[0].Action != verdict.ActionStrip || len(k.kept) != 1 {
		t.Errorf("record %+v, kept %v", r.all[0], k.kept)
	}
	g, _ = stripping(t, &keeper{})
	out = inspect(t, g, `{"Records":[`+record+`]}`)
	if out.Answer == nil || out.Answer.Error {
		t.Errorf("without a window: %+v, want an answer", out)
	}
}

// In monitor mode the verdict tells what would be removed, and nothing is.
func TestMonitorRemovesNothing(t *testing.T) {
	t.Parallel()
	k := &keeper{}
	g, r := stripping(t, k)
	g.Policy.Mode = verdict.Monitor
	out := inspect(t, g, mixed())
	if out.Replace != nil || out.Answer != nil || len(k.kept) > 0 {
		t.Fatalf("outcome %+v, kept %v", out, k.kept)
	}
	if rec := r.all[0]; rec.Action != verdict.ActionMonitor || rec.WouldAction != verdict.ActionStrip || rec.RemovedCount != 0 {
		t.Errorf("record %+v", rec)
	}
}

// An exception for one record's place does not bring the others back, and what
// it excused is no reason to distrust what is left.
func TestRemovalKeepsExceptedRecords(t *testing.T) {
	t.Parallel()
	g, _ := stripping(t, &keeper{})
	g.Policy.Exceptions = []policy.Exception{{FirstRule: 1, LastRule: 9999999, Path: []policy.Step{
		{Segment: verdict.Key("Records")}, {Segment: verdict.At(2)}, {Segment: verdict.Key("body")}}}}
	out := inspect(t, g, messages(message("a", hostile), message("b", "fine"), message("c", hostile)))
	if want := messages(message("b", "fine"), message("c", hostile)); string(out.Replace) != want {
		t.Errorf("delivered %s, answer %v, want %s", out.Replace, out.Answer, want)
	}
}

// B11, and the control plane: monitor, unless the policy names the trigger.
func TestB11LogsAreRefusedOnlyIfNamed(t *testing.T) {
	t.Parallel()
	for source, raw := range map[event.Source]string{
		event.CWLogs:       `{"awslogs":{"data":"x"}}`,
		event.CodePipeline: `{"CodePipeline.job":{"id":"x"}}`,
	} {
		r := &records{}
		g := blocking(attack, r)
		if out := inspect(t, g, raw); out.Answer != nil || r.all[0].Reason != verdict.NotEnforced {
			t.Errorf("%s: %+v, %s, want it delivered", source, out, r.all[0].Reason)
		}
		// The log group has what a subscription delivers; a job has to be told.
		g.Policy.BlockTriggers = map[event.Source]bool{source: true}
		if out := inspect(t, g, raw); out.Answer == nil || out.Answer.Error != (source == event.CodePipeline) {
			t.Errorf("%s, named: %+v", source, out)
		}
		g.Policy.BlockTriggers = nil
		g.Policy.Modes = []policy.ModeRule{{Sources: map[event.Source]bool{source: true}, Mode: verdict.Block}}
		if out := inspect(t, g, raw); out.Answer == nil {
			t.Errorf("%s, named by a mode: %+v", source, out)
		}
	}
}

// A keeper that panics while it is asked is a fault of ours; the attack does not
// pass with it.
func TestFaultWhileAskingDeliversNothing(t *testing.T) {
	t.Parallel()
	g, _ := stripping(t, &asking{})
	if out := inspect(t, g, mixed()); out.Answer == nil || !out.Answer.Error || out.Replace != nil {
		t.Errorf("outcome %+v, want an error", out)
	}
}

type asking struct{ keeper }

func (*asking) Usable(*event.Event) bool { panic("keeper") }

// Removed records are listed up to a bound, and counted beyond it.
func TestRemovedRecordsAreBounded(t *testing.T) {
	t.Parallel()
	g, r := stripping(t, &keeper{})
	var ms []string
	for i := range 30 {
		ms = append(ms, message(fmt.Sprintf("m-%d", i), hostile))
	}
	ms = append(ms, message(`<script>`, hostile), message("good", "fine"))
	inspect(t, g, messages(ms...))
	rec := r.all[0]
	if rec.RemovedCount != 31 || len(rec.Removed) != verdict.MaxRemoved {
		t.Errorf("%d of %d removed records listed", len(rec.Removed), rec.RemovedCount)
	}
	g, r = stripping(t, &keeper{})
	inspect(t, g, messages(message(`<script>`, hostile), message("good", "fine")))
	line, err := json.Marshal(r.all[0].Removed)
	if err != nil || string(line) != `[{"record":0}]` {
		t.Errorf("removed %s, %v: what is no identifier is not shown", line, err)
	}
}

// A benign batch pays nothing: it is read and inspected once, and passes as it
// came.
func TestBenignBatchIsInspectedOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	g := blocking(inspector(func(context.Context, *event.Event) (verdict.Inspection, error) {
		calls++
		return verdict.Inspection{Scores: []int{0, 0, 0}}, nil
	}), &records{})
	g.Keeper = &keeper{panics: true}
	j := g.Judge(t.Context(), []byte(mixed()), nil, time.Time{})
	if j.Reply != nil || calls != 1 || !slices.Equal(j.Verdict.Records, []int(nil)) {
		t.Errorf("judgement %+v after %d inspections", j.Verdict, calls)
	}
}

// B23: a class of rules that is only watched for a trigger is delivered, and the
// verdict says by which entry and why; the other class is removed.
func TestB23VerdictNamesWhatSetTheMode(t *testing.T) {
	t.Parallel()
	f, err := policy.Parse([]byte("apiVersion: merlon.dev/v1\nkind: Policy\nmode: block\nmodes:\n- {triggers: [sqs], rules: [sqli], mode: monitor, reason: the queue carries reports}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		body      string
		delivered bool
		setBy     string
	}{
		"watched":  {hostile, true, "modes[0]"},
		"enforced": {"<script>alert(1)</script>", false, "mode"},
	} {
		k := &keeper{}
		g, r := stripping(t, k)
		if err := f.Apply(g.Policy); err != nil {
			t.Fatal(err)
		}
		out := inspect(t, g, messages(message("a", "first"), message("b", tt.body)))
		rec := r.all[0]
		if (out.Replace == nil) != tt.delivered || rec.ModeSetBy != tt.setBy || (len(k.kept) == 0) != tt.delivered {
			t.Errorf("%s: delivered %s, %s by %s, %d kept", name, out.Replace, rec.Mode, rec.ModeSetBy, len(k.kept))
		}
		if tt.delivered && (rec.Mode != "monitor" || rec.Action != verdict.ActionMonitor || !strings.Contains(rec.Message, "modes[0] of the policy: the queue carries reports")) {
			t.Errorf("%s: record %+v", name, rec)
		}
	}
}
