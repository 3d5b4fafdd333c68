package when_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/merlon-security/merlon/internal/event"
	"github.com/merlon-security/merlon/policy/when"
)

// order is a request with something in every place.
const order = `{
  "version": "2.0", "routeKey": "POST /orders/{id}", "rawPath": "/orders/7", "rawQueryString": "role=user&role=admin&page=2",
  "headers": {"content-type": "application/json", "X-Api-Key": "k1", "x-amount": "10.5"},
  "cookies": ["sid=abc", "theme=dark"],
  "requestContext": {
    "accountId": "1", "apiId": "a", "stage": "$default", "routeKey": "POST /orders/{id}", "domainName": "a.execute-api.eu-west-1.amazonaws.com",
    "http": {"method": "POST", "path": "/orders/7", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "curl"},
    "authorizer": {"jwt": {"claims": {"sub": "user-1"}, "scopes": null}}
  },
  "body": "{\"user\":{\"role\":\"ADMIN\",\"__proto__\":{\"x\":1}},\"items\":[{\"sku\":\"A-1\",\"qty\":2},{\"sku\":\"B-2\",\"qty\":300}]}",
  "isBase64Encoded": false
}`

// queue is a batch of two records.
const queue = `{"Records": [
  {"messageId": "1", "receiptHandle": "r", "body": "{\"role\":\"user\"}", "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q", "awsRegion": "eu-west-1"},
  {"messageId": "2", "receiptHandle": "r", "body": "{\"role\":\"admin\"}", "attributes": {}, "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q", "awsRegion": "eu-west-1"}
]}`

func decode(text string) *event.Event {
	return event.Decode([]byte(text), http.Header{}, event.DefaultLimits())
}

// matches evaluates an expression over each subject of an event.
func matches(t testing.TB, expression string, ev *event.Event) []when.Outcome {
	t.Helper()
	p, err := when.Compile(expression)
	if err != nil {
		t.Fatalf("Compile(%s): %v", expression, err)
	}
	subjects := when.Subjects(ev)
	b := when.NewBudget([]*when.Program{p}, subjects, time.Time{}, nil)
	out := make([]when.Outcome, len(subjects))
	for i, s := range subjects {
		out[i] = p.Run(s, b)
	}
	return out
}

func TestRun(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		`true`:                      true,
		`trigger == "apigw-v2"`:     true,
		`method == "POST" && !true`: false,
		`path.startsWith("/orders/") && path.endsWith("7")`:                                       true,
		`route == 'POST /orders/{id}'`:                                                            true,
		`route.contains("{id}") ? method == "GET" : true`:                                         false,
		`address.inCIDR("203.0.113.0/24")`:                                                        true,
		`address.inCIDR("10.0.0.0/8") || address.inCIDR("::/0")`:                                  false,
		`principalType == "jwt"`:                                                                  true,
		`principal == "user-1"`:                                                                   true,
		`header("x-api-key").exists(k, k == "k1")`:                                                true,
		`header("absent").size() == 0`:                                                            true,
		`header("absent").exists(h, true)`:                                                        false,
		`header("absent").all(h, false)`:                                                          true,
		`header("content-type").exists(h, h.contains("json"))`:                                    true,
		`"admin" in query("role") && "user" in query("role")`:                                     true,
		`size(query("role")) == 2`:                                                                true,
		`query("page").exists(p, number(p) >= 2)`:                                                 true,
		`header("x-amount").exists(a, number(a) == 10.5)`:                                         true,
		`cookie("sid").exists_one(c, c == "abc")`:                                                 true,
		`cookie("SID").size() > 0`:                                                                false,
		`at(["body", "user", "role"]).exists(r, r == "ADMIN")`:                                    true,
		`at(["body", "user", "role"]).exists(r, r == "admin")`:                                    false,
		`"admin" in at(["body", "user", "role"])`:                                                 false,
		`at(["body", "items", null, "sku"]).size() == 2`:                                          true,
		`at(["body", "items", 1, "qty"]).all(q, number(q) < 100)`:                                 false,
		`at(["body", "items", 2, "qty"]).size() == 0`:                                             true,
		`at(["body.user.role"]).size() > 0`:                                                       false,
		`leaves.exists(l, l.name == "__proto__")`:                                                 true,
		`leaves.exists(l, l.place == "cookie" && l.value == "abc")`:                               true,
		`leaves.exists(l, l.value.lowerAscii() == "admin" && l.place == "body")`:                  true,
		`leaves.exists(l, l.value.matches("^[A-Z]-[0-9]$"))`:                                      true,
		`leaves.exists(l, l.value.matches(r"^\w-\d$"))`:                                           true,
		`leaves.filter(l, l.name == "sku").exists(l, l.value == "B-2")`:                           true,
		`leaves.filter(l, l.name == "sku").size() > 1`:                                            true,
		`leaves.exists(l, leaves.exists(m, l.name == m.name && l.value != m.value))`:              true,
		`["A-1", "C-3"].exists(w, leaves.exists(l, l.value == w))`:                                true,
		`method in ["GET", "HEAD"]`:                                                               false,
		`number("12abc") == 12.0`:                                                                 false,
		`number("x") != number("x")`:                                                              true,
		`number("-1.5e3") == -1500.0`:                                                             true,
		`number(" +0042\t") == 42.0 && number(".5") == 0.5`:                                       true,
		`number("1e999") > 1 && number("-1e999") < 1`:                                             true,
		`number("") < 1 || number("0x10") > 1 || number("1_0") > 1 || number("inf") > 1`:          false,
		`number("-") < 1 || number("1.2.3") > 1 || number("e") > 1`:                               false,
		`at(["headers", "x-api-key"]).exists(k, k == "k1")`:                                       true,
		`size("äö") == 2 && "\u00e4\x41" == "äA"`:                                                 true,
		`"a" < "b" && "a" <= "a" && !("b" < "a") && "b" >= "a" && 2 > 1 && 1 != 2 && 1 <= 1`:      true,
		`(method == "POST") == (path != "")`:                                                      true,
		`number(method == "POST" ? "1" : "2") == (true ? 1.0 : 2.0) && (true ? "a" : "b") == "a"`: true,
		"// a comment\nmethod == 'POST' // and its end\n && !!true":                               true,
	} {
		if got := matches(t, expression, decode(order)); len(got) != 1 || got[0].Match != want || got[0].Over {
			t.Errorf("Run(%s) = %+v, want match %v", expression, got, want)
		}
	}
}

