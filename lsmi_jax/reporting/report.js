"use strict";
(() => {
  const data = JSON.parse(document.getElementById("samples").textContent);
  const { columns, levels, names, classes, kinds, colors, ids, images } = data;
  const size = ids.length, byId = (name) => document.getElementById(name);
  const code = { label: levels.label.codes };
  const groupings = Object.keys(levels).filter((name) => name !== "label");
  for (const name of groupings) code[name] = levels[name].codes;
  const text = (name, row) => levels[name].names[code[name][row]];
  const predicts = "p1" in columns;
  const views = [["1", names[0]], ["2", names[1]], ["12", "both"]];
  const state = { kind: "", id: "", levels: {}, sort: null, down: true, chosen: null };

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name in made && name !== "list") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }
  const format = (value, digits = 2) => value === null || value === undefined ? "–" : value.toFixed(digits).replace(/^-(0\.0*)$/, "$1");
  const count = (value) => value.toLocaleString("en-US");

  // Filters: one select per column, and a text that ids contain.
  function passes(row) {
    if (state.kind !== "" && columns.kind[row] !== Number(state.kind)) return false;
    if (state.id && !ids[row].toLowerCase().includes(state.id)) return false;
    for (const [name, level] of Object.entries(state.levels)) if (code[name][row] !== level) return false;
    return true;
  }
  let selected = [], isSelected = new Uint8Array(size);
  function select() {
    selected = [];
    for (let row = 0; row < size; row++) {
      isSelected[row] = passes(row) ? 1 : 0;
      if (isSelected[row]) selected.push(row);
    }
    sort();
    drawAll();
  }
  const selects = {};
  function choose(name, options, change, key = name) {
    const list = element("select", { onchange: (event) => { change(event.target.value); select(); } },
      element("option", { value: "" }, "all"), ...options.map((option, index) => element("option", { value: String(index) }, option)));
    selects[key] = list;
    return element("label", {}, name + " ", list);
  }
  function chooseLevel(name, value) {
    if (value === "") delete state.levels[name];
    else state.levels[name] = Number(value);
  }
  byId("filters").append(
    ...["label", ...groupings].filter((name) => levels[name].names.length <= data.max_choices)
      .map((name) => choose(name, levels[name].names, (value) => chooseLevel(name, value), "of " + name)),
    choose("kind", kinds, (value) => { state.kind = value; }, "kind"),
    element("label", {}, "name contains ", element("input", { type: "search", size: 10, oninput: (event) => { state.id = event.target.value.toLowerCase(); select(); } })),
    element("button", { type: "button", onclick: reset }, "Show all"),
    element("button", { type: "button", onclick: save }, "Save selection (CSV)"),
    element("span", { id: "count", className: "soft", "aria-live": "polite" }));
  function reset() {
    Object.assign(state, { kind: "", id: "", levels: {} });
    for (const list of Object.values(selects)) list.value = "";
    document.querySelector("#filters input").value = "";
    select();
  }
  for (const link of document.querySelectorAll("[data-group]")) {
    const { group, level } = link.dataset;
    const index = group in levels ? levels[group].names.indexOf(level) : -1;
    if (index < 0) continue;
    link.addEventListener("click", () => {
      Object.assign(state, { levels: { [group]: index }, kind: "", id: "" });
      for (const [key, list] of Object.entries(selects)) list.value = key === "of " + group ? String(index) : "";
      document.querySelector("#filters input").value = "";
      select();
      byId("explore").scrollIntoView();
    });
    link.disabled = false;
  }

  // Saves ids and what is known of the selected samples.
  function cell(value) {
    const plain = value === null || value === undefined ? "" : String(value);
    const isNumber = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(plain);
    const safe = typeof value === "string" && !isNumber && /^[=+\-@\t\r\n']/.test(plain) ? "'" + plain : plain;
    return /[",\r\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  }
  function save() {
    const numbers = ["i1", "i2", "i12", "gain", "r", "u1", "u2", "s"], heads = ["id", "label", ...groupings, "kind", ...numbers];
    const lines = selected.map((row) => [ids[row], text("label", row), ...groupings.map((name) => text(name, row)),
      kinds[columns.kind[row]], ...numbers.map((name) => columns[name][row])].map(cell).join(","));
    const url = URL.createObjectURL(new Blob(["\ufeff" + [heads.map(cell).join(","), ...lines].join("\r\n") + "\r\n"], { type: "text/csv" }));
    element("a", { href: url, download: "selection.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  function bar(value) {
    const half = Math.min(50, 50 * Math.abs(value ?? 0) / 3);
    const inside = element("i");
    inside.style.width = half + "%";
    inside.style.left = (value < 0 ? 50 - half : 50) + "%";
    inside.className = value < 0 ? "negative" : "positive";
    return element("span", { className: "bar" }, inside);
  }
  // Of the names of views and of predicted classes, the shorter ones get the width they need, and the others the rest.
  const ruler = element("canvas").getContext("2d");
  ruler.font = "13px system-ui, sans-serif";
  const widest = (texts) => 5 + texts.reduce((most, own) => Math.max(most, ruler.measureText(own).width), 0);
  const widths = [widest(views.map(([, name]) => name)), predicts ? widest(classes) : 0];
  const isFirst = widths[0] <= widths[1], least = Math.min(70, ...widths) + "px", rest = "minmax(0, 1fr)";
  document.body.style.setProperty("--names", isFirst ? least + " " + rest : rest + " " + least);
  // One sample: its label, what each view predicts, and how much each says about the label.
  function sample(row) {
    const lines = views.map(([view, name]) => {
      const value = columns["i" + view][row], own = predicts ? columns["p" + view][row] : null;
      const guess = own === null ? "" : own < 0 ? "missing" : classes[own];
      // A long name is cut off, and its probability stays.
      const chance = own === null || own < 0 ? "" : Math.round(100 * columns["q" + view][row]) + "%";
      return element("tr", {}, element("th", { title: name }, name), element("td", { title: guess }, guess), element("td", { className: "chance" }, chance),
        element("td", { className: "n" }, format(value)), element("td", {}, bar(value)));
    });
    const picture = images[row] ? [element("img", { src: images[row], alt: "" })] : [];
    return element("div", { className: "sample" }, ...picture,
      element("div", {}, element("b", {}, ids[row]), " ", element("span", { className: "soft" }, "label " + text("label", row)),
        element("table", {}, ...lines)));
  }
  const shown = data.lists.map(() => 8);
  function cards() {
    byId("cards").replaceChildren(...data.lists.map((list, place) => {
      const rows = list.rows.filter((row) => isSelected[row]);
      const head = element("h3", {}, list.name);
      head.style.setProperty("--dot", list.kind === null ? "#a40000" : colors[list.kind]);
      // A page of a part of the samples holds all suspicious ones: shares are those of all samples, or none.
      const isPart = data.total > size, isAll = selected.length === size, total = isPart && isAll ? list.size : rows.length;
      const share = 100 * total / (isPart ? data.total : selected.length), percent = share < 1 ? "<1%" : Math.round(share) + "%";
      const what = rows.length === 0 ? "no samples" : count(total) + (total === 1 ? " sample" : " samples")
        + (isPart && !isAll ? " shown" : " (" + percent + ")") + ", by " + list.by;
      const parts = [head, element("p", { className: "soft" }, list.meaning), element("p", { className: "soft" }, what)];
      if (list.reproduced !== null && list.rows.length > 0) {
        const percent = Math.round(100 * list.reproduced) + "%";
        parts.push(element("p", { className: "soft" }, list.reproduced < 0.5
          ? "Other seeds would list other samples: two seeds share " + percent + " of their first 50."
          : "Two seeds share " + percent + " of their first 50."));
      }
      parts.push(...rows.slice(0, shown[place]).map(sample));
      if (rows.length > shown[place]) {
        parts.push(element("button", { type: "button", onclick: () => showMore(place) }, "Show more of " + count(rows.length)));
      }
      return element("section", { className: "card" }, ...parts);
    }));
  }

  function showMore(place) {
    const before = shown[place];
    shown[place] += 40;
    cards();
    // The button was replaced: reading goes on at the first sample that is new.
    const first = byId("cards").children[place].querySelectorAll(".sample")[before];
    first.tabIndex = -1;
    first.focus();
  }

  // Scatter of i1 and i2, colored by kind; the nearest sample is shown on hover and on a click.
  const canvas = byId("scatter"), margin = { left: 44, right: 10, top: 10, bottom: 36 };
  function range(values) {
    const finite = values.filter((value) => value !== null).sort((a, b) => a - b);
    if (!finite.length) return [-1, 1];
    const low = Math.min(0, finite[Math.floor(0.002 * (finite.length - 1))]), high = Math.max(0, finite[Math.ceil(0.998 * (finite.length - 1))]);
    const pad = 0.05 * (high - low || 1);
    return [low - pad, high + pad];
  }
  const xs = range(columns.i1), ys = range(columns.i2);
  const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));
  let place = null;
  const points = element("canvas");
  function paint() {
    const width = canvas.clientWidth, height = canvas.clientHeight, ratio = window.devicePixelRatio || 1;
    points.width = canvas.width = width * ratio;
    points.height = canvas.height = height * ratio;
    const pen = points.getContext("2d"), style = getComputedStyle(document.body);
    const soft = style.getPropertyValue("--soft"), line = style.getPropertyValue("--line");
    const x = (value) => margin.left + (clamp(value, xs) - xs[0]) / (xs[1] - xs[0]) * (width - margin.left - margin.right);
    const y = (value) => height - margin.bottom - (clamp(value, ys) - ys[0]) / (ys[1] - ys[0]) * (height - margin.top - margin.bottom);
    place = { x, y };
    pen.scale(ratio, ratio);
    pen.clearRect(0, 0, width, height);
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = soft;
    pen.strokeStyle = line;
    const ticks = ([low, high]) => { const step = [0.5, 1, 2, 5, 10, 20].find((own) => (high - low) / own <= 8) || 50; const found = []; for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(v); return found; };
    pen.textAlign = "center";
    for (const value of ticks(xs)) { pen.beginPath(); pen.moveTo(x(value), margin.top); pen.lineTo(x(value), height - margin.bottom); pen.stroke(); pen.fillText(String(value), x(value), height - margin.bottom + 14); }
    pen.fillText("i1: information in " + names[0] + " about the label (nats)", (width + margin.left) / 2, height - 4, width - margin.left);
    pen.textAlign = "right";
    for (const value of ticks(ys)) { pen.beginPath(); pen.moveTo(margin.left, y(value)); pen.lineTo(width - margin.right, y(value)); pen.stroke(); pen.fillText(String(value), margin.left - 6, y(value) + 4); }
    pen.save();
    pen.translate(11, (height - margin.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText("i2: " + names[1], 0, 0, height - margin.bottom);
    pen.restore();
    pen.globalAlpha = selected.length > 5000 ? 0.4 : 0.75;
    const radius = selected.length > 5000 ? 1.5 : 2.6;
    for (const row of selected) {
      if (columns.i1[row] === null || columns.i2[row] === null) continue;
      pen.fillStyle = colors[columns.kind[row]];
      pen.beginPath();
      pen.arc(x(columns.i1[row]), y(columns.i2[row]), radius, 0, 2 * Math.PI);
      pen.fill();
    }
    scatter();
  }
  // The points are painted once per selection; a ring around the chosen one moves over them.
  function scatter() {
    const pen = canvas.getContext("2d"), row = state.chosen, ratio = window.devicePixelRatio || 1;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (points.width && points.height) pen.drawImage(points, 0, 0);
    if (row === null || !isSelected[row] || columns.i1[row] === null || columns.i2[row] === null) return;
    pen.strokeStyle = getComputedStyle(document.body).getPropertyValue("--text");
    pen.lineWidth = 2 * ratio;
    pen.beginPath();
    pen.arc(place.x(columns.i1[row]) * ratio, place.y(columns.i2[row]) * ratio, 6 * ratio, 0, 2 * Math.PI);
    pen.stroke();
  }
  function nearest(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    let found = null, least = 144;
    for (const row of selected) {
      if (columns.i1[row] === null || columns.i2[row] === null) continue;
      const distance = (place.x(columns.i1[row]) - px) ** 2 + (place.y(columns.i2[row]) - py) ** 2;
      if (distance < least) { least = distance; found = row; }
    }
    return found;
  }
  function detail(row) {
    if (row === state.chosen) return;
    state.chosen = row;
    byId("detail").replaceChildren(sample(row));
    scatter();
  }
  // The pointer shows samples until one is clicked; a click on empty ground lets it go on.
  let isPinned = false, isDue = false;
  canvas.addEventListener("click", (event) => { const row = nearest(event); isPinned = row !== null; if (row !== null) detail(row); });
  canvas.addEventListener("pointermove", (event) => {
    if (isPinned || isDue) return;
    isDue = true;
    requestAnimationFrame(() => { isDue = false; const row = nearest(event); if (row !== null) detail(row); });
  });
  byId("legend").append(...kinds.map((name, index) => {
    const item = element("button", { type: "button", className: "key", onclick: () => {
      state.kind = state.kind === String(index) ? "" : String(index);
      selects.kind.value = state.kind;
      select();
    } }, name);
    item.style.setProperty("--dot", colors[index]);
    return item;
  }));

  // The table: only the rows in sight are elements.
  const predicted = (view) => (row) => columns["p" + view][row] < 0 ? "" : classes[columns["p" + view][row]];
  const numeric = (name) => ({ name, width: 4, number: true, value: (row) => format(columns[name][row]), order: (row) => columns[name][row] });
  const longest = ids.reduce((most, own) => own.length > most.length ? own : most, "");
  const idWidth = Math.min(14, Math.max(7, 1 + widest([longest]) / 16));
  const heads = [
    { name: "sample", width: idWidth, value: (row) => ids[row] },
    { name: "label", width: 6, value: (row) => text("label", row), order: (row) => code.label[row] },
    ...groupings.map((name) => ({ name, width: 6, value: (row) => text(name, row), order: (row) => code[name][row] })),
    { name: "kind", width: 8, value: (row) => kinds[columns.kind[row]], order: (row) => columns.kind[row] },
    ...["i1", "i2", "i12", "gain"].map(numeric),
    ...(predicts ? views.map(([view, name]) => ({ name: name + " predicts", width: 8, value: predicted(view) })) : []),
    ...["r", "u1", "u2", "s"].map(numeric),
  ];
  const template = heads.map((head) => head.width + "rem").join(" "), HEIGHT = 28;
  const viewport = byId("table"), header = element("div", { className: "row head", role: "row" }), body = element("div", { className: "rows" });
  viewport.append(header, body);
  for (const head of heads) {
    const button = element("button", { type: "button", className: head.number ? "n" : "", onclick: () => {
      state.down = state.sort === head ? !state.down : Boolean(head.number);
      state.sort = head;
      sort();
      toTop();
    } }, head.name);
    header.append(element("span", { role: "columnheader" }, button));
  }
  const natural = new Intl.Collator("en", { numeric: true }).compare;
  function sort() {
    if (!state.sort) return;
    const order = state.sort.order || state.sort.value, sign = state.down ? -1 : 1;
    selected.sort((a, b) => {
      const x = order(a), y = order(b);
      if (x === null || y === null) return (x === null) - (y === null) || a - b;
      return sign * (typeof x === "string" ? natural(x, y) : x - y) || a - b;
    });
  }
  let active = 0;  // position of the row that the keyboard is on
  function toTop() {
    active = 0;
    viewport.scrollTop = 0;
    table();
  }
  function table() {
    header.style.gridTemplateColumns = template;
    [...header.children].forEach((cell, index) => {
      const isSorted = heads[index] === state.sort;
      cell.firstChild.textContent = heads[index].name + (isSorted ? (state.down ? " ↓" : " ↑") : "");
      cell.setAttribute("aria-sort", !isSorted ? "none" : state.down ? "descending" : "ascending");
    });
    viewport.setAttribute("aria-rowcount", selected.length + 1);
    body.style.height = selected.length * HEIGHT + "px";
    body.style.width = header.style.width = heads.reduce((total, head) => total + head.width, 0) + "rem";
    const first = Math.max(0, Math.floor(viewport.scrollTop / HEIGHT) - 5);
    const last = Math.min(selected.length, first + Math.ceil(viewport.clientHeight / HEIGHT) + 12);
    const hadFocus = body.contains(document.activeElement);
    body.replaceChildren(...selected.slice(first, last).map((row, index) => {
      const position = first + index;
      const line = element("div", { className: "row", role: "row", tabIndex: position === active ? 0 : -1, "aria-rowindex": position + 2, onclick: () => { active = position; detail(row); } },
        ...heads.map((head) => element("span", { role: "cell", className: head.number ? "n" : "", title: head.number ? "" : head.value(row) }, head.value(row))));
      line.style.gridTemplateColumns = template;
      line.style.top = position * HEIGHT + "px";
      return line;
    }));
    if (hadFocus) body.querySelector('[tabindex="0"]')?.focus({ preventScroll: true });
  }
  body.addEventListener("keydown", (event) => {
    const page = Math.max(1, Math.floor(viewport.clientHeight / HEIGHT) - 2);
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -size, End: size };
    if (event.key === "Enter") detail(selected[active]);
    if (!(event.key in moves)) return;
    event.preventDefault();
    active = Math.min(selected.length - 1, Math.max(0, active + moves[event.key]));
    // The header covers the first row of the viewport.
    const top = active * HEIGHT, room = viewport.clientHeight - 3 * HEIGHT;
    viewport.scrollTop = Math.min(top, Math.max(viewport.scrollTop, top - room));
    table();
  });
  viewport.addEventListener("scroll", () => requestAnimationFrame(table));

  function drawAll() {
    byId("count").textContent = count(selected.length) + " of " + count(size) + (data.total > size ? " shown, of " + count(data.total) + " in all" : "");
    if (state.chosen !== null && !isSelected[state.chosen]) {
      state.chosen = null;
      byId("detail").replaceChildren();
    }
    cards();
    paint();
    toTop();
  }
  window.addEventListener("resize", () => { paint(); table(); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  select();
  if (data.lists[0].rows.length) detail(data.lists[0].rows[0]);
})();
