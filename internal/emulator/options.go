package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Function is the configuration a function has in Lambda.
type Function struct {
	Name    string // default "function"
	Version string // default "$LATEST"
	// Runtime is Lambda's identifier, such as "python3.13". "provided.…" is an
	// OS-only runtime, the empty string a container image; both start without
	// AWS_LAMBDA_EXEC_WRAPPER, which only the bootstrap of a managed runtime reads.
	Runtime string
	Handler string // default "bootstrap"
	// Command is what the bootstrap of a managed runtime would exec (the
	// interpreter with its arguments), or the entry point of an image. Without
	// it the file "bootstrap" is looked for in TaskRoot, then in Opt.
	Command  []string
	TaskRoot string            // default "/var/task"
	Memory   int               // MB, default 128; told to the processes, not enforced
	Timeout  time.Duration     // default 3 s, as in Lambda
	Env      map[string]string // the customer's variables; reserved names are refused
}

// Credentials are what the function's role would yield.
type Credentials struct {
	AccessKeyID, SecretAccessKey, SessionToken string
}

// Options describe one emulated function. Only Function is needed.
type Options struct {
	Function Function

	// Opt stands in for /opt: extensions are the files in Opt/extensions, and
	// paths under /opt in AWS_LAMBDA_EXEC_WRAPPER are looked up below it.
	// Empty means no layer at all.
	Opt string

	// Logs receives every line the processes write and the platform's own
	// lines, one call at a time. It must not call back into the Lambda.
	Logs func(Line)

	// Trace, when set, receives every call of the Runtime and Extensions APIs
	// once it was answered, from the goroutine that served it.
	Trace func(Call)

	// InitTimeout bounds the INIT phase; default 10 s. An INIT that fails is
	// repeated inside the invocation, bounded by the function's timeout.
	InitTimeout time.Duration

	// Concurrency makes the environment one of Lambda Managed Instances, which
	// runs that many invocations at once and never freezes. The runtime is told
	// the number, extensions only the initialization type.
	Concurrency int

	// Freeze stops all processes between invocations, as the service does.
	Freeze bool

	// SnapStart stops the environment behind INIT, as in a snapshot, and restores
	// it for the first invocation. Credentials come from an endpoint then.
	SnapStart bool

	// Listen is the address of the Runtime API; default 127.0.0.1:0.
	Listen string

	// RuntimeAPI, when set, is given to the runtime as AWS_LAMBDA_RUNTIME_API
	// instead of the emulator's own address, to put something in between.
	// Extensions still get the emulator's address.
	RuntimeAPI string

	// NoTelemetry answers subscriptions to the Telemetry API with 202
	// Telemetry.NotSupported, as AWS's own emulator does.
	NoTelemetry bool

	// External starts no process: the caller brings clients that connect to
	// the Runtime API. Extensions names those that will register as external
	// extensions (the files of Opt/extensions are not looked at).
	External   bool
	Extensions []string

	Region      string      // default "us-east-1"
	AccountID   string      // default "123456789012"
	Credentials Credentials // default: AWS's documentation keys

	// AllowedHosts are Host values accepted by the HTTP fronts besides
	// loopback addresses and localhost.
	AllowedHosts []string
}

// errReserved is the remedy for a variable that CreateFunction would refuse.
var errReserved = errors.New("reserved by Lambda, remove it from Function.Env")

