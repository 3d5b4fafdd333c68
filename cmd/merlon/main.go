// Command merlon is the tool for developers and pipelines: it runs functions
// locally under the layer, inspects recorded events, packs layers and explains
// configurations. It is not part of the layer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/merlon-security/merlon/internal/agent"
)

// cli is the command line. Kong reads the tags.
type cli struct {
	Run        runCmd           `cmd:"" help:"Run a function locally behind the layer: a function URL and the Invoke API on this machine."`
	Inspect    inspectCmd       `cmd:"" help:"Inspect events, one JSON object a line, and print a verdict for each."`
	Report     reportCmd        `cmd:"" help:"Make a summary or a page of HTML out of verdict lines: of log files, of standard input, or of CloudWatch Logs."`
	Explain    explainCmd       `cmd:"" help:"Say everything about one verdict, and what would let the event pass."`
	Replay     replayCmd        `cmd:"" help:"Compare what two policies make of recorded events: what would be refused, and what no longer."`
	Policy     policyCmd        `cmd:"" help:"Check and test policy files."`
	Profile    profileCmd       `cmd:"" help:"Make, compare and sign behavioural profiles."`
	Layer      layerCmd         `cmd:"" help:"Pack, check and apply layers."`
	Quarantine quarantineCmd    `cmd:"" help:"Get removed records back out of quarantine."`
	Doctor     doctorCmd        `cmd:"" help:"Explain the configuration of this shell, or check a deployed function."`
	Version    kong.VersionFlag `help:"Print the version."`
}

// stdio is what a command reads and writes.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// run executes one command line and returns the exit status: 0, 1 when the
// command failed, 2 when the command line was wrong, or what the command says.
func run(ctx context.Context, args []string, io stdio) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("merlon"),
		kong.Description("Runtime protection for AWS Lambda."),
		kong.UsageOnError(), kong.Writers(io.out, io.err),
		kong.Exit(func(code int) { exit = code }),
		kong.Vars{"version": agent.Version, "goarch": runtime.GOARCH},
	)
	if err != nil {
		fmt.Fprintln(io.err, "merlon: bug:", err)
		return 1
	}
	kctx, err := parser.Parse(args)
	if exit >= 0 { // --help or --version has been served
		return exit
	}
	if err != nil {
		fmt.Fprintf(io.err, "merlon: %v\nTry \"merlon --help\".\n", err)
		return 2
	}
	kctx.BindTo(ctx, (*context.Context)(nil))
	if err := kctx.Run(io); err != nil {
		fmt.Fprintln(io.err, "merlon:", err)
		var status exitStatus
		if errors.As(err, &status) {
			return status.code
		}
		return 1
	}
	return 0
}
