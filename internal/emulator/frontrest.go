package emulator

import (
	"strings"
)

// restEvent is payload format 1.0 of a REST API with a greedy proxy resource
// ("Set up Lambda proxy integrations in API Gateway", input format). Header
// names keep their case, absent things are null.
type restEvent struct {
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"`
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters                  map[string]string   `json:"pathParameters"`
	StageVariables                  map[string]string   `json:"stageVariables"`
	RequestContext                  restRequestContext  `json:"requestContext"`
	Body                            *string             `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type restRequestContext struct {
	ResourceID        string       `json:"resourceId"`
	ResourcePath      string       `json:"resourcePath"`
	HTTPMethod        string       `json:"httpMethod"`
	ExtendedRequestID string       `json:"extendedRequestId"`
	RequestTime       string       `json:"requestTime"`
	Path              string       `json:"path"`
	AccountID         string       `json:"accountId"`
	Protocol          string       `json:"protocol"`
	Stage             string       `json:"stage"`
	DomainPrefix      string       `json:"domainPrefix"`
	RequestTimeEpoch  int64        `json:"requestTimeEpoch"`
	RequestID         string       `json:"requestId"`
	Identity          restIdentity `json:"identity"`
	DomainName        string       `json:"domainName"`
	APIID             string       `json:"apiId"`
}

// restIdentity has null for everything a request without authentication lacks.
type restIdentity struct {
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	AccountID                     *string `json:"accountId"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	Caller                        *string `json:"caller"`
	SourceIP                      string  `json:"sourceIp"`
	PrincipalOrgID                *string `json:"principalOrgId"`
	AccessKey                     *string `json:"accessKey"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	UserArn                       *string `json:"userArn"`
	UserAgent                     *string `json:"userAgent"`
	User                          *string `json:"user"`
}

func (f *frontHandler) restEvent(a *arrival) any {
	multiHeaders := map[string][]string(f.header(a))
	event := restEvent{
		Resource:          "/{proxy+}",
		Path:              a.rawPath,
		HTTPMethod:        a.Method,
		Headers:           lastValues(multiHeaders),
		MultiValueHeaders: multiHeaders,
		PathParameters:    map[string]string{"proxy": strings.TrimPrefix(a.rawPath, "/")},
		RequestContext: restRequestContext{
			ResourceID:        "proxy1",
			ResourcePath:      "/{proxy+}",
			HTTPMethod:        a.Method,
			ExtendedRequestID: randomHex(8) + "=",
			RequestTime:       a.at.UTC().Format(timeFormat),
			Path:              "/" + f.Stage + a.rawPath,
			AccountID:         f.lambda.opts.AccountID,
			Protocol:          a.Proto,
			Stage:             f.Stage,
			DomainPrefix:      f.domain.prefix,
			RequestTimeEpoch:  a.at.UnixMilli(),
			RequestID:         a.id,
			Identity:          restIdentity{SourceIP: a.sourceIP},
			DomainName:        f.host(a),
			APIID:             f.domain.prefix,
		},
	}
	if agent := a.UserAgent(); agent != "" {
		event.RequestContext.Identity.UserAgent = &agent
	}
	if a.rawPath == "/" {
		event.Resource, event.PathParameters = "/", nil
		event.RequestContext.ResourcePath = "/"
	}
	if params := splitQuery(a.rawQuery); len(params) > 0 {
		event.MultiValueQueryStringParameters = allValues(params, unescape)
		event.QueryStringParameters = lastValues(event.MultiValueQueryStringParameters)
	}
	if len(a.body) > 0 {
		body := a.plainBody()
		event.Body, event.IsBase64Encoded = &body.text, body.base64
	}
	return event
}
