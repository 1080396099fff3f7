"use strict";
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const make = (tag, fields = {}, ...inside) => {
  const made = Object.assign(document.createElement(tag), fields);
  made.append(...inside);
  return made;
};
const words = (cell) => cell.innerText.replace(/\s+/g, " ").trim();
const isRow = (row) => row.firstElementChild?.scope === "row";
const said = make("output", { className: "quiet" });  // a live region: screen readers read what changes

// ---------------------------------------------------------------- sort: a button in each heading, aria-sort

function headings(table) {  // the lowest heading of each column
  const [upper, lower] = all("thead tr", table).map((row) => [...row.children]);
  return upper.flatMap((th) => (th.scope === "colgroup" ? lower.splice(0, th.colSpan) : [th]));
}

function value(cell) {  // numbers before words, empty cells last
  const text = words(cell.querySelector("code") ?? cell).replaceAll("−", "-").replaceAll(",", "");
  const number = parseFloat(text.replace(/^[<+]\s*/, ""));
  return [Number.isNaN(number) ? (text && text !== "–" ? 1 : 2) : 0, number, text];
}

function sort(table, heading, column) {
  const down = heading.ariaSort === "ascending";
  headings(table).forEach((th) => th.removeAttribute("aria-sort"));
  heading.ariaSort = down ? "descending" : "ascending";
  for (const body of table.tBodies) {
    const keyed = [...body.rows].filter(isRow).map((row) => [value(row.cells[column]), row]);
    const before = (a, b) => (a[0] ? a[2].localeCompare(b[2]) : a[1] - b[1]) * (down ? -1 : 1);
    keyed.sort(([a], [b]) => a[0] - b[0] || before(a, b));
    const after = keyed.length ? [...body.rows].findLast(isRow).nextSibling : null;
    keyed.forEach(([, row]) => body.insertBefore(row, after));
  }
}

// ---------------------------------------------------------------- copy a table, as it is sorted and searched

const inLatex = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "−": "$-$", "±": "$\\pm$", "↑": "$\\uparrow$", "↓": "$\\downarrow$" };
const latex = (text) => text.replace(/[\\~^−±↑↓]|[&%$#_{}]/g, (c) => inLatex[c] ?? `\\${c}`);
const csv = (text) => {
  const formula = /^\s*[=+\-@\t＝＋－＠]/.test(text) && !/^[+-]?[\d.,]+(e[+-]?\d+)?$/i.test(text);
  return `"${(formula ? `'${text}` : text).replaceAll('"', '""')}"`;
};
const forms = {
  CSV: (rows) => rows.map((row) => `${row.map(csv).join(",")}\n`).join(""),
  LaTeX: ([head, ...rows]) => {
    const line = (row) => `${row.map(latex).join(" & ")} \\\\\n`;
    const body = rows.map(line).join("");
    return `\\begin{tabular}{l${"r".repeat(head.length - 1)}}\n\\toprule\n${line(head)}\\midrule\n${body}\\bottomrule\n\\end{tabular}\n`;
  },
};

async function copy(table, form, button) {
  const shown = headings(table).map((th, k) => [th, k]).filter(([th]) => !th.ariaHidden);
  const rows = all("tbody:not(.off) tr:not([hidden]):not(.off)", table).filter(isRow);
  const cells = rows.map((row) => shown.map(([, k]) => words(row.cells[k]).replace(/ ?#$/, "")));
  const text = forms[form]([shown.map(([th]) => words(th)), ...cells]);
  const done = await navigator.clipboard.writeText(text).then(() => "Copied", () => "Not copied: the browser refuses it");
  said.value = `${done}: ${cells.length} rows as ${form}.`;
  button.textContent = done;
  setTimeout(() => (button.textContent = `Copy as ${form}`), 2000);
}

// ---------------------------------------------------------------- every table

all("table").forEach((table, t) => {
  const rows = all("tbody tr", table).filter(isRow);
  rows.forEach((row, r) => {
    row.id = `row-${t + 1}-${r + 1}`;
    row.cells[0].append(" ", make("a", { className: "link", href: `#${row.id}`, tabIndex: rows.length > 20 ? -1 : 0, ariaLabel: "Link to this row" }, "#"));
  });
  headings(table).forEach((th, k) => {
    if (th.ariaHidden || rows.length < 2) return;
    const button = make("button", { type: "button", onclick: () => sort(table, th, k) }, ...th.childNodes);
    th.replaceChildren(button);
  });
  const buttons = Object.keys(forms).map((form) => make("button", { type: "button", onclick: (event) => copy(table, form, event.target) }, `Copy as ${form}`));
  table.parentElement.after(make("div", { className: "tools" }, ...buttons));
});

// ---------------------------------------------------------------- search; a link to a row

