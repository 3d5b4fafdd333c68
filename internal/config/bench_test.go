package config_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/config"
)

// Parse is on the path of every cold start, twice.
func BenchmarkParse(b *testing.B) {
	environ := []string{"PATH=/bin", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", "MERLON_MODE=block", "MERLON_THRESHOLD=7",
		"MERLON_BLOCK_TRIGGERS=http,sqs", "MERLON_BLOCK_HEADERS=Access-Control-Allow-Origin=*"}
	for b.Loop() {
		config.Parse(environ)
	}
}
