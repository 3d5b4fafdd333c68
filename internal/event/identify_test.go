package event_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

// sampleSources is what each published sample is; every other one is Direct:
// replies, and events of services without marks of their own.
var sampleSources = map[string]event.Source{
	"activemq-event.json": event.MQ, "rabbitmq-event.json": event.MQ, "kafka-event.json": event.Kafka,
	"alb-lambda-target-request-headers-only.json":           event.ALB,
	"alb-lambda-target-request-multivalue-headers.json":     event.ALB,
	"apigw-custom-auth-request-type-request.json":           event.Authorizer,
	"apigw-custom-auth-request.json":                        event.Authorizer,
	"apigw-v2-custom-authorizer-v1-request.json":            event.Authorizer,
	"apigw-v2-custom-authorizer-v2-request.json":            event.Authorizer,
	"appsync-lambda-auth-request.json":                      event.Authorizer,
	"apigw-request.json":                                    event.RESTAPI,
	"apigw-restapi-openapi-request.json":                    event.RESTAPI,
	"apigw-v2-request-iam.json":                             event.HTTPAPI,
	"apigw-v2-request-jwt-authorizer.json":                  event.HTTPAPI,
	"apigw-v2-request-lambda-authorizer.json":               event.HTTPAPI,
	"apigw-v2-request-no-authorizer.json":                   event.HTTPAPI,
	"apigw-websocket-request-disconnect.json":               event.WebSocket,
	"apigw-websocket-request-send-message.json":             event.WebSocket,
	"apigw-websocket-request.json":                          event.WebSocket,
	"lambda-urls-request.json":                              event.FunctionURL,
	"autoscaling-event-launch-successful.json":              event.EventBridge,
	"autoscaling-event-launch-unsuccessful.json":            event.EventBridge,
	"autoscaling-event-lifecycle-action.json":               event.EventBridge,
	"autoscaling-event-terminate-action.json":               event.EventBridge,
	"autoscaling-event-terminate-successful.json":           event.EventBridge,
	"autoscaling-event-terminate-unsuccessful.json":         event.EventBridge,
	"codebuild-phase-change.json":                           event.EventBridge,
	"codebuild-state-change.json":                           event.EventBridge,
	"codedeploy-deployment-event.json":                      event.EventBridge,
	"codedeploy-instance-event.json":                        event.EventBridge,
	"codepipeline-action-execution-stage-change-event.json": event.EventBridge,
	"codepipeline-execution-stage-change-event.json":        event.EventBridge,
	"codepipeline-execution-state-change-event.json":        event.EventBridge,
	"ecr-image-push-event.json":                             event.EventBridge,
	"ecr-image-scan-event.json":                             event.EventBridge,
	"ecs-container-instance-state-change.json":              event.EventBridge,
	"cloudwatch-logs-event.json":                            event.CWLogs,
	"code-commit-event.json":                                event.CodeCommit,
	"codepipeline-job-event.json":                           event.CodePipeline,
	"cognito-event-userpools-create-auth-challenge.json":    event.Cognito,
	"cognito-event-userpools-custommessage.json":            event.Cognito,
	"cognito-event-userpools-define-auth-challenge.json":    event.Cognito,
	"cognito-event-userpools-inbound-federation-oidc.json":  event.Cognito,
	"cognito-event-userpools-inbound-federation-saml.json":  event.Cognito,
	"cognito-event-userpools-migrateuser.json":              event.Cognito,
	"cognito-event-userpools-postauthentication.json":       event.Cognito,
	"cognito-event-userpools-postconfirmation.json":         event.Cognito,
	"cognito-event-userpools-preauthentication.json":        event.Cognito,
	"cognito-event-userpools-presignup.json":                event.Cognito,
	"cognito-event-userpools-pretokengen-v2.json":           event.Cognito,
	"cognito-event-userpools-pretokengen-v2_0.json":         event.Cognito,
	"cognito-event-userpools-pretokengen.json":              event.Cognito,
	"cognito-event-userpools-verify-auth-challenge.json":    event.Cognito,
	"cognito-event.json":                                    event.Cognito,
	"config-event.json":                                     event.Config,
	"dynamodb-event.json":                                   event.DynamoDB,
	"dynamodb-event-malformed.2.json":                       event.DynamoDB,
	"dynamodb-time-window-event.json":                       event.DynamoDB,
	"kinesis-event.json":                                    event.Kinesis,
	"kinesis-time-window-event.json":                        event.Kinesis,
	"kinesis-firehose-event.json":                           event.Firehose,
	"lex-event.json":                                        event.Lex,
	"s3-event.json":                                         event.S3,
	"s3-event-with-decoded.json":                            event.S3,
	"s3-glacier-event.json":                                 event.S3,
	"s3-intelligenttier-event.json":                         event.S3,
	"s3-lifecycle-event.json":                               event.S3,
	"s3-replication-event.json":                             event.S3,
	"s3-restore-event.json":                                 event.S3,
	"ses-lambda-event.json":                                 event.SES,
	"ses-s3-event.json":                                     event.SES,
	"ses-sns-event.json":                                    event.SES,
	"sns-event.json":                                        event.SNS,
	"cloudwatch-alarm-sns-payload-multiple-metrics.json":    event.SNS,
	"cloudwatch-alarm-sns-payload-single-metric.json":       event.SNS,
	"sqs-event.json":                                        event.SQS,
	"secretsmanager-secret-rotation-event.json":             event.SecretsManager,
	"s3-object-lambda-event-get-object-iam.json":            event.S3Object,
	"s3-object-lambda-event-get-object-assumed-role.json":   event.S3Object,
	"s3-object-lambda-event-head-object-iam.json":           event.S3Object,
	"s3-object-lambda-event-list-objects-iam.json":          event.S3Object,
	"s3-object-lambda-event-list-objects-v2-iam.json":       event.S3Object,
	"s3-batch-job-event-request-1.0.json":                   event.S3Batch,
	"s3-batch-job-event-request-2.0.json":                   event.S3Batch,
	"iot-preprovision-hook-request.json":                    event.IoT,
	"iot-button-event.json":                                 event.IoT,
	"iot-1-click-event.json":                                event.IoT,
	"iot-custom-auth-request.json":                          event.IoT,
	"connect-event.json":                                    event.Connect,
}

func TestSamplesAreIdentified(t *testing.T) {
	t.Parallel()
	if len(sampleSources) < 83 {
		t.Fatalf("%d samples named, want at least 83", len(sampleSources))
	}
	all := samples(t)
	for name := range sampleSources {
		if all[name] == nil {
			t.Errorf("sample %s does not exist", name)
		}
	}
	for name, raw := range all {
		want := sampleSources[name]
		if want == "" {
			want = event.Direct
		}
		ev := event.Decode(raw, nil, event.DefaultLimits())
		if ev.Source != want {
			t.Errorf("source of %s = %s, want %s", name, ev.Source, want)
		}
		if ev.Source.IsHTTP() && ev.HTTP == nil {
			t.Errorf("%s: no HTTP view", name)
		}
	}
}
