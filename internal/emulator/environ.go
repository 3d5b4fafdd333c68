package emulator

import (
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
)

// reservedNames cannot be set by the customer; CreateFunction answers
// InvalidParameterValueException ("Defined runtime environment variables" in
// "Working with Lambda environment variables").
var reservedNames = []string{
	"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
	"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
	"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
	"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
	"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY", "AWS_LAMBDA_METADATA_API",
	"AWS_LAMBDA_METADATA_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}

// sharedEnv is what the runtime and the extensions both get.
func (o Options) sharedEnv() map[string]string {
	f := o.Function
	return map[string]string{
		// Unreserved: the customer may replace these four.
		"LANG": "en_US.UTF-8",
		"TZ":   ":UTC",
		"PATH": "/usr/local/bin:/usr/bin/:/bin:" + o.optDir() + "/bin",
		"LD_LIBRARY_PATH": strings.Join([]string{"/lib64", "/usr/lib64", runtimeDir, runtimeDir + "/lib",
			f.TaskRoot, f.TaskRoot + "/lib", o.optDir() + "/lib"}, ":"),

		"AWS_REGION":                      o.Region,
		"AWS_DEFAULT_REGION":              o.Region,
		"AWS_LAMBDA_FUNCTION_NAME":        f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION":     f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": strconv.Itoa(f.Memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE":  o.initializationType(),
	}
}

func (o Options) initializationType() string {
	switch {
	case o.Concurrency > 0:
		return "lambda-managed-instances"
	case o.SnapStart:
		return "snap-start"
	}
	return "on-demand"
}

const runtimeDir = "/var/runtime"

// optDir is the directory that plays /opt.
func (o Options) optDir() string {
	if o.Opt == "" {
		return "/opt"
	}
	return o.Opt
}

// runtimeEnv is the whole environment of the function's process. api is the
// address it is told to poll.
func (o Options) runtimeEnv(api, logStream string, credentials map[string]string) []string {
	f := o.Function
	env := o.sharedEnv()
	maps.Copy(env, credentials)
	env["AWS_XRAY_CONTEXT_MISSING"] = "LOG_ERROR"
	env["AWS_XRAY_DAEMON_ADDRESS"] = net.JoinHostPort(xrayHost, xrayPort)
	maps.Copy(env, f.Env)

	env["_AWS_XRAY_DAEMON_ADDRESS"] = xrayHost
	env["_AWS_XRAY_DAEMON_PORT"] = xrayPort
	env["_HANDLER"] = f.Handler
	env["AWS_LAMBDA_RUNTIME_API"] = api
	env["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + f.Name
	env["AWS_LAMBDA_LOG_STREAM_NAME"] = logStream
	env["LAMBDA_TASK_ROOT"] = f.TaskRoot
	env["LAMBDA_RUNTIME_DIR"] = runtimeDir
	if o.Concurrency > 0 {
		env["AWS_LAMBDA_MAX_CONCURRENCY"] = strconv.Itoa(o.Concurrency)
	}
	if f.managed() {
		// "Not defined for OS-only runtimes", and images bring their own.
		env["AWS_EXECUTION_ENV"] = "AWS_Lambda_" + f.Runtime
	}
	return environ(env)
}

const xrayHost, xrayPort = "169.254.100.1", "2000"

// extensionEnv is the whole environment of an extension. It lacks what only
// the runtime needs (handler, task root, log names, X-Ray, AWS_EXECUTION_ENV):
// "Lambda extensions share the function's … environment variables" except
// these, and customer variables that begin with an underscore.
func (o Options) extensionEnv(api string, credentials map[string]string) []string {
	env := o.sharedEnv()
	maps.Copy(env, credentials)
	for name, value := range o.Function.Env {
		if !strings.HasPrefix(name, "_") {
			env[name] = value
		}
	}
	env["AWS_LAMBDA_RUNTIME_API"] = api
	return environ(env)
}

func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, name := range sortedKeys(env) {
		list = append(list, name+"="+env[name])
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
