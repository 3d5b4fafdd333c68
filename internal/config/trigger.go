package config

// Triggers are the names MERLON_BLOCK_TRIGGERS accepts: the event sources of
// internal/event (a test compares them) and http for all four HTTP sources.
// Read-only.
var Triggers = []string{
	"http", "apigw-v1", "apigw-v2", "function-url", "alb", "websocket", "authorizer", "appsync",
	"sqs", "sns", "s3", "dynamodb", "kinesis", "firehose", "kafka", "mq", "eventbridge", "cwlogs", "ses",
	"cognito", "lex", "codecommit", "cloudfront", "cloudformation", "codepipeline", "config", "direct",
}

// isHTTP reports whether the trigger belongs to the group http.
func isHTTP(trigger string) bool {
	switch trigger {
	case "apigw-v1", "apigw-v2", "function-url", "alb":
		return true
	}
	return false
}
