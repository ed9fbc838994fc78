// The table of all series. Text goes in as text, never as markup: tickers are names of files.
const COLUMNS = [
  { id: "ticker", title: "Series", by: (row) => row.ticker + " " + row.interval, up: true },
  { id: "spark", title: "Last 60 bars" },
  { id: "last", title: "Last", by: (row) => row.change_by },
  { id: "forecast", title: "Forecast", by: (row) => row.forecast_by },
  { id: "skill", title: "Skill", by: (row) => row.skill_by, help: "How much less the model errs than the random walk, on bars that it had not seen" },
  { id: "verdict", title: "Verdict", by: (row) => row.verdict_by, up: true },
  { id: "fresh", title: "Last bar", by: (row) => row.fresh_by },
  { id: "alerts", title: "Alerts", by: (row) => row.alerts_by },
];
const SHOWN = [
  { id: "all", title: "All", has: () => true },
  { id: "better", title: "Better than the random walk", has: (row) => row.standing === "better" },
  { id: "other", title: "No better, or undecided", has: (row) => ["not_worse", "undecided"].includes(row.standing) },
  { id: "worse", title: "Worse", has: (row) => row.standing === "worse" },
  { id: "none", title: "No model", has: (row) => row.standing === "" },
  { id: "alerts", title: "With alerts", has: (row) => row.alerts.length > 0 },
];
const WIDTH = 118, HEIGHT = 28;
const AT_ONCE = 60; // rows: more than a screen; the others follow when these are painted

function make(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

// What the address says: every state of the table is a link.
function addressed() {
  const said = new URLSearchParams(location.search);
  const sort = COLUMNS.find((column) => column.id === said.get("sort") && column.by) ? said.get("sort") : "ticker";
  return {
    query: said.get("q") ?? "",
    sort,
    up: said.has("up") ? said.get("up") === "1" : !!COLUMNS.find((column) => column.id === sort).up,
    show: SHOWN.some((one) => one.id === said.get("show")) ? said.get("show") : "all",
  };
}

function address(state) {
  const said = new URLSearchParams(location.search);
  const put = (name, value, usual) => (value === usual ? said.delete(name) : said.set(name, value));
  put("q", state.query, "");
  put("sort", state.sort, "ticker");
  put("show", state.show, "all");
  put("up", state.up ? "1" : "0", COLUMNS.find((column) => column.id === state.sort).up ? "1" : "0");
  const query = said.toString();
  history.replaceState(history.state, "", location.pathname + (query ? "?" + query : ""));
}

function sparkline(heights, direction) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", `-2 -3 ${WIDTH + 6} ${HEIGHT + 6}`);
  svg.setAttribute("aria-hidden", "true");
  const points = heights.map((y, at) => `${Math.round((at / (heights.length - 1)) * WIDTH * 10) / 10},${y}`);
  const line = document.createElementNS(space, "polyline");
  line.setAttribute("points", points.join(" "));
  const end = document.createElementNS(space, "circle");
  end.setAttribute("cx", WIDTH);
  end.setAttribute("cy", heights.at(-1));
  end.setAttribute("r", 2.4);
  svg.append(line, end);
  return svg;
}

function cell(kind, label, main, note) {
  const td = make("td", kind);
  td.setAttribute("role", "cell");
  td.dataset.label = label;
  if (main !== undefined) td.append(make("span", "main", main));
  if (note) td.append(make("span", "note", note));
  return td;
}

function drawn(row) {
  const tr = make("tr");
  tr.setAttribute("role", "row");
  const name = make("th", "ticker");
  name.scope = "row";
  name.setAttribute("role", "rowheader");
  const open = make("a", "", row.ticker);
  open.href = row.href;
  open.ariaLabel = `${row.ticker} ${row.interval}`;
  name.append(open, make("span", "tag", row.interval));
  const spark = cell("spark", "Last 60 bars");
  if (row.spark.length) spark.append(sparkline(row.spark, row.direction));
  const last = cell("last", "Last", row.last, row.change);
  const forecast = cell("forecast " + row.direction, "Forecast", row.forecast, row.forecast_note);
  const skill = cell("skill", "Skill", row.skill);
  skill.title = row.skill_words;
  const verdict = cell("verdict " + (row.standing || "nothing"), "Verdict", row.verdict, row.verdict_note);
  const fresh = cell("fresh" + (row.overdue ? " overdue" : ""), "Last bar", row.fresh, row.fresh_note);
  const alerts = cell("alerts", "Alerts");
  for (const alert of row.alerts) {
    const shown = make("span", "alert " + alert.kind);
    shown.append(make("b", "", alert.title), make("span", "note", alert.words));
    shown.title = alert.hint ? `${alert.words}. ${alert.hint}` : alert.words;
    alerts.append(shown);
  }
  if (!row.alerts.length) alerts.classList.add("empty");
  tr.append(name, spark, last, forecast, skill, verdict, fresh, alerts);
  return tr;
}

