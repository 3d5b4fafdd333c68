package emulator

// albEvent is what a load balancer sends to a Lambda target ("Lambda functions
// as targets", Elastic Load Balancing). Names are lower-cased, query values stay
// encoded, and the target group decides whether single or multiple values
// arrive: never both.
type albEvent struct {
	RequestContext                  albRequestContext   `json:"requestContext"`
	HTTPMethod                      string              `json:"httpMethod"`
	Path                            string              `json:"path"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters,omitzero"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters,omitzero"`
	Headers                         map[string]string   `json:"headers,omitzero"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders,omitzero"`
	Body                            string              `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type albRequestContext struct {
	ELB struct {
		TargetGroupArn string `json:"targetGroupArn"`
	} `json:"elb"`
}

func (f *frontHandler) albEvent(a *arrival) any {
	headers := lowerCased(f.header(a))
	query := allValues(splitQuery(a.rawQuery), func(s string) string { return s })
	body := a.typedBody()
	event := albEvent{
		HTTPMethod:      a.Method,
		Path:            a.rawPath,
		Body:            body.text,
		IsBase64Encoded: body.base64,
	}
	opts := f.lambda.opts
	event.RequestContext.ELB.TargetGroupArn = "arn:aws:elasticloadbalancing:" + opts.Region + ":" + opts.AccountID +
		":targetgroup/" + opts.Function.Name + "/0123456789abcdef"
	if f.MultiValue {
		event.MultiValueHeaders, event.MultiValueQueryStringParameters = headers, query
	} else {
		event.Headers, event.QueryStringParameters = lastValues(headers), lastValues(query)
	}
	return event
}
