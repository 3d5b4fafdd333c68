package event_test

import (
	"testing"

	"github.com/merlon-security/merlon/internal/event"
)

func TestCallerIsWhatTheServiceSays(t *testing.T) {
	t.Parallel()
	const client, proxy = "192.0.2.17", "arn:aws:iam::123456789012:"
	all := ownSamples(t)
	for name, want := range map[string]event.Caller{
		"apigw-v1":     {IP: client, IPClaimed: client, PrincipalType: "authorizer", PrincipalID: "ann"},
		"apigw-v2":     {IP: client, IPClaimed: client, PrincipalType: "jwt", PrincipalID: "u-17"},
		"function-url": {IP: client, IPClaimed: client, PrincipalType: "iam", PrincipalID: proxy + "user/ann"},
		"alb": {IP: client, IPClaimed: client,
			SourceARN: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/orders/49e9d65c45c6791a"},
		"lattice-v2": {IPClaimed: client, PrincipalType: "iam", PrincipalID: proxy + "role/client",
			SourceARN: "arn:aws:vpc-lattice:eu-central-1:123456789012:service/svc-0a40eebed65f8d69c"},
		"websocket":        {IP: client},
		"authorizer-token": {SourceARN: "arn:aws:execute-api:eu-central-1:123456789012:ymy8tbxw7b/prod/GET/orders"},
		"appsync":          {IP: client, IPClaimed: client, PrincipalType: "jwt", PrincipalID: "u-17"},
		"appsync-batch":    {IP: client, IPClaimed: client, PrincipalType: "jwt", PrincipalID: "u-17"},
		"appsync-events":   {IPClaimed: client},
		"sqs":              {PrincipalType: "iam", PrincipalID: "AIDAIENQZJOLO23YVJ4VO", SourceARN: "arn:aws:sqs:eu-central-1:123456789012:orders"},
		"pipes-sqs":        {PrincipalType: "iam", PrincipalID: "AIDAIENQZJOLO23YVJ4VO", SourceARN: "arn:aws:sqs:eu-central-1:123456789012:orders"},
		"sns":              {SourceARN: "arn:aws:sns:eu-central-1:123456789012:orders:21be56ed-a058-49f5-8c98-aedd2564c486"},
		"s3":               {IP: client, PrincipalType: "iam", PrincipalID: "AWS:AIDAINPONIXQXHT3IKHL2", SourceARN: "arn:aws:s3:::uploads"},
		"s3-batch-v1":      {SourceARN: "arn:aws:s3:::uploads"},
		"s3-object-lambda": {PrincipalType: "iam", PrincipalID: proxy + "user/ann",
			SourceARN: "arn:aws:s3-object-lambda:eu-central-1:123456789012:accesspoint/olap"},
		"eventbridge":           {PrincipalType: "account", PrincipalID: "123456789012"},
		"eventbridge-s3":        {IP: client, PrincipalType: "account", PrincipalID: "123456789012", SourceARN: "arn:aws:s3:::uploads"},
		"eventbridge-scheduled": {PrincipalType: "account", PrincipalID: "123456789012", SourceARN: "arn:aws:events:eu-central-1:123456789012:rule/nightly"},
		"kinesis":               {SourceARN: "arn:aws:kinesis:eu-central-1:123456789012:stream/orders"},
		"dynamodb":              {SourceARN: "arn:aws:dynamodb:eu-central-1:123456789012:table/orders/stream/2026-11-30T23:07:39.115"},
		"documentdb":            {SourceARN: "arn:aws:rds:eu-central-1:123456789012:cluster:shop"},
		"firehose":              {SourceARN: "arn:aws:firehose:eu-central-1:123456789012:deliverystream/orders"},
		"kafka-msk":             {SourceARN: "arn:aws:kafka:eu-central-1:123456789012:cluster/shop/b-1"},
		"pipes-kafka":           {SourceARN: "arn:aws:kafka:eu-central-1:123456789012:cluster/shop/b-1"},
		"mq-rabbitmq":           {SourceARN: "arn:aws:mq:eu-central-1:123456789012:broker:shop:b-9bcfa592"},
		"cognito-migrate":       {PrincipalType: "cognito-client", PrincipalID: "61dfgpvek4qkumnt"},
		"alexa":                 {PrincipalType: "alexa", PrincipalID: "amzn1.ask.account.EXAMPLE"},
		"connect":               {SourceARN: "arn:aws:connect:eu-central-1:123456789012:instance/9308c2a1"},
		"bedrock-api":           {PrincipalType: "agent", PrincipalID: "AGENT1"},
		"codecommit":            {PrincipalType: "iam", PrincipalID: proxy + "root", SourceARN: "arn:aws:codecommit:eu-central-1:123456789012:shop"},
		"cloudfront":            {IP: client},
		"config":                {SourceARN: "arn:aws:config:eu-central-1:123456789012:config-rule/config-rule-1"},
		"secretsmanager":        {SourceARN: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:shop-db-AbCdEf"},
		"direct":                {},
	} {
		if got := event.Decode(all[name], nil, event.DefaultLimits()).Caller; got != want {
			t.Errorf("%s: caller %+v, want %+v", name, got, want)
		}
	}
}
