package when_test

import (
	"sync"
	"testing"
	"time"

	"github.com/merlon-security/merlon/policy/when"
)

// TestConcurrentRuns: programs are shared by all invocations of an environment.
func TestConcurrentRuns(t *testing.T) {
	t.Parallel()
	var programs []*when.Program
	for _, text := range []string{
		`leaves.exists(l, l.value.matches("(?i)a[a-z]*d"))`, `query("role").filter(r, r != "user").size() == 1`,
		`leaves.exists(l, ["A-1", "B-2"].exists(w, w == l.value))`, `leaves.exists(l, l.value.matches("[A-Z]-[0-9]{1,40}"))`,
	} {
		p, err := when.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, p)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			ev := decode(order)
			for range 50 {
				subjects := when.Subjects(ev)
				b := when.NewBudget(programs, subjects, time.Time{}, nil)
				for i, p := range programs {
					if o := p.Run(subjects[0], b); !o.Match || o.Over {
						t.Errorf("program %d: %+v, want a match", i, o)
					}
				}
			}
		})
	}
	wg.Wait()
}
