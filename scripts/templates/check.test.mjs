// Checks every template against the CloudFormation resource specification as
// npm carries it: types, names and types of properties, what is required, and
// what a template refers to. Each kind of fault is planted once, so that the
// check is known to find it.
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { loadAwsServiceSpecSync } from "@aws-cdk/aws-service-spec";
import { parseDocument } from "yaml";

const spec = loadAwsServiceSpecSync();
const root = new URL("../../", import.meta.url);

// Short forms of intrinsic functions become the long ones.
const functions = ["Ref", "Sub", "If", "Equals", "Not", "And", "Or", "GetAtt", "Join", "Select", "Split", "Condition"];
const customTags = functions.flatMap((name) => {
  const key = name === "Ref" || name === "Condition" ? name : "Fn::" + name;
  const wrap = (value) => ({ [key]: name === "GetAtt" && typeof value === "string" ? value.split(".") : value });
  return [
    { tag: "!" + name, resolve: (text) => wrap(text) },
    { tag: "!" + name, collection: "seq", resolve: (seq) => seq.toJSON && wrap(seq.toJSON()) },
  ];
});

function read(text) {
  const doc = parseDocument(text, { customTags, strict: true, uniqueKeys: true });
  assert.deepEqual(doc.errors, []);
  return doc.toJS();
}

const isFunction = (v) => v && typeof v === "object" && !Array.isArray(v) && Object.keys(v).length === 1 &&
  (Object.keys(v)[0] === "Ref" || Object.keys(v)[0] === "Condition" || Object.keys(v)[0].startsWith("Fn::"));

function check(text) {
  const faults = [];
  const template = read(text);
  const known = new Set([...Object.keys(template.Resources), ...Object.keys(template.Parameters ?? {})]);
  const conditions = new Set(Object.keys(template.Conditions ?? {}));
  const global = template.Globals?.Function ?? {};

  const references = (v, at, locals = []) => {
    if (Array.isArray(v)) return v.forEach((x, i) => references(x, `${at}[${i}]`, locals));
    if (v === null || typeof v !== "object") return;
    for (const [k, x] of Object.entries(v)) {
      if (k === "Ref" && !known.has(x) && !String(x).startsWith("AWS::")) faults.push(`${at}: Ref ${x}: there is none`);
      if (k === "Fn::If" && !conditions.has(x[0])) faults.push(`${at}: condition ${x[0]}: there is none`);
      if (k === "Fn::GetAtt") {
        const type = template.Resources[x[0]]?.Type;
        const attributes = type && resource(type)?.attributes;
        if (!attributes || !(x.slice(1).join(".") in attributes)) faults.push(`${at}: GetAtt ${x.join(".")}: there is none`);
      }
      if (k === "Fn::Sub") {
        const [body, names] = Array.isArray(x) ? [x[0], Object.keys(x[1])] : [x, []];
        for (const [, name] of body.matchAll(/\$\{([^}!]+)\}/g)) {
          if (!names.includes(name) && !known.has(name) && !name.startsWith("AWS::")) faults.push(`${at}: \${${name}}: there is none`);
        }
        for (const name of names) if (!body.includes("${" + name + "}")) faults.push(`${at}: ${name} is not used`);
      }
      references(x, `${at}.${k}`, locals);
    }
  };
  references(template.Resources, "Resources");
  references(template.Conditions ?? {}, "Conditions");
  references(template.Outputs ?? {}, "Outputs");

  for (const [id, r] of Object.entries(template.Resources)) {
    const type = resource(r.Type);
    if (!type) { faults.push(`${id}: there is no resource ${r.Type}`); continue; }
    const given = r.Type === "AWS::Serverless::Function" ? { ...global, ...r.Properties } : r.Properties ?? {};
    properties(given, type.properties, id);
  }
  return faults;

  function properties(given, defined, at) {
    for (const [name, value] of Object.entries(given)) {
      if (!(name in defined)) faults.push(`${at}.${name}: there is no such property`);
      else if (!fits(value, defined[name].type, `${at}.${name}`)) faults.push(`${at}.${name}: ${JSON.stringify(value)} is no ${name0(defined[name].type)}`);
    }
    for (const [name, p] of Object.entries(defined)) if (p.required && !(name in given)) faults.push(`${at}.${name}: is required`);
  }

  function fits(value, type, at) {
    if (isFunction(value)) {
      const [fn, x] = Object.entries(value)[0];
      if (fn === "Fn::If") return [x[1], x[2]].every((v) => v?.Ref === "AWS::NoValue" || fits(v, type, at));
      if (fn === "Fn::Sub") return ["string", "json", "union"].includes(type.type);
      return true;
    }
    switch (type.type) {
      case "string": return typeof value === "string";
      case "number": case "integer": return typeof value === "number" && (type.type === "number" || Number.isInteger(value));
      case "boolean": return typeof value === "boolean";
      case "array": return Array.isArray(value) && value.every((v, i) => fits(v, type.element, `${at}[${i}]`));
      case "map": return object(value) && Object.entries(value).every(([k, v]) => fits(v, type.element, `${at}.${k}`));
      case "ref":
        if (!object(value)) return false;
        properties(value, spec.get("typeDefinition", type.reference.$ref).properties, at);
        return true;
      case "union": return type.types.some((t) => trial(() => fits(value, t, at)));
      case "json": case "null": case "tag": case "date-time": return true;
    }
    throw new Error(`${at}: the specification has a type ${type.type}, which this check does not know`);
  }

  // One of several types fits if it leaves no fault behind.
  function trial(fn) {
    const before = faults.length, ok = fn() && faults.length === before;
    faults.length = before;
    return ok;
  }
}

