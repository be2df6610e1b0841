// A page of rows (nbs/inspect/overview.ipynb). It draws what Python says, and reports clicks.

function render({ model, el }) {
  el.classList.add("trsi-table");
  const button = (text, title, by) => {
    const b = document.createElement("button");
    b.textContent = text;
    b.title = title;
    b.ariaLabel = title;
    b.onclick = () => model.send({ page: by });
    return b;
  };
  const scroll = document.createElement("div");
  const foot = document.createElement("div");
  const say = document.createElement("span");
  const back = button("\u2039", "earlier rows", -1);
  const on = button("\u203a", "further rows", 1);
  scroll.className = "scroll";
  foot.className = "foot";
  foot.append(say, back, on);
  el.append(scroll, foot);
  const mark = () => {
    const chosen = new Set(model.get("selection"));
    const current = model.get("current");
    for (const tr of scroll.querySelectorAll("tbody tr")) {
      tr.className = tr.dataset.id === current ? "cur" : chosen.has(tr.dataset.id) ? "sel" : "";
      tr.tabIndex = tr.className === "cur" ? 0 : -1; // one stop for the Tab key; arrows go on from there
      tr.ariaCurrent = tr.className === "cur" ? "true" : null;
      if (tr.className === "cur") {
        if (scroll.contains(document.activeElement)) tr.focus({ preventScroll: true });
        const top = tr.offsetTop - 26;
        const low = tr.offsetTop + tr.offsetHeight;
        if (top < scroll.scrollTop) scroll.scrollTop = top;
        else if (low > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = low - scroll.clientHeight;
      }
    }
  };
  const draw = () => {
    const table = document.createElement("table");
    table.ariaLabel = "clips, most worth a look first; arrows up and down choose one";
    const head = table.createTHead().insertRow();
    head.ariaLabel = "columns";
    const body = table.createTBody();
    const columns = model.get("columns");
    const by = model.get("by");
    for (const [key, label, text] of columns) {
      const th = document.createElement("th");
      th.textContent = label;
      th.scope = "col";
      if (key === by) th.ariaSort = "descending";
      th.className = (text ? "t " : "") + (key === by ? "by" : "");
      head.append(th);
    }
    for (const row of model.get("rows")) {
      const tr = body.insertRow();
      tr.dataset.id = row[0];
      tr.ariaLabel = row.map((v, i) => `${columns[i][1]} ${v || "none"}`).join(", ");
      tr.onclick = () => model.send({ click: row[0] });
      row.forEach((v, i) => {
        const td = tr.insertCell();
        td.textContent = v;
        if (columns[i][2]) td.className = "t";
      });
    }
    const focused = scroll.contains(document.activeElement);
    scroll.replaceChildren(table);
    scroll.scrollTop = 0;
    say.textContent = model.get("says");
    back.disabled = model.get("first");
    on.disabled = model.get("last");
    mark();
    if (focused) scroll.querySelector("tr.cur")?.focus();
  };
  scroll.onkeydown = (e) => {
    const by = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[e.key];
    const next = by && e.target[by];
    if (!next) return;
    model.send({ click: next.dataset.id });
    e.preventDefault();
  };
  model.on("change:rows", draw);
  model.on("change:columns", draw);
  model.on("change:selection", mark);
  model.on("change:current", mark);
  model.on("change:says", () => {
    say.textContent = model.get("says");
  });
  draw();
}

export default { render };
