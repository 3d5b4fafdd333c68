package event

// Source is the kind of event source, as the event's shape tells it.
type Source string

// The event sources. Direct is anything that no other one claims.
const (
	Direct         Source = "direct"
	RESTAPI        Source = "apigw-v1"
	HTTPAPI        Source = "apigw-v2"
	FunctionURL    Source = "function-url"
	ALB            Source = "alb"
	Lattice        Source = "lattice" // VPC Lattice, both versions of its event
	WebSocket      Source = "websocket"
	Authorizer     Source = "authorizer"
	AppSync        Source = "appsync"
	AppSyncBatch   Source = "appsync-batch" // BatchInvoke: a list of resolver contexts
	AppSyncEvents  Source = "appsync-events"
	SQS            Source = "sqs"
	SNS            Source = "sns"
	S3             Source = "s3"
	S3Batch        Source = "s3-batch"
	S3Object       Source = "s3-object-lambda" // S3 Object Lambda
	DynamoDB       Source = "dynamodb"
	DocumentDB     Source = "documentdb"
	Kinesis        Source = "kinesis"
	Firehose       Source = "firehose"
	Kafka          Source = "kafka"
	MQ             Source = "mq" // ActiveMQ and RabbitMQ
	EventBridge    Source = "eventbridge"
	Pipes          Source = "pipes" // EventBridge Pipes: a list of records
	CWLogs         Source = "cwlogs"
	SES            Source = "ses"
	Cognito        Source = "cognito"
	Lex            Source = "lex"
	Alexa          Source = "alexa"
	Connect        Source = "connect"
	Bedrock        Source = "bedrock"
	IoT            Source = "iot"
	Durable        Source = "durable" // a durable function's execution
	CodeCommit     Source = "codecommit"
	CloudFront     Source = "cloudfront"
	CloudFormation Source = "cloudformation"
	CodePipeline   Source = "codepipeline"
	Config         Source = "config"
	SecretsManager Source = "secretsmanager" // rotation
)

// Sources lists every source, for policies that name them.
func Sources() []Source {
	return []Source{
		Direct, RESTAPI, HTTPAPI, FunctionURL, ALB, Lattice, WebSocket, Authorizer, AppSync, AppSyncBatch, AppSyncEvents, SQS, SNS, S3, S3Batch, S3Object, DynamoDB, DocumentDB, Kinesis, Firehose,
		Kafka, MQ, EventBridge, Pipes, CWLogs, SES, Cognito, Lex, Alexa, Connect, Bedrock, IoT, Durable, CodeCommit, CloudFront, CloudFormation, CodePipeline, Config, SecretsManager,
	}
}

// IsHTTP reports whether the source is a request that waits for an HTTP reply.
func (s Source) IsHTTP() bool {
	return s == RESTAPI || s == HTTPAPI || s == FunctionURL || s == ALB || s == Lattice
}
