package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/merlon-security/merlon/scripts/bench/internal/meter"
	"github.com/merlon-security/merlon/scripts/bench/internal/result"
	"github.com/merlon-security/merlon/scripts/bench/internal/sample"
	"github.com/merlon-security/merlon/scripts/bench/internal/service"
)

// start is one start of an engine.
type start struct {
	cpu, usableCPU, wall, usableWall time.Duration
	firstCPU                         time.Duration // from usable to the answer to an attack
	memory                           meter.Memory
}

// starter starts an engine once.
type starter struct {
	name string
	once func() (start, error)
	runs []start
}

// measureInit starts every engine several times, turn by turn, each time as a
// new process.
func (b *bench) measureInit() error {
	runs := 11
	if b.quick {
		runs = 9
	}
	starters := []*starter{
		{name: "merlon", once: b.startMerlon()},
		{name: "merlon, all sinks", once: b.startMerlon(allSinks...)},
		{name: "merlon, responses", once: b.startMerlon("MERLON_RESPONSES=block")},
		{name: "merlon, learning", once: b.startMerlon("MERLON_PROFILE_MODE=learn")},
		{name: "coraza", once: b.startPeer("start-coraza")},
		{name: "libddwaf", once: b.startPeer("start-libddwaf")},
		{name: "coraza-all-rules", once: b.startPeer("start-coraza", "all")},
	}
	for i := range runs + 1 {
		for _, s := range starters {
			st, err := s.once()
			if err != nil {
				return fmt.Errorf("start %s: %w", s.name, err)
			}
			if i > 0 { // the first has its file read from disk
				s.runs = append(s.runs, st)
			}
		}
	}
	for _, s := range starters {
		b.res.Init = append(b.res.Init, s.result())
	}
	return b.afterThousand(&b.res.Init[0])
}

func (s *starter) result() result.Init {
	return result.Init{
		Engine: s.name, Runs: len(s.runs),
		CPU:       s.median(func(x start) float64 { return milli(x.cpu) }),
		UsableCPU: s.median(func(x start) float64 { return milli(x.usableCPU) }),
		WallMs:    s.median(func(x start) float64 { return milli(x.wall) }),
		UsableMs:  s.median(func(x start) float64 { return milli(x.usableWall) }),
		FirstCPU:  s.median(func(x start) float64 { return milli(x.firstCPU) }),
		RSS:       s.median(func(x start) float64 { return mega(x.memory.Now) }),
	}
}

