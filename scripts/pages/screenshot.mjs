// Takes the picture of a page for the documents: node screenshot.mjs PAGE.html OUT.png
// The head of the page, and into OUT-verdict.png one verdict that is opened.
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { launch, open, ready } from "./browser.mjs";

const [, , file, out] = process.argv;
const browser = await launch();
const { page } = await open(browser, resolve(file));
await page.setViewport({ width: 1120, height: 800 });
await ready(page);
// What people look at first, and one verdict that is opened.
await page.$$eval("section[aria-labelledby='chains'] details", (all) => all.slice(0, 1).forEach((d) => { d.open = true; }));
await page.click("#list > details > summary");
await page.waitForSelector("#list dl");
const height = await page.evaluate(() => document.documentElement.scrollHeight);
const at = await page.$eval("section[aria-labelledby='verdicts']", (e) => Math.round(e.getBoundingClientRect().top + scrollY));
const part = (y, h) => page.screenshot({ clip: { x: 0, y, width: 1120, height: h }, captureBeyondViewport: true });
writeFileSync(out, await part(0, 900));
writeFileSync(out.replace(".png", "-verdict.png"), await part(at, Math.min(1000, height - at)));
await browser.close();
