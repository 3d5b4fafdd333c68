// Command libddwaf loads the library and its rules, says so, and stays until its
// input ends.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/merlon-security/merlon/scripts/bench/internal/peer/libddwaf"
)

func main() {
	if _, err := libddwaf.New(); err != nil {
		fmt.Fprintln(os.Stderr, "libddwaf:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
}
