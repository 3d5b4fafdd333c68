package config

import "strings"

// Markdown returns docs/CONFIGURATION.md, generated from the registry.
func Markdown() string {
	var b strings.Builder
	b.WriteString(markdownHead)
	b.WriteString("| variable | accepts | default | read by | since |\n|---|---|---|---|---|\n")
	vars := Registry()
	for _, v := range vars {
		row := []string{"[`" + v.Name + "`](#" + strings.ToLower(v.Name) + ")", v.Type, v.Default, v.Readers.String(), since(v)}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	for _, v := range vars {
		b.WriteString("\n### " + v.Name + "\n\n" + v.Doc + "\n\n")
		b.WriteString("Accepts " + v.Type + ". Default: " + v.Default + ".")
		if v.Policy != "" {
			b.WriteString(" In a policy file: `" + v.Policy + "`.")
		}
		if v.Secret {
			b.WriteString(" Secret: never printed, and removed from the runtime's environment.")
		}
		if !v.Available() {
			b.WriteString(" Not available in this build: setting it has no effect and is reported.")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func since(v Var) string {
	if !v.Available() {
		return "not yet"
	}
	return v.Since
}

const markdownHead = `# Configuration

<!-- Generated from internal/config. To change it, change the registry there and run
     go test ./internal/config -update -->

Merlon is configured through environment variables of the function. Values are exact: ` + "`Block`" + ` is not
` + "`block`" + `, and an empty value is not an absent one. Lambda limits a function's whole environment to 4 KB
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).

**Precedence.** The environment wins over the policy file, the policy file over the default.

**Faults.** A value that cannot be used disables that variable alone: it takes its default, every other
setting stays, and ` + "`MERLON_MODE=block`" + ` stays ` + "`block`" + `. The start line and every verdict name it. With
` + "`MERLON_ON_FAULT=closed`" + ` the function does not start and the error lists every fault at once. An unknown
` + "`MERLON_`" + ` name, or one whose capability this build does not have, is a warning, so that rolling the layer
back under a newer configuration does not disarm it. ` + "`MERLON_MODE=off`" + ` works whatever else is wrong.

**Lists** are joined by commas. **Headers** are written ` + "`name=value,name=value`" + `, with ` + "`%2C`" + ` for a comma inside
a value, as for OpenTelemetry's ` + "`OTEL_EXPORTER_OTLP_HEADERS`" + `.

## Variables

`
