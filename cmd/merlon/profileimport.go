package main

import (
	"fmt"
	"os"

	"github.com/merlon-security/merlon/internal/contract"
	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/profile"
)

type profileImportCmd struct {
	Function string  `help:"Name of the function." required:""`
	OpenAPI  string  `help:"OpenAPI document, version 3.0 or 3.1." type:"existingfile" name:"openapi" xor:"from" required:""`
	Template string  `help:"SAM or CloudFormation template." type:"existingfile" xor:"from" required:""`
	Schema   string  `help:"JSON Schema of a request body, a message or an event." type:"existingfile" xor:"from" required:""`
	Trigger  string  `help:"For --openapi and --schema: what invokes the function, such as apigw-v2, function-url or sqs." default:"apigw-v2"`
	Route    string  `help:"For --schema of a request body: its method and path, such as \"POST /orders\"."`
	Resource string  `help:"For --template: logical name of the function, if there are several."`
	BasePath *string `help:"For --openapi: what goes before its paths; default those of its servers, for triggers that know no templates." name:"base-path"`
	Closed   bool    `help:"Take members that no schema names for unknown where the schema does not say that there may be more."`
}

// Run writes a profile to standard output, and what it leaves open to standard
// error.
func (c *profileImportCmd) Run(std stdio) error {
	d := profile.Document{Metadata: profile.Metadata{Function: c.Function, Version: 1, Source: "import"}}
	opt := contract.Options{Trigger: event.Source(c.Trigger), Route: c.Route, BasePath: c.BasePath, Closed: c.Closed}
	var from string
	var notes []string
	read := func(fn func([]byte, contract.Options) (profile.Trigger, error)) func([]byte) ([]profile.Trigger, error) {
		return func(data []byte) ([]profile.Trigger, error) {
			t, err := fn(data, opt)
			return []profile.Trigger{t}, err
		}
	}
	var parse func([]byte) ([]profile.Trigger, error)
	switch {
	case c.OpenAPI != "":
		from, parse = c.OpenAPI, read(contract.FromOpenAPI)
	case c.Schema != "":
		from, parse = c.Schema, read(contract.FromSchema)
	default:
		from, parse = c.Template, func(data []byte) (t []profile.Trigger, err error) {
			t, notes, err = contract.FromTemplate(data, c.Resource)
			return t, err
		}
	}
	data, err := os.ReadFile(from)
	if err == nil {
		d.Ingress, err = parse(data)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", from, err)
	}
	text := d.Canonical()
	if _, err := profile.Parse(text); err != nil {
		return fmt.Errorf("%q does not make a valid profile: %w", from, err)
	}
	for _, note := range notes {
		fmt.Fprintf(std.err, "merlon: %s\n", note)
	}
	_, err = std.out.Write(text)
	return err
}
