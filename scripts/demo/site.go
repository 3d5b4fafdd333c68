package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

// site is one deployment of the function: an emulated Lambda with every HTTP
// front and the Invoke API, each on a loopback port of its own.
type site struct {
	lambda  *emulator.Lambda
	fronts  map[string]*httptest.Server
	mu      sync.Mutex
	changed chan struct{}
	lines   []string // of the extension
}

var fronts = map[string]emulator.Front{
	"url":    {Kind: emulator.FunctionURL},
	"http":   {Kind: emulator.HTTPAPI},
	"rest":   {Kind: emulator.RESTAPI},
	"alb":    {Kind: emulator.ALB},
	"albmv":  {Kind: emulator.ALB, MultiValue: true},
	"invoke": {},
}

// startSite deploys the function; with an opt behind the layer, and env beside what
// that needs.
func startSite(ctx context.Context, opt, taskRoot string, env map[string]string) (*site, error) {
	s := &site{fronts: map[string]*httptest.Server{}, changed: make(chan struct{})}
	o := emulator.Options{
		Function: emulator.Function{
			Name: "orders", Runtime: "provided.al2023", TaskRoot: taskRoot, Timeout: 10 * time.Second, Memory: 512,
			Env: map[string]string{},
		},
		Logs: s.log,
	}
	if opt != "" {
		abs, err := filepath.Abs(opt)
		if err != nil {
			return nil, err
		}
		port, err := emulator.FreeAddr()
		if err != nil {
			return nil, err
		}
		o.Opt = abs
		o.Function.Env["MERLON_MODE"] = "block"
		o.Function.Env["MERLON_LISTEN"] = port
		maps.Copy(o.Function.Env, env)
	}
	var err error
	if s.lambda, err = emulator.Start(ctx, o); err != nil {
		return nil, err
	}
	for name, f := range fronts {
		h := s.lambda.URLHandler(f)
		if name == "invoke" {
			h = s.lambda.InvokeHandler()
		}
		s.fronts[name] = httptest.NewServer(h)
	}
	return s, nil
}

func (s *site) close(err error) error {
	for _, f := range s.fronts {
		f.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, s.lambda.Close(ctx))
}

func (s *site) log(l emulator.Line) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.Source == emulator.SourceExtension {
		s.lines = append(s.lines, l.Text)
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// handlerRuns asks the function how often it was invoked before this question.
func (s *site) handlerRuns(ctx context.Context) (int, error) {
	r, err := s.send(ctx, get("url", "statistics", "/stats", false))
	if err != nil {
		return 0, err
	}
	var stats struct{ Invocations int }
	if err := json.Unmarshal([]byte(r.body), &stats); err != nil {
		return 0, fmt.Errorf("statistics: %w", err)
	}
	return stats.Invocations - 1, nil
}

// response is what a client got.
type response struct {
	status int
	header http.Header
	body   string
	took   time.Duration
}

func (s *site) send(ctx context.Context, c demoCase) (response, error) {
	target := c.target
	if c.front == "invoke" {
		target = "/2015-03-31/functions/orders/invocations"
	}
	req, err := http.NewRequestWithContext(ctx, c.method, s.fronts[c.front].URL+target, bytes.NewReader(c.body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) demo")
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(body), time.Since(start)}, err
}

// verdictLine is what the demo shows of a verdict.
type verdictLine struct {
	ID      string
	Action  string
	Score   int
	Matches []struct {
		RuleID int
		Field  string
	}
}

// verdict waits for the verdict line with an id that the caller was given, the
// verdict's own or the invocation's.
func (s *site) verdict(ctx context.Context, id string) (v verdictLine, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		s.mu.Lock()
		changed := s.changed
		for _, l := range s.lines {
			if strings.HasPrefix(l, `{"schema":"merlon.verdict/1"`) && strings.Contains(l, `d":"`+id+`"`) {
				s.mu.Unlock()
				return v, json.Unmarshal([]byte(l), &v)
			}
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return v, fmt.Errorf("no verdict line with id %q", id)
		}
	}
}
