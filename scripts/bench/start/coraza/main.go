// Command coraza compiles the rules, says so, and stays until its input ends.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer/coraza"
)

func main() {
	rules := coraza.Request
	if len(os.Args) > 1 && os.Args[1] == "all" {
		rules = coraza.All
	}
	if _, err := coraza.New(rules, 1); err != nil {
		fmt.Fprintln(os.Stderr, "coraza:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