func (s *starter) median(of func(start) float64) float64 {
	var v []float64
	for _, r := range s.runs {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func milli(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
func mega(n int64) float64          { return float64(n) / (1 << 20) }

// startPeer starts a program that says when it is ready.
func (b *bench) startPeer(program string, args ...string) func() (start, error) {
	return func() (st start, err error) {
		p, err := service.Launch(nil, b.program(program), args...)
		if err != nil {
			return st, err
		}
		defer p.Stop()
		if _, err := p.Line(); err != nil {
			return st, err
		}
		st.wall = time.Since(p.Began)
		st.usableWall = st.wall
		if st.cpu, err = meter.ProcessCPU(p.PID()); err != nil {
			return st, err
		}
		st.usableCPU = st.cpu
		st.memory, err = meter.ProcessMemory(p.PID())
		return st, err
	}
}

// startMerlon starts the extension in an environment and reads its clock when it
// registers, when it polls for its next event, and when it has answered the
// first event, an attack: the first for which anything behind the screen is needed.
func (b *bench) startMerlon(env ...string) func() (start, error) {
	return func() (start, error) {
		e, err := b.launchExtension(env...)
		if err != nil {
			return start{}, err
		}
		defer e.stop()
		if e.err != nil {
			return start{}, e.err
		}
		go echo(e.listen)
		attack := sample.PostJSON(1, sample.OrderJSON(1, 40, 1<<10, sample.Injection))
		if _, err := e.service.Invoke(attack.Lambda); err != nil {
			return start{}, err
		}
		after, err := meter.ProcessCPU(e.process.PID())
		e.start.firstCPU = after - e.start.usableCPU
		return e.start, err
	}
}

// allSinks configures everything that verdicts can go to. Nothing listens there:
// what is measured is what it costs to be ready.
var allSinks = []string{
	"MERLON_TELEMETRY_URL=http://127.0.0.1:9/v1", "MERLON_TELEMETRY_KEY=0123456789abcdef0123456789abcdef",
	"MERLON_FIREHOSE=bench", "MERLON_LOG_GROUP=/merlon/bench", "MERLON_VERDICT_KEY=0123456789abcdef0123456789abcdef",
	"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=example", "AWS_SESSION_TOKEN=example",
}

// environment is an environment with the extension in it.
type environment struct {
	service *service.Service
	process *service.Process
	listen  string
	start   start
	err     error
}

func (e *environment) stop() {
	e.process.Stop()
	e.service.Close()
}

// launchExtension returns after the extension's first poll.
func (b *bench) launchExtension(more ...string) (*environment, error) {
	listen, err := service.FreeAddr()
	if err != nil {
		return nil, err
	}
	e := &environment{service: &service.Service{}, listen: listen}
	started, ready := make(chan struct{}), make(chan struct{})
	e.service.Registered = func() {
		wall := time.Now()
		<-started
		e.start.wall = wall.Sub(e.process.Began)
		e.start.cpu, e.err = meter.ProcessCPU(e.process.PID())
	}
	e.service.Polled = func() {
		e.start.usableWall = time.Since(e.process.Began)
		if e.start.usableCPU, err = meter.ProcessCPU(e.process.PID()); err == nil {
			e.start.memory, err = meter.ProcessMemory(e.process.PID())
		}
		if e.err == nil {
			e.err = err
		}
		close(ready)
	}
	if err := e.service.Start(); err != nil {
		return nil, err
	}
	env := []string{"AWS_LAMBDA_RUNTIME_API=" + e.service.Addr(), "MERLON_LISTEN=" + listen, "MERLON_MODE=block"}
	if e.process, err = service.Launch(append(env, more...), b.extension); err != nil {
		return nil, err
	}
	close(started)
	e.process.Discard()
	select {
	case <-ready:
		return e, nil
	case <-time.After(time.Minute):
		e.stop()
		return nil, fmt.Errorf("%s did not become ready", b.extension)
	}
}

// afterThousand sends a mixture of a thousand events through the extension and
// reads its memory.
func (b *bench) afterThousand(out *result.Init) error {
	e, err := b.launchExtension()
	if err != nil {
		return err
	}
	defer e.stop()
	go echo(e.listen)
	for i := range uint64(1000) {
		if _, err := e.service.Invoke(mixed(i)); err != nil {
			return err
		}
	}
	m, err := meter.ProcessMemory(e.process.PID())
	out.BusyRSS, out.PeakRSS = mega(m.Now), mega(m.Peak)
	return err
}

// mixed is the i-th of a mixture: mostly small requests, some batches, uploads
// and large bodies, and an attack now and then.
func mixed(i uint64) []byte {
	switch i % 20 {
	case 0, 1, 2:
		return sample.TinyGet(i).Lambda
	case 3, 4, 5, 6:
		return sample.BrowserGet(i).Lambda
	case 7, 8:
		return sample.PostForm(i).Lambda
	case 9:
		return sample.PostMultipart(i).Lambda
	case 10, 11:
		return sample.SQS(i, 10).Lambda
	case 12:
		return sample.PostJSON(i, sample.OrderJSON(i, 616, 16<<10, "")).Lambda
	case 13:
		return sample.PostJSON(i, sample.OrderJSON(i, 40, 1<<10, sample.Injection)).Lambda
	}
	return sample.PostJSON(i, sample.OrderJSON(i, 40, 1<<10, "")).Lambda
}

// echo is a function behind the extension, as plain as one can be. It ends when
// the extension does.
func echo(addr string) {
	base := "http://" + addr + "/2018-06-01/runtime/invocation/"
	for {
		next, err := http.Get(base + "next")
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, next.Body)
		_ = next.Body.Close()
		reply, err := http.Post(base+next.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json", strings.NewReader("{}"))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, reply.Body)
		_ = reply.Body.Close()
	}
}