const object = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
const name0 = (t) => t.type === "array" ? "list" : t.type;
function resource(type) {
  const found = spec.lookup("resource", "cloudFormationType", "equals", type);
  return found.length ? found.only() : undefined;
}

const file = (name) => readFileSync(new URL(name, root), "utf8");
for (const name of ["layer/templates/cloudwatch.yaml", "layer/templates/sam.yaml"]) {
  test(name, () => {
    const text = file(name);
    assert.deepEqual(check(text), []);
    assert.ok(Object.keys(read(text).Resources).length >= 3);
  });
}

test("the kinds of resources", () => {
  const kinds = {};
  for (const r of Object.values(read(file("layer/templates/cloudwatch.yaml")).Resources)) kinds[r.Type] = (kinds[r.Type] ?? 0) + 1;
  assert.deepEqual(kinds, {
    "AWS::CloudWatch::Alarm": 7, "AWS::CloudWatch::Dashboard": 1, "AWS::CloudWatch::InsightRule": 1, "AWS::Logs::QueryDefinition": 12,
  });
});

test("the dashboard and the rule are JSON, also when they are filled in", () => {
  const { Resources } = read(file("layer/templates/cloudwatch.yaml"));
  for (const body of [Resources.Dashboard.Properties.DashboardBody, Resources.Sources.Properties.RuleBody]) {
    const text = body["Fn::Sub"][0].replaceAll("${FunctionName}", "orders").replaceAll("${Group}", "/aws/lambda/orders").replaceAll("${AWS::Region}", "eu-west-1");
    assert.ok(Object.keys(JSON.parse(text)).length > 0);
    assert.ok(!text.includes("${"));
  }
  const { widgets } = JSON.parse(Resources.Dashboard.Properties.DashboardBody["Fn::Sub"][0]);
  for (const [i, w] of widgets.entries()) {
    assert.ok(w.x + w.width <= 24, `widget ${i} is wider than the dashboard`);
    for (const o of widgets.slice(i + 1)) {
      const apart = w.x + w.width <= o.x || o.x + o.width <= w.x || w.y + w.height <= o.y || o.y + o.height <= w.y;
      assert.ok(apart, `${w.properties.title} overlaps ${o.properties.title}`);
    }
  }
});

const planted = {
  "a resource that does not exist": ["AWS::CloudWatch::InsightRule", "AWS::CloudWatch::InsightsRule", /no resource/],
  "a property with another name": ["EvaluationPeriods: 2", "EvaluationPeriod: 2", /no such property/],
  "a property that is missing": ["      RuleState: ENABLED\n", "", /RuleState: is required/],
  "a text for a number": ["Period: 3600", "Period: an hour", /Period/],
  "a text for a list": ["LogGroupNames: [!If [DefaultLogGroup, !Sub '/aws/lambda/${FunctionName}', !Ref LogGroupName]]", "LogGroupNames: x", /LogGroupNames/],
  "a property in the wrong place": ["            Stat: Sum\n", "            Statistic: Sum\n", /Statistic/],
  "a parameter that does not exist": ["!Ref AlarmTopic]", "!Ref Topic]", /Ref Topic/],
  "a condition that does not exist": ["!If [HasTopic", "!If [HasATopic", /condition HasATopic/],
  "an attribute that does not exist": ["Coverage.Arn", "Coverage.Url", /GetAtt Coverage.Url/],
  "a variable that does not exist": ["'Merlon-${FunctionName}'", "'Merlon-${Function}'", /\$\{Function\}/],
};
for (const [what, [from, to, want]] of Object.entries(planted)) {
  test("finds " + what, () => {
    const text = file("layer/templates/cloudwatch.yaml");
    assert.ok(text.includes(from), `the template holds ${from}`);
    const faults = check(text.replace(from, to));
    assert.ok(faults.some((f) => want.test(f)), `faults: ${faults.join("; ")}`);
  });
}
