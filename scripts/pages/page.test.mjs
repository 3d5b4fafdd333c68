import { test, before, after } from "node:test";
import assert from "node:assert/strict";
import { readFileSync, writeFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dir, launch, makePage, open, ready } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const script = "<script>window.planted=1</script><img src=x onerror=window.planted=2>\"'><svg onload=window.planted=3>{{1}}${planted}";
let browser, week, hostile;

before(async () => {
  week = makePage("week", "-n", "400");
  hostile = makePage("hostile", "-n", "60", "-plant", script);
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

const planted = (page) => page.evaluate(() => window.planted);
const text = (page, selector) => page.$eval(selector, (e) => e.textContent);
const first = "#list > details";

test("opens without errors, requests or dialogs, and lists the verdicts", async () => {
  const { page, noted } = await open(browser, week.html);
  await ready(page);
  assert.equal(await text(page, "#status"), "1 to 50 of 400, newest first.");
  assert.equal((await page.$$(first)).length, 50);
  await page.click("#older");
  assert.match(await text(page, "#status"), /^51 to 100 of 400/);
  await page.click(first + " > summary");
  await page.waitForSelector(first + " dl");
  assert.match(await text(page, first), /orders@3/);
  assert.deepEqual(noted, { errors: [], requests: [], dialogs: 0 });
  await page.close();
});

test("narrows by function, by words, by a name in a table, and back", async () => {
  const { page, noted } = await open(browser, week.html);
  await ready(page);
  const button = await page.$('button.key[data-column="function"]');
  const name = await button.evaluate((b) => b.dataset.key);
  await button.click();
  const want = await page.evaluate((n) => Number([...document.querySelectorAll("tr")].find((r) => r.querySelector(`button[data-column="function"][data-key="${n}"]`)).cells[1].textContent), name);
  assert.ok(want > 0);
  assert.match(await text(page, "#status"), new RegExp(`function ${name}, newest first`));
  for (const column of await page.$$eval(first + " summary span:nth-child(3)", (all) => all.map((e) => e.textContent))) assert.equal(column, name);
  await page.click('button[type="reset"]');
  assert.match(await text(page, "#status"), /^1 to 50 of 400, newest/);
  const id = await page.$eval(first, (d) => d.id.slice(2));
  await page.type("#find", id);
  assert.match(await text(page, "#status"), /^1 to 1 of 1, out of 400/);
  await page.$eval("#find", (f) => { f.value = "there is no such thing"; f.dispatchEvent(new Event("input", { bubbles: true })); });
  assert.match(await text(page, "#status"), /^No verdict/);
  assert.deepEqual(noted.errors, []);
  await page.close();
});

test("narrows by every family of a verdict, not only the heaviest", async () => {
  const { page } = await open(browser, week.html);
  await ready(page);
  const row = 'tr:has(button[data-column="class"][data-key="xss"])';
  const want = await page.$eval(row, (r) => [1, 2, 3, 4].reduce((n, i) => n + (Number(r.cells[i].textContent) || 0), 0));
  const option = await page.$$eval("#class option", (all) => all.find((o) => o.textContent === "xss").value);
  await page.select("#class", option);
  const found = await page.evaluate(() => { // verdicts that stand for several count as many
    let n = 0;
    const older = document.getElementById("older");
    for (;;) {
      for (const s of document.querySelectorAll("#list summary span:nth-child(2)")) n += Number((s.textContent.match(/^(\d+)×/) || [0, 1])[1]);
      if (older.disabled) return n;
      older.click();
    }
  });
  assert.equal(found, want);
  await page.close();
});

test("opens without verdicts", async () => {
  const none = makePage("none", "-n", "0");
  const { page, noted } = await open(browser, none.html);
  await ready(page);
  assert.match(await page.$eval("header", (h) => h.textContent), /No verdicts in 0 lines/);
  assert.ok(await page.$eval("#filter", (f) => f.hidden));
  assert.deepEqual(noted, { errors: [], requests: [], dialogs: 0 });
  await page.close();
});

test("shows what was planted in every text, and runs none of it", async () => {
  const { page, noted } = await open(browser, hostile.html);
  await ready(page);
  await page.$$eval(first, (all) => all.forEach((d) => { d.open = true; }));
  await page.waitForFunction((s) => document.querySelectorAll(s + " dl").length === 50, {}, first);
  const shown = await text(page, "#list");
  assert.ok(shown.split("window.planted=1").length > 50 * 20, "the planted text stands in the details");
  assert.equal(await planted(page), undefined);
  assert.equal(await page.$$eval("img, main script, svg[onload]", (all) => all.length), 0);
  assert.deepEqual(noted, { errors: [], requests: [], dialogs: 0 });
  await page.close();
});

// The second line of defence by itself: a page in which escaping has failed, at
// each place where a planted text stands.
test("its policy stops what is planted, if escaping failed", async () => {
  const whole = readFileSync(hostile.html, "utf8");
  const escaped = /&lt;script&gt;window\.planted=1&lt;\/script&gt;&lt;img src=x onerror=window\.planted=2&gt;&#34;&#39;&gt;&lt;svg onload=window\.planted=3&gt;/g;
  const places = whole.match(escaped)?.length ?? 0;
  assert.ok(places > 20, `${places} places`);
  const broken = hostile.html.replace(".html", "-broken.html");
  writeFileSync(broken, whole.replace(escaped, "<script>window.planted=1</script><img src=x onerror='window.planted=2'><svg onload='window.planted=3'></svg>"));
  const { page } = await open(browser, broken, (p) => p.evaluateOnNewDocument(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (e) => window.violations.push(e.violatedDirective));
  }));
  await ready(page);
  await page.evaluate(() => {
    const s = document.createElement("script");
    s.textContent = "window.planted = 4";
    document.body.append(s);
    document.body.insertAdjacentHTML("beforeend", "<a id=go href='javascript:window.planted=5'>x</a>");
    document.getElementById("go").click();
  });
  assert.equal(await planted(page), undefined);
  const violations = await page.evaluate(() => window.violations);
  assert.ok(violations.filter((v) => v.startsWith("script-src")).length >= places, `${violations.length} violations in ${places} places`);
  await page.close();

  // The same page without the policy does run them, so the test can fail.
  const open2 = broken.replace("-broken", "-open");
  writeFileSync(open2, readFileSync(broken, "utf8").replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, ""));
  const naked = await open(browser, open2);
  assert.ok((await planted(naked.page)) > 0);
  await naked.page.close();
});

