package answer

import (
	"encoding/json"

	"github.com/merlon-security/merlon/internal/event"
)

// refuseAuthorizer denies access. Payload format 2.0 has a simple form, which
// an API that expects a policy reads as a failure: both keep the caller out.
// For format 1.0 the message Unauthorized gives the caller a 401, where a Deny
// policy would be cached for the caller's identity, and so is given only to who
// asked for it (API Gateway, "Lambda authorizers").
func refuseAuthorizer(ev *event.Event, s Settings) Reply {
	switch {
	case ev.Has("routeArn") && s.Policy:
		return deny(ev.Text("routeArn"))
	case ev.Has("routeArn"):
		return reply(map[string]any{"isAuthorized": false})
	case ev.Has("requestContext") && !ev.Has("methodArn"):
		return reply(map[string]any{"isAuthorized": false, "ttlOverride": 0}) // AppSync
	case s.Deny && ev.Text("methodArn") != "":
		return deny(ev.Text("methodArn"))
	}
	return failure("Unauthorized", "Unauthorized")
}

type statement struct {
	Action   string
	Effect   string
	Resource string
}

// deny is an IAM policy against one method or route, as the event names it. A
// wider one would be cached for requests that nobody has looked at.
func deny(arn string) Reply {
	type policy struct {
		Version   string
		Statement []statement
	}
	return reply(struct {
		PrincipalID    string `json:"principalId"`
		PolicyDocument policy `json:"policyDocument"`
	}{"merlon", policy{"2012-10-17", []statement{{"execute-api:Invoke", "Deny", arn}}}})
}

// LearnsForm reports whether the form of a refusal can be learned from what the
// function itself answers to such an event: HTTP APIs let an authorizer answer
// in either form, and do not tell it which one they are set to.
func LearnsForm(ev *event.Event) bool {
	return ev.Source == event.Authorizer && ev.Has("routeArn")
}

// AnswersByPolicy tells in which form an authorizer answered; ok is false for a
// reply in neither.
func AnswersByPolicy(reply []byte) (policy, ok bool) {
	var answered struct {
		IsAuthorized   *bool           `json:"isAuthorized"`
		PolicyDocument json.RawMessage `json:"policyDocument"`
	}
	if json.Unmarshal(reply, &answered) != nil {
		return false, false
	}
	policy = len(answered.PolicyDocument) > 0
	return policy, policy != (answered.IsAuthorized != nil)
}
