// The SARIF that replay writes, against the schema of the standard.
import { test } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, dirname } from "node:path";
import Ajv from "ajv";
import { dir, merlon } from "./browser.mjs";

const require = createRequire(import.meta.url);
const schema = JSON.parse(readFileSync(join(dirname(require.resolve("@microsoft/jest-sarif/package.json")), "lib/schemas/sarif-2.1.0-rtm.5.json"), "utf8"));
const ajv = new Ajv({ schemaId: "auto", allErrors: true, unknownFormats: "ignore" });
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
const valid = ajv.compile(schema);

test("replay's SARIF is valid, whatever the events say", () => {
  const events = join(dir, "events <&>.jsonl"), policy = join(dir, "new.yaml"), out = join(dir, "out.sarif");
  const hostile = "</script>\u001b[31m\u202e\u2028'\"<&>";
  const attack = "' OR 1=1-- ";
  writeFileSync(events, [
    { id: "one", event: { note: attack } },
    { id: hostile, event: { [hostile]: attack } },
    { id: "clean", event: { note: "good morning" } },
  ].map((e) => JSON.stringify(e)).join("\n"));
  writeFileSync(policy, "apiVersion: merlon.dev/v1\nkind: Policy\nmode: block\nexceptions:\n  - rule: 1-99999999\n    reason: all of them\n");
  const r = merlon("replay", "--policy", policy, "--sarif", out, events);
  assert.equal(r.status, 4, r.stderr);
  const sarif = JSON.parse(readFileSync(out, "utf8"));
  assert.ok(valid(sarif), JSON.stringify(valid.errors));
  assert.ok(sarif.runs[0].results.length >= 2);
  assert.ok(!/[\u0000-\u0009\u000b-\u001f\u202e\u2028]/.test(readFileSync(out, "utf8")));
  for (const result of sarif.runs[0].results) {
    assert.equal(sarif.runs[0].tool.driver.rules[result.ruleIndex].id, result.ruleId);
    assert.equal(result.level, "warning");
  }
  // The check can fail.
  sarif.runs[0].results[0].level = "terrible";
  assert.ok(!valid(sarif));
  delete sarif.runs[0].tool;
  assert.ok(!valid(sarif));
});
