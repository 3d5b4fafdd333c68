package profile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
)

// api is a function with realistic traffic.
type api struct {
	name   string
	normal func(r *rand.Rand) object
	// accept are the places a person takes for normal: where events have no source
	// address, nothing settles by itself.
	accept []Place
}

func apis() []api {
	return []api{
		{"rest", restCall, nil},
		{"graphql", graphqlCall, nil},
		{"webhook", webhookCall, nil},
		{"sqs", sqsBatch, []Place{{"sqs"}}},
		{"thumbnails", s3Upload, []Place{{"s3"}}},
		{"cognito", signUp, []Place{{"cognito"}}},
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// network is one of some thousand, the likelier the smaller its number.
func network(r *rand.Rand) string {
	n := int(float64(4000) * r.Float64() * r.Float64())
	return fmt.Sprintf("%d.%d.%d.%d", 11+n/65536, n/256%256, n%256, 1+r.IntN(250))
}

func words(r *rand.Rand, n int) string {
	all := strings.Fields("the delivery came late and box was open please send another one to my office before Friday thanks Ann we like tea very much blue large two")
	out := make([]string, n)
	for i := range out {
		out[i] = all[r.IntN(len(all))]
	}
	return strings.Join(out, " ")
}

func uuidOf(r *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", r.Uint32(), r.IntN(65536), r.IntN(4096), r.IntN(4096), r.Int64N(1<<48))
}

func urlEvent(r *rand.Rand, method, path string, query url.Values, headers object, body any) object {
	params := object{}
	for k, v := range query {
		params[k] = v[0]
	}
	ev := object{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query.Encode(), "isBase64Encoded": false,
		"headers":        headers,
		"requestContext": object{"domainName": "x.lambda-url.eu-central-1.on.aws", "http": object{"method": method, "path": path, "sourceIp": network(r)}},
	}
	if len(params) > 0 {
		ev["queryStringParameters"] = params
	}
	if text, ok := body.(string); ok {
		ev["body"] = text
	} else if body != nil {
		text, _ := json.Marshal(body) // of maps of ours
		ev["body"] = string(text)
	}
	return ev
}

var asJSON = object{"content-type": "application/json"}

// restCall is a call of a shop with customers, products and orders.
func restCall(r *rand.Rand) object {
	person := func() object {
		p := object{
			"name":  pick(r, "Ann", "Bo", "Chidi", "Zoë", "Łukasz", "Mary-Jane", "José") + " " + pick(r, "O'Neil", "Smith", "García", "van Dijk", "Nguyễn", "Lee"),
			"email": pick(r, "ann", "bo.x", "li_2", "mj+shop") + fmt.Sprint(r.IntN(999)) + "@" + pick(r, "example.com", "mail.test", "firm.co.uk"),
			"phone": fmt.Sprintf("+%d %d", 1+r.IntN(98), 1e8+r.Int64N(9e8)),
			"address": object{"street": words(r, 2) + " " + fmt.Sprint(1+r.IntN(200)), "city": pick(r, "Ghent", "Zürich", "San José", "Oslo"),
				"zip": fmt.Sprintf("%05d", r.IntN(100000)), "country": pick(r, "BE", "CH", "NO", "US")},
		}
		if r.IntN(3) > 0 {
			p["birthday"] = fmt.Sprintf("19%02d-%02d-%02d", 40+r.IntN(60), 1+r.IntN(12), 1+r.IntN(28))
		}
		return p
	}
	switch r.IntN(10) {
	case 0:
		return urlEvent(r, "GET", fmt.Sprintf("/customers/%d", 1+r.IntN(90000)), nil, object{}, nil)
	case 1:
		return urlEvent(r, "POST", "/customers", nil, asJSON, person())
	case 2:
		return urlEvent(r, "PUT", fmt.Sprintf("/customers/%d", 1+r.IntN(90000)), nil, asJSON, person())
	case 3, 4:
		q := url.Values{"page": {fmt.Sprint(1 + r.IntN(60))}, "sort": {pick(r, "price", "name", "newest")}}
		if r.IntN(2) == 0 {
			q.Set("q", words(r, 1+r.IntN(3)))
		}
		return urlEvent(r, "GET", "/products", q, object{}, nil)
	case 5:
		return urlEvent(r, "GET", "/products/"+uuidOf(r), nil, object{}, nil)
	case 6, 7:
		items := []any{}
		for range 1 + r.IntN(6) {
			items = append(items, object{"product": uuidOf(r), "quantity": 1 + r.IntN(20), "price": float64(100+r.IntN(30000)) / 100, "gift": r.IntN(5) == 0})
		}
		o := object{"customer": 1 + r.IntN(90000), "items": items, "currency": pick(r, "EUR", "USD", "CHF")}
		if r.IntN(3) == 0 {
			o["note"] = words(r, 2+r.IntN(20)) + pick(r, ".", "!", "?")
		}
		if r.IntN(4) == 0 {
			o["coupon"] = pick(r, "SPRING", "TEA", "WELCOME") + fmt.Sprint(10+r.IntN(40))
		}
		return urlEvent(r, "POST", "/orders", nil, asJSON, o)
	case 8:
		return urlEvent(r, "DELETE", fmt.Sprintf("/orders/%d", 1e5+r.IntN(8e5)), nil, object{}, nil)
	}
	return urlEvent(r, "GET", fmt.Sprintf("/orders/%d/invoice", int(1e5)+r.IntN(8e5)), nil, object{}, nil)
}

func graphqlCall(r *rand.Rand) object {
	switch r.IntN(3) {
	case 0:
		return urlEvent(r, "POST", "/graphql", nil, asJSON, object{"operationName": "User", "query": "query User($id: ID!) { user(id: $id) { id name posts(first: 10) { title } } }",
			"variables": object{"id": uuidOf(r)}})
	case 1:
		return urlEvent(r, "POST", "/graphql", nil, asJSON, object{"operationName": "AddPost", "query": "mutation AddPost($in: PostInput!) { addPost(input: $in) { id } }",
			"variables": object{"in": object{"title": words(r, 2+r.IntN(5)), "text": words(r, 5+r.IntN(60)) + ".", "tags": []any{pick(r, "tea", "news"), "blog"}}}})
	}
	return urlEvent(r, "POST", "/graphql", nil, asJSON, object{"operationName": "Feed", "query": "query Feed($n: Int) { feed(limit: $n) { id author { name } } }",
		"variables": object{"n": 5 + 5*r.IntN(4)}})
}

func webhookCall(r *rand.Rand) object {
	e := object{"id": "evt_" + fmt.Sprintf("%016x", r.Uint64()), "object": "event", "created": 1.76e9 + float64(r.IntN(1e7)), "livemode": true,
		"type": pick(r, "payment.succeeded", "payment.failed", "refund.created"),
		"data": object{"object": object{"id": "pay_" + fmt.Sprintf("%016x", r.Uint64()), "amount": 100 + r.IntN(90000), "currency": pick(r, "eur", "usd"),
			"metadata": object{"order": fmt.Sprint(1e5 + r.IntN(8e5))}, "receipt": "https://pay.example/r/" + fmt.Sprintf("%08x", r.Uint32())}}}
	ev := urlEvent(r, "POST", "/hooks/payments", nil, asJSON, e)
	ev["requestContext"].(object)["http"].(object)["sourceIp"] = fmt.Sprintf("198.51.%d.%d", r.IntN(12), 1+r.IntN(250))
	return ev
}

func sqsBatch(r *rand.Rand) object {
	records := []any{}
	for range 1 + r.IntN(10) {
		body, _ := json.Marshal(object{"job": uuidOf(r), "kind": pick(r, "resize", "mail"), "priority": r.IntN(5), "payload": object{"to": "user" + fmt.Sprint(r.IntN(999)) + "@example.com", "lines": []any{words(r, 4)}}})
		records = append(records, object{"messageId": uuidOf(r), "receiptHandle": "AQEB" + strings.Repeat("x", 60), "body": string(body),
			"attributes":        object{"ApproximateReceiveCount": fmt.Sprint(1 + r.IntN(3)), "SentTimestamp": fmt.Sprint(1.76e12 + r.Float64()*1e9)[:13], "SenderId": "AIDAEXAMPLE", "ApproximateFirstReceiveTimestamp": "1760000000000"},
			"messageAttributes": object{}, "md5OfBody": fmt.Sprintf("%032x", r.Uint64()), "eventSource": "aws:sqs",
			"eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:jobs", "awsRegion": "eu-central-1"})
	}
	return object{"Records": records}
}

func s3Upload(r *rand.Rand) object {
	return object{"Records": []any{object{"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "2026-10-01T10:11:12.345Z", "eventName": "ObjectCreated:Put",
		"userIdentity": object{"principalId": "AWS:AIDAEXAMPLE"}, "requestParameters": object{"sourceIPAddress": network(r)},
		"s3": object{"s3SchemaVersion": "1.0", "configurationId": "uploads", "bucket": object{"name": "photos", "arn": "arn:aws:s3:::photos"},
			"object": object{"key": "uploads/" + uuidOf(r) + "/" + pick(r, "IMG_", "photo", "scan-") + fmt.Sprint(r.IntN(9999)) + pick(r, ".jpg", ".png"),
				"size": 10_000 + r.IntN(5_000_000), "eTag": fmt.Sprintf("%032x", r.Uint64()), "sequencer": fmt.Sprintf("%018X", r.Uint64())}}}}}
}

func signUp(r *rand.Rand) object {
	name := pick(r, "ann", "bo", "chidi", "zoe") + fmt.Sprint(r.IntN(9999))
	return object{"version": "1", "region": "eu-central-1", "userPoolId": "eu-central-1_EXAMPLE", "userName": uuidOf(r), "triggerSource": "PreSignUp_SignUp",
		"callerContext": object{"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "1example23456789"},
		"request":       object{"userAttributes": object{"email": name + "@example.com", "name": words(r, 2)}, "validationData": nil},
		"response":      object{"autoConfirmUser": false, "autoVerifyEmail": false, "autoVerifyPhone": false}}
}

func decoded(t testing.TB, ev object) *event.Event {
	t.Helper()
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	return event.Decode(raw, nil, event.DefaultLimits())
}

// learnWeek has a fleet learn a week of an API: each day other environments.
func learnWeek(t testing.TB, a api, r *rand.Rand, perDay int) (*Document, *Checker) {
	t.Helper()
	all := NewEvidence()
	start := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	for day := range 7 {
		now := start.AddDate(0, 0, day)
		fleet := make([]*Learner, 5)
		for i := range fleet {
			fleet[i] = NewLearner(nil, func() time.Time { return now })
		}
		for range perDay {
			env := r.IntN(len(fleet))
			l := fleet[env]
			if d, ok := l.Commit(l.Observe(decoded(t, a.normal(r)))); ok {
				if d.Full {
					t.Fatalf("%s: an environment has told all it may", a.name)
				}
				if err := all.Apply(fmt.Sprint(day, "/", env), d); err != nil {
					t.Fatal(err)
				}
			}
		}
		for env, l := range fleet {
			if err := all.Apply(fmt.Sprint(day, "/", env), l.Count()); err != nil {
				t.Fatal(err)
			}
		}
	}
	o := Options{Metadata: Metadata{Function: a.name, Version: 1, Source: "learned"}, Settled: DefaultSettled()}
	o.Accept = func(at Place) bool {
		for _, p := range a.accept {
			if at[0] == p[0] {
				return true
			}
		}
		return false
	}
	d, _ := all.Build(o)
	read, err := Parse(d.Canonical())
	if err != nil {
		t.Fatalf("%s: %v", a.name, err)
	}
	c, err := NewChecker(read)
	if err != nil {
		t.Fatal(err)
	}
	return read, c
}

// novelty changes a normal event into one that no rule knows: kind tells how.
func novelEvent(a api, r *rand.Rand, kind string) (ev object, ok bool) {
	ev = a.normal(r)
	if kind == "foreign trigger" {
		other := pick(r, object{"Records": []any{object{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": object{"Message": "x", "Type": "Notification"}}}},
			object{"source": "aws.events", "detail-type": "Scheduled Event", "detail": object{}, "version": "0", "id": uuidOf(r)},
			object{"Records": []any{object{"eventSource": "aws:kinesis", "kinesis": object{"data": "YQ=="}}}}, object{"admin": true})
		return other, true
	}
	body, at := bodyOf(ev)
	path, isHTTP := ev["rawPath"].(string)
	switch kind {
	case "unseen route":
		if !isHTTP {
			return nil, false
		}
		ev["rawPath"] = pick(r, "/admin/users", "/debug/vars", "/.git/config", "/internal/health", path+"/export", "/orders/7/refund")
		return ev, true
	case "parameter tampering":
		if !isHTTP {
			return nil, false
		}
		ev["queryStringParameters"] = object{pick(r, "debug", "admin", "user_id", "callback"): pick(r, "1", "true", "7")}
		ev["rawQueryString"] = "debug=1"
		return ev, true
	case "mass assignment":
		if body == nil {
			return nil, false
		}
		target := body
		if v, is := body["variables"].(map[string]any); is {
			target = v // an unknown member beside query is ignored, a variable is bound
		}
		target[pick(r, "isAdmin", "role", "verified", "accountId", "credit")] = pick[any](r, true, "admin", 1)
	case "type confusion":
		if body == nil || !confuse(r, body) {
			return nil, false
		}
	case "oversize":
		if body == nil || !inflate(r, body) {
			return nil, false
		}
	}
	at(body)
	return ev, true
}

// bodyOf is the document that the function reads, and what puts it back.
func bodyOf(ev object) (object, func(object)) {
	put := func(holder object, key string) func(object) {
		return func(b object) {
			text, _ := json.Marshal(b)
			holder[key] = string(text)
		}
	}
	parse := func(s any) object {
		var b map[string]any
		text, _ := s.(string)
		if json.Unmarshal([]byte(text), &b) != nil {
			return nil
		}
		return b
	}
	if records, ok := ev["Records"].([]any); ok {
		rec := records[0].(object)
		if _, ok := rec["body"]; ok {
			return parse(rec["body"]), put(rec, "body")
		}
		return rec["s3"].(object)["object"].(object), func(object) {}
	}
	if request, ok := ev["request"].(object); ok {
		return request["userAttributes"].(object), func(object) {}
	}
	return parse(ev["body"]), put(ev, "body")
}

// leaves are the members that hold a value.
func leavesOf(b map[string]any, out []func(func(any) any), keep func(any) bool) []func(func(any) any) {
	for _, k := range sortedKeys(b) {
		switch v := b[k].(type) {
		case map[string]any:
			out = leavesOf(v, out, keep)
		default:
			if keep(v) {
				out = append(out, func(change func(any) any) { b[k] = change(b[k]) })
			}
		}
	}
	return out
}

func confuse(r *rand.Rand, b map[string]any) bool {
	all := leavesOf(b, nil, func(v any) bool { return v != nil })
	if len(all) == 0 {
		return false
	}
	pick(r, all...)(func(v any) any {
		switch v.(type) {
		case string:
			return pick[any](r, map[string]any{"ne": "x"}, []any{"a"}, true, 7)
		case []any:
			return pick[any](r, "x", map[string]any{"0": "x"}, 7)
		}
		return pick[any](r, "x", map[string]any{"gt": 0}, []any{1})
	})
	return true
}

func inflate(r *rand.Rand, b map[string]any) bool {
	all := leavesOf(b, nil, func(v any) bool { _, is := v.(bool); return v != nil && !is })
	if len(all) == 0 {
		return false
	}
	pick(r, all...)(func(v any) any {
		switch v := v.(type) {
		case string:
			return strings.Repeat(v+"a", 1+20_000/(len(v)+1))
		case []any:
			out := []any{}
			for range 500 {
				out = append(out, v...)
			}
			return out
		}
		return 9e15
	})
	return true
}

// TestRealisticAPIs: a week of six functions makes profiles from which another
// week hardly departs, and from which what they never see does.
func TestRealisticAPIs(t *testing.T) {
	t.Parallel()
	kinds := []string{"parameter tampering", "unseen route", "type confusion", "mass assignment", "oversize", "foreign trigger"}
	var normal, alarms, novel, seen int
	for i, a := range apis() {
		r := rand.New(rand.NewPCG(uint64(i), 99))
		d, c := learnWeek(t, a, r, 700)
		if got := ToAlert(d); !got.Ready() && len(a.accept) == 0 {
			t.Logf("%s: not ready for alert: %v", a.name, got.Against)
		}
		for range 3000 {
			normal++
			ev := a.normal(r)
			if got := c.Check(decoded(t, ev)); len(got) > 0 {
				if alarms++; alarms <= 10 {
					t.Logf("%s: false alarm: %+v", a.name, got[0])
				}
			}
		}
		for _, kind := range kinds {
			missed := 0
			n := 0
			for range 200 {
				ev, ok := novelEvent(a, r, kind)
				if !ok {
					continue
				}
				n++
				if len(c.Check(decoded(t, ev))) == 0 {
					if missed++; missed <= 2 {
						text, _ := json.Marshal(ev)
						t.Logf("%s: %s is not seen: %.300s", a.name, kind, text)
					}
				}
			}
			novel, seen = novel+n, seen+n-missed
			if n > 0 && missed*20 > n {
				t.Errorf("%s: %d of %d cases of %s are not seen, want at most 5 %%", a.name, missed, n, kind)
			}
		}
	}
	t.Logf("%d of %d normal events depart (%.3f %%), %d of %d novelties are seen (%.1f %%)", alarms, normal, 100*float64(alarms)/float64(normal), seen, novel, 100*float64(seen)/float64(novel))
	if alarms*1000 > normal {
		t.Errorf("%d of %d normal events depart, want at most 0.1 %%", alarms, normal)
	}
}

// TestFleetInAnyOrder: what 400 environments tell gives one profile, in whichever
// order and however often the log delivers it; a rare route that a person has
// looked at is in it.
func TestFleetInAnyOrder(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(11, 12))
	type line struct {
		env string
		d   Delta
	}
	var told []line
	for env := range 400 {
		now := time.Date(2026, 10, 1+env%7, 9, 0, 0, 0, time.UTC)
		l := NewLearner(nil, func() time.Time { return now })
		for range 12 {
			ev := restCall(r)
			if r.IntN(600) == 0 {
				ev = urlEvent(r, "GET", "/reports/yearly", nil, object{}, nil)
			}
			if d, ok := l.Commit(l.Observe(decoded(t, ev))); ok {
				told = append(told, line{fmt.Sprint(env), d})
			}
		}
		told = append(told, line{fmt.Sprint(env), l.Count()})
	}
	rare := Place{"function-url", "GET", "/reports", "/yearly"}
	build := func(order []int) string {
		e := NewEvidence()
		for _, i := range order {
			if err := e.Apply(told[i].env, told[i].d); err != nil {
				t.Fatal(err)
			}
		}
		d, _ := e.Build(Options{Settled: DefaultSettled(), Accept: func(at Place) bool { return ShowPlace(at) == ShowPlace(rare) }})
		return string(d.Canonical())
	}
	want := build(r.Perm(len(told)))
	for range 4 {
		if got := build(append(r.Perm(len(told)), r.Perm(len(told))...)); got != want {
			t.Fatalf("another order gives another profile:\n%s", firstDifference(got, want))
		}
	}
	for _, s := range []string{`"POST /orders"`, `"GET /reports/yearly"`, "environments: 400", "samples: 4800"} {
		if !strings.Contains(want, s) {
			t.Errorf("the profile lacks %s", s)
		}
	}
}
