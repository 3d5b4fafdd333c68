//go:build deps

// Package deps holds module requirements while the packages that use them are being written.
package deps

import (
	_ "github.com/alecthomas/kong"
	_ "github.com/aws/aws-lambda-go/events"
	_ "github.com/aws/aws-lambda-go/lambda"
	_ "github.com/aws/aws-sdk-go-v2/aws"
	_ "github.com/aws/aws-sdk-go-v2/config"
	_ "github.com/aws/aws-sdk-go-v2/service/lambda"
	_ "github.com/corazawaf/coraza-coreruleset/v4"
	_ "github.com/corazawaf/coraza-coreruleset/v4/tests"
	_ "github.com/corazawaf/coraza/v3"
	_ "github.com/corazawaf/libinjection-go"
	_ "github.com/coreruleset/go-ftw/v2/runner"
	_ "go.uber.org/zap"
	_ "golang.org/x/sys/unix"
	_ "golang.org/x/sync/errgroup"
	_ "gopkg.in/yaml.v3"
)