// What is not known comes last, whichever way the rest is sorted.
function compare(by, up) {
  return (one, other) => {
    const a = by(one), b = by(other);
    const missing = (value) => value === null || value === undefined || value === "";
    if (missing(a) || missing(b)) return missing(a) - missing(b) || one.name.localeCompare(other.name);
    const order = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
    return (up ? order : -order) || one.name.localeCompare(other.name);
  };
}

// By way of the browser's history, as its back button goes. Were the page changed from Python, what this
// one asks for by its clock meanwhile would be answered over the next one, which would go blank.
function follow(address) {
  history.pushState({}, "", address);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
}

class Board {
  constructor(root) {
    this.root = root;
    this.find = (what) => root.querySelector(what);
    this.state = addressed();
    this.rows = [];
    this.made = new Map();
    this.heads();
    this.find("input").value = this.state.query;
    this.find("input").addEventListener("input", (event) => this.change({ query: event.target.value }));
    this.find("select").addEventListener("change", (event) => this.sorted(event.target.value, false));
    this.find(".nomatch button").addEventListener("click", () => {
      this.find("input").value = "";
      this.change({ query: "", show: "all" });
      this.find("input").focus();
    });
    this.find("tbody").addEventListener("click", (event) => this.clicked(event));
  }

  heads() {
    const tr = this.find("thead tr"), select = this.find("select");
    tr.setAttribute("role", "row");
    for (const column of COLUMNS) {
      const th = make("th", column.id);
      th.scope = "col";
      th.setAttribute("role", "columnheader");
      if (column.by) {
        const button = make("button", "", column.title);
        button.type = "button";
        if (column.help) button.title = column.help;
        button.addEventListener("click", () => this.sorted(column.id, true));
        th.append(button);
        select.append(new Option(column.title, column.id));
      } else th.textContent = column.title;
      th.dataset.id = column.id;
      tr.append(th);
    }
  }

  sorted(id, turn) {
    const usual = !!COLUMNS.find((column) => column.id === id).up;
    this.change({ sort: id, up: turn && this.state.sort === id ? !this.state.up : usual });
  }

  clicked(event) {
    const tr = event.target.closest("tr");
    if (!tr || event.ctrlKey || event.metaKey || event.shiftKey || String(getSelection())) return;
    event.preventDefault();
    follow(tr.querySelector("a").href);
  }

  show(rows) {
    const told = JSON.stringify(rows);
    if (told === this.told) return;
    this.told = told;
    this.rows = rows;
    const made = new Map();
    for (const row of rows) {
      const said = JSON.stringify(row), before = this.made.get(row.name);
      made.set(row.name, before?.said === said ? before : { said, row });
    }
    this.made = made;
    this.draw();
  }

  change(state) {
    Object.assign(this.state, state);
    address(this.state);
    this.draw();
  }

  draw() {
    const { query, sort, up, show } = this.state;
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.rows.filter((row) => {
      const text = `${row.ticker} ${row.interval} ${row.name} ${row.model} ${row.verdict}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
    const rows = found.filter(SHOWN.find((one) => one.id === show).has);
    rows.sort(compare(COLUMNS.find((column) => column.id === sort).by, up));
    this.fill(rows);
    for (const th of this.root.querySelectorAll("thead th")) {
      if (th.dataset.id === sort) th.setAttribute("aria-sort", up ? "ascending" : "descending");
      else th.removeAttribute("aria-sort");
    }
    this.find("select").value = sort;
    this.chips(found);
    this.find("table").hidden = !rows.length;
    this.find(".nomatch").hidden = rows.length > 0;
    this.find('[role="status"]').textContent = `${rows.length} of ${this.rows.length} series`;
  }

  fill(rows) {
    const tr = ({ name }) => {
      const made = this.made.get(name);
      return (made.tr ??= drawn(made.row));
    };
    const body = this.find("tbody");
    clearTimeout(this.rest);
    body.replaceChildren(...rows.slice(0, AT_ONCE).map(tr));
    if (rows.length > AT_ONCE)
      this.rest = setTimeout(() => body.append(...rows.slice(AT_ONCE).map(tr)), 50);
  }

  chips(found) {
    const group = this.find(".chips");
    const shown = SHOWN.map((one) => ({ ...one, count: found.filter(one.has).length }));
    if (!group.childElementCount) {
      for (const one of SHOWN) {
        const button = make("button", one.id);
        button.type = "button";
        button.append(make("span", "title", one.title), make("span", "count"));
        button.addEventListener("click", () => this.change({ show: one.id }));
        group.append(button);
      }
    }
    shown.forEach((one, at) => {
      const button = group.children[at], chosen = one.id === this.state.show;
      button.setAttribute("aria-pressed", chosen);
      button.hidden = !one.count && !chosen && one.id !== "all";
      button.querySelector(".count").textContent = one.count;
    });
  }
}

const boards = new WeakMap();

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".board");
  if (!boards.has(root)) boards.set(root, new Board(root));
  boards.get(root).show(data.rows);
}
