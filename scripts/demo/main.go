// Command demo attacks a real function twice, bare and behind the real layer,
// and prints what came of it. It exits 0 only if every expectation held.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	opt := flag.String("opt", "build/opt", "unpacked layer")
	dir := flag.String("dir", "build/demo", "working directory")
	cli := flag.String("cli", "build/merlon", "the command line tool")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *opt, *dir, *cli); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, opt, dir, cli string) (err error) {
	fmt.Println("Building the sample function (testdata/functions/orders: Go, provided.al2023) and wrapping its package.")
	pkg, err := buildPackages(ctx, opt, dir)
	if err != nil {
		return err
	}
	recipient, err := keygen(ctx, cli, dir)
	if err != nil {
		return err
	}
	bare, err := startSite(ctx, "", pkg.plain, nil)
	if err != nil {
		return err
	}
	defer func() { err = bare.close(err) }()
	guarded, err := startSite(ctx, opt, pkg.wrapped, map[string]string{"MERLON_QUARANTINE": "log", "MERLON_QUARANTINE_KEY": recipient})
	if err != nil {
		return err
	}
	defer func() { err = guarded.close(err) }()

	cases, err := allCases()
	if err != nil {
		return err
	}
	t := newTable(os.Stdout)
	failed := 0
	for i, c := range cases {
		row, err := try(ctx, i+1, c, bare, guarded)
		if err != nil {
			return fmt.Errorf("case %d, %s: %w", i+1, c.name, err)
		}
		t.add(row)
		if row.fault != "" {
			failed++
		}
	}
	t.print()
	blocked, stripped, delivered := t.totals()
	fmt.Printf("\n%d cases: %d attacks refused, %d batches delivered without their bad record, %d benign events delivered unchanged, "+
		"%d expectations missed.\n", len(cases), blocked, stripped, delivered, failed)
	delivered += stripped
	runs, err := guarded.handlerRuns(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("Handler runs behind the layer: %d, of which with an attack: %d.\n", runs, runs-delivered)
	if failed > 0 || runs != delivered {
		return fmt.Errorf("%d of %d expectations did not hold", failed, len(cases))
	}
	return demoProfile(ctx, opt, pkg.wrapped, cli, dir)
}

// patience bounds every wait for something the demo itself caused.
const patience = 20 * time.Second