func (o Options) withDefaults() Options {
	f := &o.Function
	setDefault(&f.Name, "function")
	setDefault(&f.Version, "$LATEST")
	setDefault(&f.Handler, "bootstrap")
	setDefault(&f.TaskRoot, "/var/task")
	setDefault(&f.Memory, 128)
	setDefault(&f.Timeout, 3*time.Second)
	if o.SnapStart { // "up to 130 seconds or the configured function timeout, whichever is higher"
		setDefault(&o.InitTimeout, max(130*time.Second, f.Timeout))
	}
	setDefault(&o.InitTimeout, 10*time.Second)
	setDefault(&o.Listen, "127.0.0.1:0")
	setDefault(&o.Region, "us-east-1")
	setDefault(&o.AccountID, "123456789012")
	setDefault(&o.Credentials, Credentials{
		AccessKeyID:     "AKIAIOSFODNN7EXAMPLE",
		SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		SessionToken:    "emulated-session-token",
	})
	if o.Logs == nil {
		o.Logs = func(Line) {}
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// check reports everything that CreateFunction would refuse, together.
func (o Options) check() error {
	var errs []error
	for _, name := range sortedKeys(o.Function.Env) {
		if slices.Contains(reservedNames, name) {
			errs = append(errs, fmt.Errorf("variable %q: %w", name, errReserved))
		}
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(o.Function.Env[name], "\x00") {
			errs = append(errs, fmt.Errorf("variable %q: not a valid environment variable", name))
		}
	}
	if !o.External && len(o.Extensions) > 0 {
		errs = append(errs, errors.New("option Extensions: only with External; otherwise the files in Opt/extensions count"))
	}
	if o.Concurrency < 0 {
		errs = append(errs, fmt.Errorf("concurrency %d: want a positive number, or 0 for one invocation at a time", o.Concurrency))
	}
	if o.Concurrency > 0 && (o.Freeze || o.SnapStart) {
		errs = append(errs, errFrozen)
	}
	if o.Function.Timeout < 0 || o.InitTimeout < 0 {
		errs = append(errs, errors.New("timeout: want a positive duration"))
	}
	errs = append(errs, o.checkDirectory("Opt", o.Opt), o.checkDirectory("Function.TaskRoot", o.Function.TaskRoot))
	return errors.Join(errs...)
}

func (o Options) checkDirectory(option, dir string) error {
	if dir == "" || o.External {
		return nil
	}
	if !filepath.IsAbs(dir) {
		return fmt.Errorf("%s %q: want an absolute path", option, dir)
	}
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	} else if !info.IsDir() {
		return fmt.Errorf("%s %q: not a directory", option, dir)
	}
	return nil
}

func (f Function) managed() bool {
	return f.Runtime != "" && !strings.HasPrefix(f.Runtime, "provided")
}

func (o Options) functionARN() string {
	return "arn:aws:lambda:" + o.Region + ":" + o.AccountID + ":function:" + o.Function.Name
}

// Request is one invocation as a caller asks for it.
type Request struct {
	Payload []byte
	// ContentType of the event; default application/json.
	ContentType string
	// ClientContext is JSON (the Invoke API's header, decoded).
	ClientContext []byte
	// CognitoIdentity is JSON with cognitoIdentityId and cognitoIdentityPoolId.
	CognitoIdentity []byte
	TenantID        string
	TraceID         string // default: a new, unsampled trace
	RequestID       string // default: a new UUID
	// Qualifier is the alias or version named by the caller; it only shows in
	// the ARN the function is told.
	Qualifier string
	// Stream, when not nil, makes this a streaming invocation: it is called
	// once, when the function starts to answer, with the response's headers
	// (Content-Type), and gets every chunk as it arrives. Result.Payload is
	// then only set when the invocation failed.
	Stream func(header http.Header) StreamWriter
}

// StreamWriter takes a streamed response. Flush is called after every chunk.
type StreamWriter interface {
	Write(p []byte) (int, error)
	Flush()
}

// Status is how an invocation ended, in the words of platform.runtimeDone.
type Status string

const (
	StatusSuccess Status = "success"
	StatusError   Status = "error"   // the runtime reported an error
	StatusFailure Status = "failure" // the runtime or an extension died, or INIT did
	StatusTimeout Status = "timeout"
)

// Result is what the caller of an invocation gets.
type Result struct {
	RequestID     string
	Status        Status
	Payload       []byte
	ContentType   string        // of the response, as the runtime sent it
	FunctionError string        // "Unhandled", or empty on success: X-Amz-Function-Error
	ErrorType     string        // normalised, such as "Runtime.ExitError"; empty on success
	Streaming     bool          // the runtime declared response mode "streaming"
	Duration      time.Duration // from the start of the invocation to the end of the response
	InitDuration  time.Duration // of the INIT that this invocation paid for, or zero
}
