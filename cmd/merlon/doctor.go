package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/merlon-security/merlon/internal/agent"
	"github.com/merlon-security/merlon/internal/config"
)

type doctorCmd struct {
	Function string `help:"Check a deployed function by name or ARN, with the AWS credentials of this shell."`
	Endpoint string `help:"Lambda endpoint to ask instead of AWS's." hidden:""`
}

// Run explains the configuration of this shell, or checks a deployed function.
func (c *doctorCmd) Run(ctx context.Context, std stdio) error {
	if c.Function == "" {
		return explain(os.Environ(), std)
	}
	f, err := c.describe(ctx)
	if err != nil {
		return err
	}
	problems := diagnose(f)
	for _, p := range problems {
		fmt.Fprintf(std.out, "✗ %s\n", p)
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems with function %q", len(problems), c.Function)
	}
	fmt.Fprintf(std.out, "✓ %s is set up to run behind Merlon\n", c.Function)
	return nil
}

// explain prints the effective settings and everything wrong with them.
func explain(environ []string, std stdio) error {
	cfg, faults := config.Parse(environ)
	_, perr := agent.LoadPolicy(&cfg)
	w := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "VARIABLE\tVALUE\tFROM")
	for _, s := range cfg.Settings() {
		fmt.Fprintf(w, "%s\t%s\t%s\n", s.Name, s.Value, s.Source)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range faults {
		fmt.Fprintf(std.out, "\n%s: %s", f.Kind, f.Text)
	}
	if perr != nil {
		fmt.Fprintf(std.out, "\ninvalid: MERLON_POLICY: %v", perr)
	}
	if len(faults) > 0 || perr != nil {
		fmt.Fprintln(std.out)
	}
	return errors.Join(faults.Err(), perr)
}

func (c *doctorCmd) describe(ctx context.Context) (*lambda.GetFunctionConfigurationOutput, error) {
	cfg, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("load AWS configuration: %w", err)
	}
	client := lambda.NewFromConfig(cfg, func(o *lambda.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = &c.Endpoint
		}
	})
	f, err := client.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &c.Function})
	if err != nil {
		return nil, fmt.Errorf("describe function %q (needs lambda:GetFunctionConfiguration): %w", c.Function, err)
	}
	return f, nil
}

// diagnose lists what keeps a deployed function from being protected.
func diagnose(f *lambda.GetFunctionConfigurationOutput) []string {
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	layer := ""
	for _, l := range f.Layers {
		if strings.Contains(aws.ToString(l.Arn), ":layer:merlon") {
			layer = aws.ToString(l.Arn)
		}
	}
	image := f.PackageType == types.PackageTypeImage
	if layer == "" && !image {
		bad("no layer named merlon… is attached: aws lambda update-function-configuration --layers …")
	}
	var env map[string]string
	if f.Environment != nil {
		env = f.Environment.Variables
	}
	runtime := string(f.Runtime)
	wrapper := env["AWS_LAMBDA_EXEC_WRAPPER"]
	switch {
	case image, strings.HasPrefix(runtime, "provided"):
		if wrapper != "" {
			bad("AWS_LAMBDA_EXEC_WRAPPER is set, but %s does not read it: use \"merlon layer wrap\", the Go import, or ENTRYPOINT", orImage(runtime))
		}
	case wrapper == "":
		bad("AWS_LAMBDA_EXEC_WRAPPER is not set: the runtime talks to Lambda directly, nothing is inspected; set it to /opt/merlon-wrapper")
	case wrapper != "/opt/merlon-wrapper":
		bad("AWS_LAMBDA_EXEC_WRAPPER is %q: want /opt/merlon-wrapper, and the other wrapper in MERLON_NEXT_WRAPPER", wrapper)
	}
	for _, a := range f.Architectures {
		if strings.HasSuffix(layer, "arm64") != (a == types.ArchitectureArm64) && (strings.Contains(layer, "arm64") || strings.Contains(layer, "x86")) {
			bad("the layer %s is not for %s: INIT will fail", layer, a)
		}
	}
	environ := make([]string, 0, len(env))
	for k, v := range env {
		environ = append(environ, k+"="+v)
	}
	_, faults := config.Parse(environ)
	for _, fault := range faults {
		bad("%s", fault.Text)
	}
	return out
}

func orImage(runtime string) string {
	if runtime == "" {
		return "a container image"
	}
	return runtime
}
