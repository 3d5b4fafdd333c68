package main

import (
	"context"
	"fmt"

	"github.com/merlon-security/merlon/internal/review"
)

type explainCmd struct {
	ID string `arg:"" help:"The id of the verdict or the beginning of it, as the refused caller was told, or the request id."`
	logFlags
}

// Run explains every verdict with this id; two can only share the beginning.
func (c *explainCmd) Run(ctx context.Context, std stdio) error {
	log, err := c.read(ctx, std)
	if err != nil {
		return err
	}
	found := log.Find(c.ID)
	if len(found) == 0 {
		return fmt.Errorf("no verdict %q in %d lines, %d of them verdicts", c.ID, log.Lines, len(log.Verdicts))
	}
	for i, e := range found[:min(len(found), 10)] {
		if i > 0 {
			fmt.Fprintln(std.out)
		}
		if err := review.Explain(std.out, e, aboutRule); err != nil {
			return err
		}
	}
	if more := len(found) - 10; more > 0 {
		return fmt.Errorf("%d more verdicts begin so: give more of the id", more)
	}
	return nil
}
