// Keys inside of the inspector (nbs/inspect/inspector.ipynb) go to Python instead of the notebook;
// a beat every two seconds while the inspector can be seen. `taken` names the keys besides digits, c and n.

// Names for screen readers: what has no text of its own is called by its tip, the ends of a slider by its label, and
// a plot as Python says (`bare_figure`).
function nameParts(root) {
  for (const e of root.querySelectorAll(":is(button, .widget-text input)[title]:not([aria-label])"))
    if (e.textContent.trim().length < 2) e.ariaLabel = e.title;
  for (const slider of root.querySelectorAll(".widget-slider")) {
    const label = slider.querySelector(".widget-label")?.textContent;
    const parts = slider.querySelectorAll("[role=slider], .widget-readout");
    ["from", "to", "from and to, typed"].forEach((end, i) => parts[i] && (parts[i].ariaLabel = `${label}, ${end}`));
  }
  for (const plot of root.querySelectorAll(".js-plotly-plot")) {
    const name = plot.layout?.meta?.name;
    if (name) Object.assign(plot, { role: "figure", ariaLabel: name });
    plot.querySelectorAll("svg").forEach((svg) => (svg.ariaHidden = "true"));
  }
}

function render({ model, el }) {
  el.style.display = "none";
  let root = null;
  let gone = false;
  let waiting = false;
  let timer = null;
  let watcher = null;
  const typing = (t) => t.closest("input, textarea, select, [contenteditable=true]");
  const focus = () => root.focus({ preventScroll: true });
  const field = (name) => root.querySelector(`.${name} input`);
  const key = (e) => {
    if (!root || !root.contains(e.target)) return;
    const command = e.ctrlKey || e.metaKey || e.altKey;
    if (command) {
      root.removeAttribute("data-lm-suppress-shortcuts");
      return;
    }
    root.setAttribute("data-lm-suppress-shortcuts", "true");
    if (typing(e.target)) {
      // What stands in the field travels with the key: the field's own messages may come later than Enter.
      const name = ["score", "note"].find((n) => e.target.closest(`.trsi-${n}`));
      if (e.key === "Enter" && name) {
        model.send({ [name]: e.target.value });
        e.preventDefault();
        e.stopImmediatePropagation();
      }
      const step = { ArrowUp: "up", ArrowDown: "down" }[e.key];
      if (step && name === "score" && model.get("taken").includes(e.key)) {
        model.send({ [step]: e.target.value });
        e.preventDefault();
      }
      if (e.key === "Escape" || (e.key === "Enter" && name)) setTimeout(focus, 0);
      return;
    }
    if (e.key === "c" || e.key === "n") {
      const f = field(e.key === "c" ? "trsi-score" : "trsi-note");
      f.focus();
      f.select();
      e.preventDefault();
      return;
    }
    if (/^[0-9]$/.test(e.key)) {
      const f = field("trsi-score");
      f.focus();
      f.select();
      return;
    }
    if (e.key === "Enter" && e.target.closest("button")) return; // it presses the button
    if (model.get("taken").includes(e.key)) {
      model.send({ key: e.key });
      e.preventDefault();
    }
    if (e.key === " " && !e.target.closest("button") && !e.target.closest(".trs-widget")) {
      model.send({ key: "space" });
      e.preventDefault();
    }
  };
  const clicked = (e) => {
    const t = e.target;
    if (e.detail && t.closest(".trsi-marks button")) return setTimeout(focus, 0); // Enter then gives the score
    if (!typing(t) && !t.closest("button, [role=slider], [tabindex='0']:not(.trsi-inspector)"))
      setTimeout(focus, 0);
  };
  const attach = () => {
    if (gone) return;
    root = el.closest(".trsi-inspector");
    if (!root) {
      requestAnimationFrame(attach);
      return;
    }
    root.tabIndex = 0;
    root.role = "group";
    root.ariaLabel = model.get("label");
    root.querySelectorAll(".trsi-state").forEach((e) => e.setAttribute("aria-live", "polite"));
    window.addEventListener("keydown", key, true);
    root.addEventListener("click", clicked);
    let wide = 0;
    watcher = new ResizeObserver(() => {
      if (root.clientWidth !== wide) {
        wide = root.clientWidth;
        window.dispatchEvent(new Event("resize"));
      }
    });
    watcher.observe(root);
    timer = setInterval(() => {
      nameParts(root);
      if (!waiting && root.offsetParent && !document.hidden) {
        waiting = true;
        model.send({ beat: 1 });
      }
    }, 2000);
  };
  model.on("change:beats", () => {
    waiting = false;
  });
  attach();
  return () => {
    gone = true;
    clearInterval(timer);
    window.removeEventListener("keydown", key, true);
    watcher && watcher.disconnect();
  };
}

export default { render };