func TestRecordsAreJudgedOneByOne(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string][3]bool{ // the records, and what stands beside them
		`at(["Records", null, "body", "role"]).exists(r, r == "admin")`: {false, true, false},
		`leaves.exists(l, l.value == "1")`:                              {true, false, false},
		`trigger == "sqs" && source.endsWith(":q")`:                     {true, true, false},
		`!leaves.exists(l, l.name == "signature")`:                      {true, true, false},
		`leaves.exists(l, l.name == "note")`:                            {false, false, true},
	} {
		ev := decode(strings.Replace(queue, `{"Records"`, `{"note": "x", "Records"`, 1))
		for i, o := range matches(t, expression, ev) {
			if o.Match != want[i] {
				t.Errorf("Run(%s), subject %d = %v, want %v", expression, i, o.Match, want[i])
			}
		}
	}
}

// TestLeafToShow: an expression names the value that made it true, and no other.
func TestLeafToShow(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`leaves.exists(l, l.name == "sku" && l.value.endsWith("2"))`:                                          "body.items[1].sku",
		`"admin" in query("role")`:                                                                            "rawQueryString.role",
		`at(["body","items",null,"qty"]).exists(q, number(q) > 100)`:                                          "body.items[1].qty",
		`["B-2"].exists(w, leaves.exists(l, l.value == w))`:                                                   "body.items[1].sku",
		`leaves.exists(l, l.name == "sku") && false || leaves.exists(l, l.name == "role")`:                    "rawQueryString.role",
		`leaves.exists(l, l.name == "sku") && false || true`:                                                  "",
		`!leaves.exists(l, l.name == "nothing")`:                                                              "",
		`!!leaves.exists(l, l.name == "sku")`:                                                                 "",
		`method == "POST"`:                                                                                    "",
		`leaves.exists(l, l.name == "qty" && number(l.value) > 100 && leaves.exists(m, m.name == "sku"))`:     "body.items[1].qty",
		`leaves.exists(l, leaves.exists(m, m.name == "sku") && false) || leaves.exists(l, l.value == "dark")`: "cookies[1].theme",
	} {
		ev := decode(order)
		got := matches(t, expression, ev)[0]
		path := ""
		if got.Leaf != nil {
			path = ev.Path(got.Leaf).String()
		}
		if !got.Match || path != want {
			t.Errorf("Run(%s) shows %q (match %v), want %q", expression, path, got.Match, want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		expression string
		at         int
		want       string
	}{
		{``, 0, "the end: want a value"},
		{`method`, 0, "a string: want one that is true or false"},
		{`metod == "GET"`, 0, `"metod" is not known: want trigger`},
		{`method == GET`, 10, `"GET" is not known`},
		{`method = "GET"`, 7, "want =="},
		{`method == "GET" & true`, 16, "want &&"},
		{`method == "GET`, 10, "not closed"},
		{`method == "\q"`, 11, "unknown escape"},
		{`method == "\ud800"`, 11, "no character"},
		{`method == """GET"""`, 10, "three quotes"},
		{`method == "GET" method`, 16, "want an operator or the end"},
		{`(method == "GET"`, 16, `want ")"`},
		{`method == 1`, 7, "use number("},
		{`number(method) == 1`, 15, "write 10.0"},
		{`1 + 1 == 2`, 2, "no arithmetic"},
		{`-method == 1`, 0, "no arithmetic"},
		{`1e3 == 1`, 0, "decimal number"},
		{`99999999999999999999 == 1`, 0, "too large"},
		{`headers["x"] == "1"`, 7, `use header("name")`},
		{`header("x") == "1"`, 12, "a list of strings == a string cannot be compared"},
		{`header(method).size() > 0`, 7, "want a string in quotes"},
		{`header("a", "b").size() > 0`, 0, "2 arguments: want 1"},
		{`header("x").exists(h)`, 12, "want a name and a condition"},
		{`header("x").exists("h", true)`, 12, "want a name and a condition"},
		{`header("x").exists(method, true)`, 19, "has a meaning already"},
		{`header("x").exists(if, true)`, 19, "has a meaning already"},
		{`header("x").any(h, true)`, 12, "want exists"},
		{`header("x").exists(h, h.value == "")`, 24, "a string has no field"},
		{`leaves.exists(l, l == "")`, 19, "a leaf == a string cannot be compared"},
		{`leaves.exists(l, l.path == "")`, 19, "want name, value or place"},
		{`leaves.exists(l, l.contains("x"))`, 19, "a leaf has no method"},
		{`leaves.map(l, l.name).size() > 0`, 7, "want exists"},
		{`leaves && true`, 0, "want a condition"},
		{`leaves.exists(l, "x")`, 17, "want a condition"},
		{`!method`, 1, "want a condition"},
		{`true ? 1 : "x" == "x"`, 15, "a condition here and a whole number"},
		{`(true ? leaves : leaves).size() > 0`, 1, "to choose from"},
		{`method.matches("(")`, 15, "missing closing"},
		{`method.matches(path)`, 15, "want a string in quotes"},
		{`method.matches("` + strings.Repeat("a", 513) + `")`, 15, "want at most 512"},
		{`method.matches("a{900}b{900}")`, 15, "instructions"},
		{`address.inCIDR("10.0.0.1")`, 15, "want a network"},
		{`at("body").size() > 0`, 3, "want a path"},
		{`at([]).size() > 0`, 3, "want a path"},
		{`at(["a", -1]).size() > 0`, 10, "want a key in quotes"},
		{`method in [1]`, 11, "want strings in a list"},
		{`1 in [""]`, 2, "want a string in a list of strings"},
		{`shell("id")`, 0, "there is no function"},
		{`method.trim() == ""`, 7, "a string has no method"},
		{`size(1) == 1`, 0, "want a string or a list"},
		{`number(1) == 1.0`, 7, "want a string"},
		{`method == "` + strings.Repeat("a", when.MaxText) + `"`, 0, "want at most"},
		{strings.Repeat("(", 50) + "true" + strings.Repeat(")", 50), 40, "levels of nesting"},
		{`true` + strings.Repeat(" && true", 300), 0, "more than 400 parts"},
		{`["a","b","c","d","e","f","g","h","i","j"].exists(x, ` + strings.Repeat(`["a","b","c","d","e","f","g","h","i","j"].exists(y, `, 4) + "true)))))", 0, "want at most 10000"},
		{"método == 'x'", 1, "has no meaning here"},
	} {
		_, err := when.Compile(row.expression)
		var fault *when.Error
		if !errors.As(err, &fault) {
			t.Errorf("Compile(%.60s) = %v, want an error", row.expression, err)
			continue
		}
		if !strings.Contains(fault.Text, row.want) || row.at > 0 && fault.Offset != row.at {
			t.Errorf("Compile(%.60s) = at %d: %s, want at %d: %s", row.expression, fault.Offset, fault.Text, row.at, row.want)
		}
	}
}
