// What the tests of the page have in common.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, openSync, closeSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const dir = mkdtempSync(join(tmpdir(), "merlon-pages-"));
process.on("exit", () => rmSync(dir, { recursive: true, force: true }));

export function launch() {
  const names = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
  const executablePath = names.find((n) => n && existsSync(n));
  if (!executablePath) throw new Error("no Chromium: apt-get install chromium, or name one in CHROMIUM");
  // Chromium's own sandbox wants a user namespace, which containers lack. The
  // pages are files of ours.
  return puppeteer.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}

export const merlon = (...args) => spawnSync(join(root, "build/merlon"), args, { encoding: "utf8", maxBuffer: 1 << 28 });

// makePage writes lines and makes a page of them, as a user would.
export function makePage(name, ...flags) {
  const lines = join(dir, name + ".log"), html = join(dir, name + ".html");
  const out = openSync(lines, "w");
  execFileSync("go", ["run", "./scripts/pages", ...flags], { cwd: root, stdio: ["ignore", out, "inherit"] });
  closeSync(out);
  const began = Date.now();
  const r = merlon("report", "--html", html, lines);
  if (r.status !== 0) throw new Error(r.stderr);
  return { html, lines, took: Date.now() - began, summary: r.stdout };
}

// open opens a page and notes everything that should not happen.
export async function open(browser, file, prepare = async () => {}) {
  const page = await browser.newPage();
  const noted = { errors: [], requests: [], dialogs: 0 };
  page.on("console", (m) => { if (m.type() !== "log") noted.errors.push(m.text()); });
  page.on("pageerror", (e) => noted.errors.push(String(e)));
  page.on("dialog", async (d) => { noted.dialogs++; await d.dismiss(); });
  page.on("request", (r) => { if (!r.url().startsWith("file://" + file) && !r.url().startsWith("blob:")) noted.requests.push(r.url()); });
  await page.setViewport({ width: 1200, height: 900 });
  await prepare(page);
  await page.goto("file://" + file, { waitUntil: "load", timeout: 120000 });
  return { page, noted };
}

export const ready = (page) => page.waitForFunction(() => document.documentElement.dataset.ready === "true", { timeout: 120000 });
