package config

// Triggers are the names MERLON_BLOCK_TRIGGERS accepts, one for each kind of
// event source that is refused in its own way. Read-only.
var Triggers = []string{
	"http", "websocket", "lattice", "authorizer", "appsync",
	"cognito", "lex", "alexa", "connect", "bedrock", "states", "invoke", "durable",
	"sqs", "kinesis", "dynamodb", "documentdb", "kafka", "mq", "firehose",
	"sns", "s3", "s3-batch", "s3-object", "eventbridge", "ses", "iot", "logs", "control",
}
