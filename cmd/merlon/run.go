package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/merlon-security/merlon/internal/emulator"
)

type runCmd struct {
	Listen      string            `help:"Address to serve the function on; loopback only." default:"127.0.0.1:8080"`
	Layer       string            `help:"Directory laid out like /opt, as 'make layer' unpacks it." default:"build/opt" type:"path"`
	Front       string            `help:"HTTP front." enum:"function-url,http-api,rest-api,alb,alb-multi" default:"function-url"`
	Stream      bool              `help:"Function URL with invoke mode RESPONSE_STREAM."`
	Runtime     string            `help:"Lambda runtime identifier, such as nodejs22.x. Managed runtimes get AWS_LAMBDA_EXEC_WRAPPER; without one the command is started as an image's entry point behind the wrapper."`
	Handler     string            `help:"Handler setting of the function." default:"bootstrap"`
	TaskRoot    string            `help:"The function's directory." default:"." type:"existingdir"`
	Name        string            `help:"Function name." default:"local"`
	Memory      int               `help:"Memory setting in MB." default:"512"`
	Timeout     time.Duration     `help:"Function timeout." default:"10s"`
	Concurrency int               `help:"Invocations at once, as on Lambda Managed Instances; without it one at a time."`
	Freeze      bool              `help:"Stop all processes between invocations, as Lambda does."`
	SnapStart   bool              `name:"snapstart" help:"Stop everything behind INIT and restore it for the first request, as with SnapStart."`
	Env         map[string]string `help:"Environment variables of the function; MERLON_ variables of this shell are passed on anyway."`
	Unprotected bool              `help:"Run without the layer, to compare."`
	Raw         bool              `help:"Print verdict lines as they are logged."`
	Command     []string          `arg:"" passthrough:"" help:"The function's command, after --."`
}

// Run serves the function until it is interrupted.
func (c *runCmd) Run(ctx context.Context, std stdio) error {
	opts, err := c.options(std)
	if err != nil {
		return err
	}
	ln, err := listenLoopback(c.Listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	lambda, err := emulator.Start(ctx, opts)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: c.routes(lambda), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	c.banner(std.err, ln.Addr().String())
	select {
	case err = <-done:
	case <-ctx.Done():
	}
	// The interrupt that ended ctx must not cut the function's shutdown short.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, srv.Shutdown(closing), lambda.Close(closing))
}

func (c *runCmd) options(std stdio) (emulator.Options, error) {
	command := c.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	if len(command) == 0 {
		return emulator.Options{}, errors.New("no command: want merlon run [flags] -- ./bootstrap")
	}
	env := map[string]string{}
	for _, e := range os.Environ() {
		if k, v, ok := strings.Cut(e, "="); ok && strings.HasPrefix(k, "MERLON_") {
			env[k] = v
		}
	}
	for k, v := range c.Env {
		env[k] = v
	}
	root, err := filepath.Abs(c.TaskRoot)
	if err != nil {
		return emulator.Options{}, err
	}
	fn := emulator.Function{
		Name: c.Name, Runtime: c.Runtime, Handler: c.Handler, Command: command, TaskRoot: root,
		Memory: c.Memory, Timeout: c.Timeout, Env: env,
	}
	opts := emulator.Options{Function: fn, Concurrency: c.Concurrency, Freeze: c.Freeze, SnapStart: c.SnapStart, Logs: (&logPrinter{out: std.err, raw: c.Raw}).print}
	if c.Unprotected {
		return opts, nil
	}
	if opts.Opt, err = c.layerDir(); err != nil {
		return emulator.Options{}, err
	}
	if c.Runtime == "" {
		opts.Function.Command = append([]string{filepath.Join(opts.Opt, "merlon-wrapper")}, command...)
	} else if !strings.HasPrefix(c.Runtime, "provided") && env["AWS_LAMBDA_EXEC_WRAPPER"] == "" {
		env["AWS_LAMBDA_EXEC_WRAPPER"] = "/opt/merlon-wrapper"
	}
	return opts, nil
}

func (c *runCmd) layerDir() (string, error) {
	dir, err := filepath.Abs(c.Layer)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "extensions", "merlon")); err != nil {
		return "", fmt.Errorf("no layer in %q: build one with \"make layer\", or name its directory with --layer: %w", c.Layer, err)
	}
	return dir, nil
}

func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %q: want host:port", addr)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("--listen %q: want a loopback address, such as 127.0.0.1:8080: whoever reaches it can invoke the function", addr)
	}
	return net.Listen("tcp", addr)
}

// routes serves the Invoke API under its own path and the front everywhere
// else.
func (c *runCmd) routes(l *emulator.Lambda) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/2015-03-31/functions/", l.InvokeHandler())
	mux.Handle("/", l.URLHandler(c.front()))
	return mux
}

func (c *runCmd) front() emulator.Front {
	f := emulator.Front{Stream: c.Stream, MultiValue: c.Front == "alb-multi"}
	switch c.Front {
	case "http-api":
		f.Kind = emulator.HTTPAPI
	case "rest-api":
		f.Kind = emulator.RESTAPI
	case "alb", "alb-multi":
		f.Kind = emulator.ALB
	}
	return f
}

func (c *runCmd) banner(w io.Writer, addr string) {
	mode := os.Getenv("MERLON_MODE")
	if mode == "" {
		mode = "monitor (set MERLON_MODE=block to refuse attacks)"
	}
	if c.Unprotected {
		mode = "none: unprotected"
	}
	fmt.Fprintf(w, `Serving %s as %s on http://%s   Merlon: %s

  curl 'http://%s/orders?status=open'
  curl 'http://%s/orders?status=%%27%%20OR%%201=1--'
  curl 'http://%s/invoices?file=../../../../etc/passwd'
  curl -d '{"any":"event"}' http://%s/2015-03-31/functions/%s/invocations

Press Ctrl-C to stop.
`, c.Name, c.Front, addr, mode, addr, addr, addr, addr, c.Name)
}

// logPrinter shows the function's log stream, verdicts in one readable line.
type logPrinter struct {
	mu  sync.Mutex
	out io.Writer
	raw bool
}

func (p *logPrinter) print(l emulator.Line) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s, ok := summary(l.Text); ok && !p.raw {
		fmt.Fprintln(p.out, s)
		return
	}
	fmt.Fprintf(p.out, "%-9s %s\n", l.Source, l.Text)
}

// summary renders a verdict line for a terminal. Everything in it that came
// from an event is quoted, so that it cannot steer the terminal.
func summary(line string) (string, bool) {
	if !strings.HasPrefix(line, `{"schema":"merlon.verdict/1"`) {
		return "", false
	}
	var v struct {
		Action, Message, RequestID string
		Score                      int
		Trigger                    struct{ Type string }
		Matches                    []struct {
			RuleID     int
			Msg, Field string
			Evidence   struct{ Excerpt string }
		}
	}
	if json.Unmarshal([]byte(line), &v) != nil {
		return "", false
	}
	s := fmt.Sprintf("verdict   %s %s, score %d, request %q", v.Action, v.Trigger.Type, v.Score, v.RequestID)
	for _, m := range v.Matches {
		s += fmt.Sprintf("\n            %d %q at %q %q", m.RuleID, m.Msg, m.Field, m.Evidence.Excerpt)
	}
	return s, true
}
