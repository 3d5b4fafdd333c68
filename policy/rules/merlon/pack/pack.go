// Package pack holds the readable sources of Merlon's own rules, with the
// comments that say what each looks for and what must not be taken for it. The
// extension runs what is made of them (merlon/packs.conf) and does not link this.
package pack

import "embed"

//go:embed *.conf
var Files embed.FS