const box = make("input", { type: "search", id: "search" });
const texts = new Map();  // row -> its words, made at the first search
box.oninput = () => {
  const wanted = box.value.toLowerCase().split(/\s+/);
  const rows = all("tbody tr").filter(isRow);
  for (const row of rows) {
    if (!texts.has(row)) texts.set(row, `${row.closest("table").caption?.textContent ?? ""} ${row.textContent}`.toLowerCase());
    row.hidden = !wanted.every((word) => texts.get(row).includes(word));
  }
  document.body.classList.toggle("searching", box.value !== "");
  for (const table of all("table")) {
    const found = all("tbody tr:not([hidden])", table).some(isRow);
    table.parentElement.hidden = table.parentElement.nextElementSibling.hidden = !found;
  }
  said.value = box.value ? `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows` : "";
};
const label = make("label", { htmlFor: "search" }, "Search all tables");
document.querySelector("nav").after(make("search", {}, label, " ", box, " ", said));
if (/^#row-/.test(location.hash)) location.replace(location.hash);  // its row has a name only now

// ---------------------------------------------------------------- choice of a metric or a definition: all are on the page

function choice(word, options, below, choose) {  // a labelled list
  const list = make("select", { onchange: () => choose(list.value) }, ...options.map((option) => make("option", {}, option)));
  below.before(make("label", { className: "choice" }, `${word}: `, list));
}

function choiceOf(word, below, parts) {  // of rows or bodies of tables, each by the words of its first cell
  const name = (part) => (part.cells ?? part.rows[0].cells)[0].firstChild.textContent.split(";")[0].trim();
  const names = [...new Set(parts.map(name))];
  if (names.length < 2) return;
  choice(word, ["all", ...names], below, (wanted) => parts.forEach((part) => part.classList.toggle("off", wanted !== "all" && wanted !== name(part))));
}

all("section:has(table.quality)").forEach((section) => choiceOf("Metric", section.querySelector(".scroll"), all("table.quality tbody tr", section).filter(isRow)));
all("table[data-choice]").forEach((table) => choiceOf(table.dataset.choice, table.parentElement, [...table.tBodies]));

const leads = new Map();  // of each benchmark: its figures by seed, the first of which leads
all("figure[id$=-pairs]").forEach((figure) => {
  const benchmark = figure.id.replace(/[^-]+-pairs$/, "");
  leads.set(benchmark, [...(leads.get(benchmark) ?? []), figure]);
});
for (const figures of leads.values()) {
  const title = (figure) => figure.querySelector("h2, h3"), caption = (figure) => figure.querySelector("figcaption");
  const [lead] = figures, names = figures.map((figure) => title(figure).textContent);
  let shown = lead;
  const swap = (other) => {  // the figure keeps its name and place, the drawings their values
    const drawings = [lead, other].map((figure) => all(":scope > .drawing", figure));
    for (const of of [title, caption]) [of(lead).textContent, of(other).textContent] = [of(other).textContent, of(lead).textContent];
    lead.append(...drawings[1]);
    other.append(...drawings[0]);
  };
  const choose = (name) => {
    for (const figure of [shown, figures[names.indexOf(name)]]) if (figure !== lead) swap(figure);
    shown = figures[names.indexOf(name)];
  };
  if (figures.length > 1) choice("Metric", names, caption(lead), choose);
}

// ---------------------------------------------------------------- values on figures, by pointer or arrow keys

const tip = make("div", { className: "tip", role: "status", hidden: true });
document.body.append(tip);
const number = (v) => String(+v.toPrecision(3)).replace("-", "−");

function legend(svg) {  // colour -> its words
  const entries = all(":scope > text", svg).filter((text) => text.previousElementSibling?.localName === "path");
  return new Map(entries.flatMap((text) => ["fill", "stroke"].map((name) => [text.previousElementSibling.getAttribute(name), text.textContent])));
}

function* places(path) {  // of its markers, or along its lines; where it is neither, none
  const d = path.getAttribute("d"), [dx, dy] = (path.dataset.m ?? "0 0").split(" ");
  const line = path.dataset.m ? /M(-?\d+) ?(-?\d+)/g : /M(-?\d+) ?(-?\d+)l([-\d ]+)/g;
  for (const [, a, b, steps = ""] of d.matchAll(line)) {
    let [x, y] = [a - dx, b - dy];
    yield [x, y];
    for (const [, c, e] of steps.matchAll(/(-?\d+) ?(-?\d+)/g)) yield [(x += +c), (y += +e)];
  }
}

function points(svg) {  // [x, y, words] of all that stands for a value, in the units of the drawing
  const arms = legend(svg), found = new Map();
  for (const panel of all("g[data-p]", svg)) {
    const [left, top, width, height, x0, x1, y0, y1] = panel.dataset.p.split(" ").map(Number);
    const title = all("text[font-weight]", panel).map((text) => text.textContent).reverse().join(" ");
    for (const path of all(":scope > path[data-m], :scope > path[fill=none][stroke]", panel)) {
      const colour = path.getAttribute(path.dataset.m && path.getAttribute("fill") !== "white" ? "fill" : "stroke");
      if (arms.size && !arms.has(colour)) continue;
      const name = [title, arms.get(colour)].filter(Boolean).join(", ");
      for (const [x, y] of places(path)) {
        const at = [x0 + ((x - left) / width) * (x1 - x0), y1 - ((y - top) / height) * (y1 - y0)];
        const values = at.filter((v) => !Number.isNaN(v)).map(number).join(", ");
        found.set(`${x} ${y} ${name}`, [x, y, name ? `${name}: ${values}` : values]);
      }
    }
  }
  return [...found.values()];
}

all("figure [role=img]").forEach((drawing) => {
  const svg = drawing.firstElementChild;
  if (!svg.querySelector("g[data-p]")) return;
  let known, current = -1;
  const show = (k) => {
    const [x, y, text] = known[(current = k)];
    const place = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
    tip.textContent = text;
    tip.hidden = false;
    tip.style.left = `${Math.min(place.x, innerWidth - tip.offsetWidth - 8) + scrollX}px`;
    tip.style.top = `${place.y + scrollY - 34}px`;
  };
  const hide = () => (tip.hidden = true);
  const ready = () => (known ??= points(svg)).length > 0;
  drawing.tabIndex = 0;
  drawing.onpointermove = (event) => {
    if (!ready()) return;
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const far = known.map(([x, y]) => Math.hypot(x - at.x, y - at.y));
    const nearest = Math.min(...far);
    if (nearest < 150) show(far.indexOf(nearest)); else hide();
  };
  drawing.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step || !ready()) return;
    event.preventDefault();
    show((current + step + known.length) % known.length);
  };
  drawing.onpointerleave = drawing.onblur = hide;
});
