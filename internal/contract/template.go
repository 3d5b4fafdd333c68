package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/profile"
)

// samEvents are the event sources of AWS SAM by their type (AWS SAM Developer
// Guide, "EventSource"), with the property that names where events come from.
var samEvents = map[string]struct {
	triggers []event.Source
	source   string // the property with the ARN that events name as well
}{
	"Api": {[]event.Source{event.RESTAPI}, ""}, "HttpApi": {[]event.Source{event.HTTPAPI}, ""},
	"SQS": {[]event.Source{event.SQS}, "Queue"}, "SNS": {[]event.Source{event.SNS}, ""}, "S3": {[]event.Source{event.S3}, ""},
	"Kinesis": {[]event.Source{event.Kinesis}, "Stream"}, "DynamoDB": {[]event.Source{event.DynamoDB}, "Stream"},
	"MSK": {[]event.Source{event.Kafka}, ""}, "SelfManagedKafka": {[]event.Source{event.Kafka}, ""},
	"MQ": {[]event.Source{event.MQ}, ""}, "DocumentDB": {[]event.Source{event.DocumentDB}, ""},
	"Schedule": {[]event.Source{event.EventBridge}, ""}, "ScheduleV2": {[]event.Source{event.EventBridge}, ""},
	"CloudWatchEvent": {[]event.Source{event.EventBridge}, ""}, "EventBridgeRule": {[]event.Source{event.EventBridge}, ""},
	"CloudWatchLogs": {[]event.Source{event.CWLogs}, ""}, "Cognito": {[]event.Source{event.Cognito}, ""},
	"IoTRule":    {[]event.Source{event.IoT, event.Direct}, ""}, // a rule hands on the message as it is
	"AlexaSkill": {[]event.Source{event.Alexa}, ""},
}

// principals are who a template permits to invoke a function.
var principals = map[string][]event.Source{
	"apigateway.amazonaws.com":           {event.RESTAPI, event.HTTPAPI, event.WebSocket, event.Authorizer},
	"elasticloadbalancing.amazonaws.com": {event.ALB}, "vpc-lattice.amazonaws.com": {event.Lattice},
	"sns.amazonaws.com": {event.SNS}, "s3.amazonaws.com": {event.S3}, "events.amazonaws.com": {event.EventBridge},
	"logs.amazonaws.com": {event.CWLogs}, "iot.amazonaws.com": {event.IoT, event.Direct}, "cognito-idp.amazonaws.com": {event.Cognito},
	"cognito-sync.amazonaws.com": {event.Cognito}, "alexa-appkit.amazon.com": {event.Alexa}, "ses.amazonaws.com": {event.SES},
	"config.amazonaws.com": {event.Config}, "secretsmanager.amazonaws.com": {event.SecretsManager}, "connect.amazonaws.com": {event.Connect},
	"bedrock.amazonaws.com": {event.Bedrock}, "lex.amazonaws.com": {event.Lex}, "lexv2.amazonaws.com": {event.Lex},
	"appsync.amazonaws.com": {event.AppSync, event.AppSyncBatch, event.AppSyncEvents}, "codecommit.amazonaws.com": {event.CodeCommit},
	"batchoperations.s3.amazonaws.com": {event.S3Batch},
}

// mapped are the services of event source mappings, by that in the source's ARN.
var mapped = map[string]event.Source{"sqs": event.SQS, "kinesis": event.Kinesis, "dynamodb": event.DynamoDB, "kafka": event.Kafka, "mq": event.MQ, "rds": event.DocumentDB}

// template gathers the triggers of one function.
type template struct {
	id       string
	triggers map[event.Source]*found
	notes    []string
}

type found struct {
	routes  map[string]bool
	sources map[string]bool
	any     bool // of its sources one is not written out
	whole   bool // of its routes one takes any path
}

func (t *template) trigger(s event.Source) *found {
	if t.triggers[s] == nil {
		t.triggers[s] = &found{routes: map[string]bool{}, sources: map[string]bool{}}
	}
	return t.triggers[s]
}

func (t *template) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// FromTemplate reads the triggers of a function out of a SAM or CloudFormation
// template; id is its logical name, and may be empty if it is the only one. Notes
// say what the profile leaves open, or lacks.
func FromTemplate(data []byte, id string) (triggers []profile.Trigger, notes []string, err error) {
	top, err := decode(data)
	if err != nil {
		return nil, nil, err
	}
	resources := objectOf(objectOf(top)["Resources"])
	if len(resources) == 0 {
		return nil, nil, errors.New("no Resources: want a SAM or CloudFormation template")
	}
	var functions []string
	for _, name := range keys(resources) {
		if kind := textOf(objectOf(resources[name])["Type"]); kind == "AWS::Serverless::Function" || kind == "AWS::Lambda::Function" {
			functions = append(functions, name)
		}
	}
	switch {
	case id == "" && len(functions) == 1:
		id = functions[0]
	case !slices.Contains(functions, id):
		return nil, nil, fmt.Errorf("function %q: the template has %s", id, strings.Join(functions, ", "))
	}
	t := &template{id: id, triggers: map[event.Source]*found{}}
	properties := objectOf(objectOf(resources[id])["Properties"])
	events := objectOf(properties["Events"])
	for _, name := range keys(events) {
		t.event(name, objectOf(events[name]))
	}
	if properties["FunctionUrlConfig"] != nil {
		t.trigger(event.FunctionURL).whole = true
	}
	for _, name := range keys(resources) {
		r := objectOf(resources[name])
		t.resource(name, textOf(r["Type"]), objectOf(r["Properties"]))
	}
	if len(t.triggers) == 0 {
		return nil, nil, fmt.Errorf("function %q: the template says of nothing that it invokes it: a profile without triggers would refuse every event", id)
	}
	for _, s := range keys(t.triggers) {
		triggers = append(triggers, t.made(s))
	}
	return triggers, t.notes, nil
}

