package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/telemetry"
)

var start = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// done is the completion of an invocation, so many seconds after the start.
func done(id, status string, second int) string {
	return fmt.Sprintf(`{"time":%q,"type":"platform.runtimeDone","record":{"requestId":%q,"status":%q}}`,
		start.Add(time.Duration(second)*time.Second).Format("2006-01-02T15:04:05.000Z"), id, status)
}

type step struct {
	handed string   // an event handed out, or
	batch  []string // a batch that came
}

func TestCount(t *testing.T) {
	t.Parallel()
	took := func(batch ...string) step { return step{batch: batch} }
	gave := func(id string) step { return step{handed: id} }
	for name, row := range map[string]struct {
		steps []step
		want  string // of each Bypass: new/total id
	}{
		"each through the relay":       {[]step{gave("a"), took(done("a", "success", 1)), gave("b"), took(done("b", "success", 2))}, ""},
		"telemetry late":               {[]step{gave("a"), gave("b"), took(done("a", "success", 1), done("b", "success", 2))}, ""},
		"answered, not told yet":       {[]step{gave("a"), gave("b"), took(done("a", "success", 1))}, ""},
		"timed out before it came":     {[]step{took(done("a", "timeout", 1))}, ""},
		"failed in INIT":               {[]step{took(done("a", "failure", 1), done("a", "error", 2))}, ""},
		"a batch that comes twice":     {[]step{gave("a"), took(done("a", "success", 1)), took(done("a", "success", 1))}, ""},
		"a retry has the id again":     {[]step{gave("a"), took(done("a", "success", 1)), gave("a"), took(done("a", "success", 60))}, ""},
		"before our time":              {[]step{took(done("a", "success", -1))}, ""},
		"around":                       {[]step{took(done("a", "success", 1))}, "1/1 a"},
		"a retry goes around":          {[]step{gave("a"), took(done("a", "success", 1)), took(done("a", "success", 60))}, "1/1 a"},
		"around twice, told twice":     {[]step{gave("a"), took(done("a", "success", 1), done("b", "success", 2)), took(done("c", "success", 3))}, "1/1 b, 1/2 c"},
		"around many times, told once": {[]step{took(done("a", "success", 1), done("b", "success", 2), done("c", "success", 3))}, "3/3 c"},
		"an error hides nothing":       {[]step{gave("a"), gave("b"), took(done("a", "error", 1), done("b", "timeout", 1), done("c", "success", 2))}, "1/1 c"},
		"nothing of use": {[]step{took(`1`, `null`, `{"type":"platform.runtimeDone"}`, `{"time":1,"type":"platform.runtimeDone","record":"x"}`,
			`{"type":"platform.start","record":{"requestId":"a"}}`, `{"time":"soon","type":"platform.runtimeDone","record":{"requestId":"a","status":"success"}}`,
			`{"time":"2026-10-01T13:00:00Z","type":"platform.runtimeDone","record":{"status":"success"}}`)}, ""},
	} {
		var told []string
		c := telemetry.NewCount(start, func(b telemetry.Bypass) {
			told = append(told, fmt.Sprintf("%d/%d %s", b.New, b.Total, b.RequestID))
		})
		for _, s := range row.steps {
			if s.handed != "" {
				c.Handed(s.handed)
			} else if err := c.Take([]byte("[" + strings.Join(s.batch, ",") + "]")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := strings.Join(told, ", "); got != row.want {
			t.Errorf("%s: told %q, want %q", name, got, row.want)
		}
	}
}

// Events that cannot be told apart excuse as many completions, no more.
func TestEventsWithoutID(t *testing.T) {
	t.Parallel()
	total := 0
	c := telemetry.NewCount(start, func(b telemetry.Bypass) { total = b.Total })
	c.Handed("")
	c.Handed(strings.Repeat("x", 1000))
	batch := "[" + done("a", "success", 1) + "," + done("b", "success", 2) + "," + done("c", "success", 3) + "]"
	if err := c.Take([]byte(batch)); err != nil || total != 1 {
		t.Errorf("%d around, %v, want 1", total, err)
	}
}

// Events whose end is told very late, or never, are no bypasses.
func TestManyEventsUnderWay(t *testing.T) {
	t.Parallel()
	c := telemetry.NewCount(start, func(b telemetry.Bypass) { t.Errorf("told %+v", b) })
	for i := range 10_000 {
		c.Handed(fmt.Sprint("id-", i))
	}
	for i := range 10_000 {
		if err := c.Take([]byte("[" + done(fmt.Sprint("id-", i), "success", i) + "]")); err != nil {
			t.Fatal(err)
		}
	}
}

// What is remembered of completions is bounded, and what is forgotten is old.
func TestManyCompletions(t *testing.T) {
	t.Parallel()
	told := 0
	c := telemetry.NewCount(start, func(b telemetry.Bypass) { told += b.New })
	for i := range 10_000 {
		id := fmt.Sprint("id-", i)
		c.Handed(id)
		batch := []byte("[" + done(id, "success", i) + "]")
		for range 2 {
			if err := c.Take(batch); err != nil {
				t.Fatal(err)
			}
		}
	}
	if told != 0 {
		t.Errorf("told of %d bypasses, want none", told)
	}
	if err := c.Take([]byte("[" + done("x", "success", 1) + "]")); err != nil || told != 1 {
		t.Errorf("told of %d bypasses, %v, want 1", told, err)
	}
}

func FuzzTake(f *testing.F) {
	f.Add([]byte("[" + done("a", "success", 1) + "]"))
	f.Add([]byte(`[{"time":"2026-10-01T13:00:00Z","type":"platform.runtimeDone","record":{"requestId":"a","status":"error"}},1]`))
	f.Fuzz(func(t *testing.T, batch []byte) {
		told := 0
		c := telemetry.NewCount(start, func(b telemetry.Bypass) { told += b.New })
		_ = c.Take(batch) // garbage is an error, and no panic
		if told > strings.Count(string(batch), "{") {
			t.Errorf("told of %d bypasses in %q", told, batch)
		}
	})
}