test("can be operated by keyboard", async () => {
  const { page, noted } = await open(browser, week.html);
  await ready(page);
  const focus = () => page.evaluate(() => { const e = document.activeElement; return e.id || e.className || e.tagName; });
  const tabTo = async (want, most = 400) => {
    for (let i = 0; i < most; i++) {
      await page.keyboard.press("Tab");
      if (await want()) return;
    }
    assert.fail("never reached by Tab");
  };
  await page.keyboard.press("Tab");
  assert.equal(await focus(), "skip");
  assert.ok(await page.$eval(".skip", (e) => e.getBoundingClientRect().left >= 0), "the skip link shows when it has the focus");
  await page.keyboard.press("Enter");
  await tabTo(async () => (await focus()) === "find", 5);
  await page.keyboard.type("sqli-free-text-that-is-nowhere");
  assert.match(await text(page, "#status"), /^No verdict/);
  await tabTo(async () => page.evaluate(() => document.activeElement.type === "reset"), 6);
  await page.keyboard.press("Enter");
  await tabTo(async () => page.evaluate(() => document.activeElement.matches("#list summary")), 6);
  await page.keyboard.press("Enter");
  await page.waitForSelector(first + "[open] dl");
  await tabTo(async () => page.evaluate(() => document.activeElement.matches("#list pre")), 8);
  assert.ok(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle !== "none"), "the focus can be seen");
  assert.deepEqual(noted.errors, []);
  await page.close();
});

for (const scheme of ["light", "dark"]) {
  test(`is accessible in its ${scheme} form (axe)`, async () => {
    const { page } = await open(browser, week.html, (p) => p.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]));
    await ready(page);
    await page.$$eval("details", (all) => all.slice(0, 4).forEach((d) => { d.open = true; }));
    await page.click(first + " > summary");
    await page.waitForSelector(first + " dl");
    await page.evaluate(axe); // through the protocol, past the page's policy
    const { violations, passes } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target + " " + n.failureSummary).join("; ")}`), []);
    assert.ok(passes.length > 20 && passes.some((p) => p.id === "color-contrast"));
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(dark === "rgb(255, 255, 255)", scheme === "light");
    await page.close();
  });
}

test("prints: no controls, black on white, whatever the screen", async () => {
  const { page } = await open(browser, week.html, (p) => p.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]));
  await ready(page);
  await page.emulateMediaType("print");
  const seen = await page.evaluate(() => ({
    form: getComputedStyle(document.querySelector("form")).display, nav: getComputedStyle(document.querySelector("nav")).display,
    ground: getComputedStyle(document.body).backgroundColor, text: getComputedStyle(document.body).color,
  }));
  assert.deepEqual(seen, { form: "none", nav: "none", ground: "rgb(255, 255, 255)", text: "rgb(0, 0, 0)" });
  const pdf = await page.pdf({ format: "A4" });
  assert.ok(pdf.length > 20000, `a PDF of ${pdf.length} bytes`);
  await page.close();
});

test("has everything but the list without scripts", async () => {
  const { page, noted } = await open(browser, week.html, (p) => p.setJavaScriptEnabled(false));
  const body = await page.content();
  for (const want of ["Timeline", "Attack chains", "Coverage", "service-00", "need", "<noscript>"]) assert.ok(body.includes(want), want);
  assert.deepEqual(noted.requests, []);
  await page.close();
});

// What is printed is a measurement; nothing is asserted about time.
test("opens a hundred thousand verdicts", async (t) => {
  const many = makePage("many", "-n", "100000");
  const { page, noted } = await open(browser, many.html);
  await ready(page);
  assert.match(await text(page, "#status"), /^1 to 50 of 100000, newest first/);
  const opened = await page.evaluate(() => Math.round(performance.getEntriesByType("mark").find((m) => m.name === "ready").startTime));
  const began = Date.now();
  await page.$eval("#find", (f) => { f.value = "9100808 things7"; f.dispatchEvent(new Event("input", { bubbles: true })); });
  const searched = Date.now() - began;
  assert.match(await text(page, "#status"), /^1 to 50 of \d+, out of 100000/);
  await page.click(first + " > summary");
  await page.waitForSelector(first + " dl");
  const { JSHeapUsedSize } = await page.metrics();
  t.diagnostic(`100,000 verdicts: lines ${(statSync(many.lines).size / 1e6).toFixed(0)} MB, merlon report ${many.took} ms, page ${(statSync(many.html).size / 1e6).toFixed(1)} MB, ` +
    `open ${opened} ms, search ${searched} ms, heap ${(JSHeapUsedSize / 1e6).toFixed(0)} MB`);
  assert.deepEqual(noted.errors, []);
  await page.close();
});
