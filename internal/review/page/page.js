"use strict";
// The verdicts stand in this page as compressed data: one index with what is
// searched, and pieces with all the rest, which are opened when somebody looks.
// Whatever a verdict says becomes a text node, never markup.
(async () => {
  const pageSize = 50;
  const byId = (id) => document.getElementById(id);
  const open = async (id) => {
    const packed = Uint8Array.from(atob(byId(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  };
  const make = (tag, attributes, ...children) => {
    const e = document.createElement(tag);
    for (const [k, v] of Object.entries(attributes || {})) e.setAttribute(k, v);
    e.append(...children.filter((c) => c !== undefined && c !== ""));
    return e;
  };

  const index = await open("index");
  const total = index.time.length;
  const pieces = new Map();
  const detail = async (row) => {
    const piece = Math.floor(row / index.piece);
    if (!pieces.has(piece)) pieces.set(piece, open("piece-" + piece));
    return (await pieces.get(piece))[row % index.piece];
  };
  const when = (ms) => new Date(ms).toISOString().replace("T", " ").slice(0, 19);
  const text = (row) => [index.id[row], index.request[row], index.rules[index.rule[row]], index.routes[index.route[row]],
    index.sources[index.source[row]], index.functions[index.function[row]]].join("\n").toLowerCase();

  const selects = { outcome: index.outcomes, function: index.functions, class: index.classes, trigger: index.triggers };
  for (const [name, values] of Object.entries(selects)) {
    byId(name).append(make("option", { value: "" }, "all"));
    values.forEach((v, i) => { if (v !== "") byId(name).append(make("option", { value: String(i) }, v)); });
  }

  let rows = [], page = 0, exact = null;
  const select = () => {
    const chosen = Object.keys(selects).filter((n) => byId(n).value !== "").map((n) => [n, Number(byId(n).value)]);
    const words = byId("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    rows = [];
    for (let i = total - 1; i >= 0; i--) {
      if (!chosen.every(([name, v]) => name === "class" ? index.allClasses[i].includes(v) : index[name][i] === v)) continue;
      if (exact && index[exact.column][i] !== exact.value && !(exact.all && exact.all[i].includes(exact.value))) continue;
      if (words.length > 0) { const t = text(i); if (!words.every((w) => t.includes(w))) continue; }
      rows.push(i);
    }
    page = 0;
    show();
  };

  const show = () => {
    const first = page * pageSize, shown = rows.slice(first, first + pageSize);
    byId("list").replaceChildren(...shown.map(line));
    const narrowed = exact ? ", " + exact.column + " " + exact.name : "";
    byId("status").textContent = rows.length === 0 ? "No verdict is like that" + narrowed + "."
      : `${first + 1} to ${first + shown.length} of ${rows.length}` + (rows.length < total ? `, out of ${total}` : "") + narrowed + ", newest first.";
    byId("newer").disabled = page === 0;
    byId("older").disabled = first + pageSize >= rows.length;
    byId("pages").hidden = rows.length <= pageSize;
  };

  const line = (row) => {
    const word = index.words[index.outcome[row]];
    const count = index.count[row] > 1 ? `${index.count[row]}× ` : "";
    const summary = make("summary", {},
      make("span", {}, when(index.time[row])),
      make("span", { class: word }, count + index.outcomes[index.outcome[row]]),
      make("span", {}, index.functions[index.function[row]]),
      make("span", {}, [index.triggers[index.trigger[row]], index.routes[index.route[row]]].join(" ")),
      make("span", {}, index.rules[index.rule[row]] || index.messages[index.message[row]] || ""));
    const d = make("details", { id: "v-" + index.id[row] }, summary);
    d.addEventListener("toggle", async () => {
      if (d.open && d.children.length === 1) d.append(body(await detail(row)));
    });
    return d;
  };

  const body = (v) => {
    const facts = make("dl");
    for (const [name, value] of v.facts) facts.append(make("dt", {}, name), make("dd", {}, value));
    const box = make("div", {}, make("p", {}, v.message), facts);
    if (v.matches) {
      const table = make("table", {}, make("caption", {}, v.caption),
        make("thead", {}, make("tr", {}, ...["rule", "finds", "where", "shown as", "score"].map((h) => make("th", { scope: "col" }, h)))),
        make("tbody", {}, ...v.matches.map((m) => make("tr", {}, ...m.map((c) => make("td", {}, c))))));
      box.append(make("div", { class: "scroll" }, table));
    }
    if (v.allow) {
      box.append(make("h3", {}, "What would let it pass, in the policy file"),
        make("pre", { tabindex: "0", role: "group", "aria-label": "Exceptions for the policy file" }, v.allow));
    }
    for (const n of v.notes || []) box.append(make("p", { class: "quiet" }, n));
    box.append(make("details", {}, make("summary", {}, "The whole record"),
      make("pre", { tabindex: "0", role: "group", "aria-label": "The record as JSON" }, JSON.stringify(v.record, null, 1))));
    return box;
  };

  const reset = () => { exact = null; byId("find").value = ""; for (const n of Object.keys(selects)) byId(n).value = ""; };
  byId("filter").addEventListener("input", select);
  byId("filter").addEventListener("submit", (e) => e.preventDefault());
  byId("filter").addEventListener("reset", (e) => { e.preventDefault(); reset(); select(); });
  byId("newer").addEventListener("click", () => { page--; show(); });
  byId("older").addEventListener("click", () => { page++; show(); });
  document.addEventListener("click", async (e) => {
    const b = e.target.closest("button.key");
    if (!b) return;
    reset();
    if (b.dataset.find) {
      byId("find").value = b.dataset.find;
    } else {
      const { column, key } = b.dataset;
      const names = { function: "functions", rule: "ruleKeys", class: "classes", trigger: "triggers", route: "routes", source: "sources" }[column];
      exact = { column, name: key, value: index[names].indexOf(key), all: { rule: index.allRules, class: index.allClasses }[column] };
    }
    select();
    byId("verdicts").scrollIntoView();
    const first = byId("list").querySelector("summary");
    if (first) first.focus({ preventScroll: true });
  });
  byId("filter").hidden = total === 0;
  select();
  performance.mark("ready");
  document.documentElement.dataset.ready = "true";
})();
