package config

// Triggers are the names MERLON_BLOCK_TRIGGERS accepts: the event sources of
// internal/event (a test compares them) and http for all four HTTP sources.
// Read-only.
var Triggers = []string{
	"http", "apigw-v1", "apigw-v2", "function-url", "alb", "lattice", "websocket", "authorizer", "appsync", "appsync-batch", "appsync-events", "sqs",
	"sns", "s3", "s3-batch", "s3-object-lambda", "dynamodb", "documentdb", "kinesis", "firehose", "kafka", "mq", "eventbridge", "pipes", "cwlogs",
	"ses", "cognito", "lex", "alexa", "connect", "bedrock", "iot", "durable", "codecommit", "cloudfront", "cloudformation", "codepipeline", "config", "secretsmanager", "direct",
}

// isHTTP reports whether the trigger belongs to the group http.
func isHTTP(trigger string) bool {
	switch trigger {
	case "apigw-v1", "apigw-v2", "function-url", "alb":
		return true
	}
	return false
}