// event takes an event of a SAM function.
func (t *template) event(name string, e object) {
	kind, p := textOf(e["Type"]), objectOf(e["Properties"])
	about, known := samEvents[kind]
	if !known {
		t.note("event %s: type %q is not known: add its trigger to the profile", name, kind)
		return
	}
	if p["Input"] != nil || p["InputPath"] != nil || p["InputTransformer"] != nil {
		t.trigger(event.Direct) // the function gets what the rule makes of the event
		return
	}
	for _, s := range about.triggers {
		f := t.trigger(s)
		switch {
		case s == event.RESTAPI || s == event.HTTPAPI:
			f.route(textOf(p["Method"]), textOf(p["Path"]))
		case about.source != "":
			f.source(p[about.source])
		default:
			f.any = true
		}
	}
}

// route notes a route of API Gateway. One that takes any path, or the default one,
// is seen by its path, of which nothing is known.
func (f *found) route(method, path string) {
	if method == "" || !strings.HasPrefix(path, "/") || strings.Contains(path, "+}") {
		f.whole = true
		return
	}
	verbs := []string{strings.ToUpper(method)}
	if m := strings.ToLower(method); m == "any" || m == "x-amazon-apigateway-any-method" {
		verbs = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}
	}
	for _, verb := range verbs {
		f.routes[verb+" "+path] = true
	}
}

// source notes where events come from, if it is written out. A stream's consumer
// has an ARN of its own, and its events that of the stream.
func (f *found) source(v any) {
	arn := textOf(v)
	if !strings.HasPrefix(arn, "arn:aws") || strings.ContainsAny(arn, "${}* ") || strings.Contains(arn, "/consumer/") {
		f.any = true
		return
	}
	f.sources[arn] = true
}

// resource takes what stands beside the function and invokes it.
func (t *template) resource(name, kind string, p object) {
	switch kind {
	case "AWS::Lambda::Url":
		if t.refers(p["TargetFunctionArn"]) {
			t.trigger(event.FunctionURL).whole = true
		}
	case "AWS::Lambda::Permission":
		if !t.refers(p["FunctionName"]) {
			return
		}
		who := textOf(p["Principal"])
		sources, known := principals[who]
		if !known {
			t.note("%s: principal %q is not known: add its trigger to the profile", name, who)
		}
		for _, s := range sources {
			f := t.trigger(s)
			f.any = true
			f.whole = f.whole || len(f.routes) == 0
		}
	case "AWS::Lambda::EventSourceMapping":
		if !t.refers(p["FunctionName"]) {
			return
		}
		arn := p["EventSourceArn"]
		if parts := strings.Split(textOf(arn), ":"); len(parts) > 3 && mapped[parts[2]] != "" {
			t.trigger(mapped[parts[2]]).source(arn)
		} else {
			t.mapping(name, p)
		}
	}
}

// mapping guesses the service of a source that is a reference, by the properties
// that only mappings of it have.
func (t *template) mapping(name string, p object) {
	s := event.Source("")
	switch {
	case p["Topics"] != nil || p["SelfManagedEventSource"] != nil:
		s = event.Kafka
	case p["Queues"] != nil:
		s = event.MQ
	case p["DocumentDBEventSourceConfig"] != nil:
		s = event.DocumentDB
	}
	if s == "" && p["StartingPosition"] == nil {
		s = event.SQS // streams want one
	}
	if s == "" {
		t.note("%s: a stream of Kinesis or DynamoDB: both are in the profile, take out the one it is not", name)
		t.trigger(event.Kinesis).any = true
		s = event.DynamoDB
	}
	t.trigger(s).any = true
}

// refers reports whether a value names the function: Ref, Fn::GetAtt, Fn::Sub.
func (t *template) refers(v any) bool {
	o := objectOf(v)
	get := o["Fn::GetAtt"]
	id, _, _ := strings.Cut(textOf(get), ".")
	if list := listOf(get); len(list) > 0 {
		id = textOf(list[0])
	}
	sub := textOf(o["Fn::Sub"])
	return textOf(o["Ref"]) == t.id || id == t.id || strings.Contains(sub, "${"+t.id+"}") || strings.Contains(sub, "${"+t.id+".")
}

// made is the trigger as a profile has it.
func (t *template) made(s event.Source) profile.Trigger {
	f := t.triggers[s]
	out := profile.Trigger{Trigger: string(s)}
	if !f.any {
		out.Sources = keys(f.sources)
	} else if len(f.sources) > 0 {
		t.note("%s: one of its sources is a reference: the profile takes any", s)
	}
	if f.whole {
		if len(f.routes) > 0 {
			t.note("%s: one of its routes takes any path: the profile compares none", s)
		}
		return out
	}
	for _, route := range keys(f.routes) {
		out.Routes = append(out.Routes, profile.Route{Route: route, Partial: true}) // a template knows no bodies
	}
	return out
}
