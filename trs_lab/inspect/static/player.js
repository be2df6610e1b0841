// The two widgets of nbs/inspect/player.ipynb. Python decides (state, limits, geometry of the segments);
// this file draws, keeps time and listens. Its sections: small parts, the clock and the controls, one clip,
// a clip beside its exemplars.

// ---- Small parts: elements, pictures, a time line

const SVG = (path) =>
  `<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" fill="currentColor">${path}</svg>`;
const ICONS = {
  play: SVG('<path d="M4 2.5v11l9-5.5z"/>'),
  pause: SVG('<path d="M4 3h3v10H4zM9 3h3v10H9z"/>'),
  back: SVG('<path d="M3 3h2v10H3zM13 3v10L6 8z"/>'),
  forward: SVG('<path d="M11 3h2v10h-2zM3 3v10l7-5z"/>'),
  loop: SVG(
    '<path d="M4 4.5h7V2.2L14.5 5.4 11 8.6V6.3H5.8V9H4zM12 11.5H5v2.3L1.5 10.6 5 7.4v2.3h5.2V7H12z"/>',
  ),
  full: SVG('<path d="M2 2h5v2H4v3H2zM9 2h5v5h-2V4H9zM2 9h2v3h3v2H2zM12 9h2v5H9v-2h3z"/>'),
  gone: `<svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true"
    fill="none" stroke="currentColor" stroke-width="1.6">
    <rect x="3.5" y="7" width="25" height="18" rx="2.5"/><path d="M13.5 12v8l6.5-4zM4 28 28 4"/></svg>`,
};

// An element with attributes; `text` is set as text, never read as HTML.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") node.textContent = value;
    else if (value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

function makeButton(name, label, icon, press) {
  const node = make("button", {
    type: "button",
    class: `trs-button trs-${name}`,
    title: label,
    "aria-label": label,
  });
  node.innerHTML = icon;
  node.addEventListener("click", press);
  return node;
}

// The pictures in a pack (see pack_frames), as blobs that the browser can decode.
function unpack(view) {
  if (!view || view.byteLength < 4) return [];
  const n = view.getUint32(0, true);
  const blobs = [];
  for (let i = 0, at = 4 * (n + 1); i < n; i++) {
    const length = view.getUint32(4 * (i + 1), true);
    blobs.push(new Blob([new Uint8Array(view.buffer, view.byteOffset + at, length)], { type: "image/jpeg" }));
    at += length;
  }
  return blobs;
}

// A screen decodes pictures in the background and draws the one asked for; another clip makes it forget the one before.
function makeScreen(label) {
  const node = make("canvas", { class: "trs-canvas", role: "img", "aria-label": label, width: 4, height: 3 });
  const context = node.getContext("2d");
  let bitmaps = [];
  let generation = 0;
  let wanted = 0;
  function draw(i) {
    wanted = i;
    const bitmap = bitmaps[i];
    if (!bitmap) return;
    if (node.width !== bitmap.width || node.height !== bitmap.height) {
      node.width = bitmap.width;
      node.height = bitmap.height;
    }
    context.drawImage(bitmap, 0, 0);
    node.dataset.drawn = i;
  }
  function clear() {
    generation += 1;
    bitmaps.forEach((b) => b && b.close());
    bitmaps = [];
    context.clearRect(0, 0, node.width, node.height);
    delete node.dataset.drawn;
  }
  async function load(view) {
    clear();
    const mine = generation;
    await Promise.all(
      unpack(view).map(async (blob, i) => {
        const bitmap = await createImageBitmap(blob);
        if (mine !== generation) return bitmap.close();
        bitmaps[i] = bitmap;
        if (i === wanted) draw(i);
      }),
    );
    return mine === generation;
  }
  return { node, draw, load, clear };
}

// A line of n frames: the segments in their lanes, a playhead, and dragging with the pointer.
function makeTimeline({
  n,
  segments,
  lanes,
  weights = [],
  notes = [],
  label,
  vertical = false,
  ticks = false,
  small = false,
  seek,
  hold,
}) {
  const [from, size] = vertical ? ["top", "height"] : ["left", "width"];
  const percent = (x) => `${(100 * x) / n}%`;
  const node = make("div", {
    class: `trs-timeline${vertical ? " trs-vertical" : ""}${small ? " trs-small" : ""}`,
    role: "slider",
    tabindex: small ? -1 : 0,
    "aria-label": label,
    "aria-orientation": vertical ? "vertical" : "horizontal",
    "aria-valuemin": 0,
    "aria-valuemax": Math.max(n - 1, 0),
  });
  const nLanes = Math.max(1, ...lanes.map((l) => l + 1));
  node.style.setProperty("--trs-lanes", nLanes);
  const bars = segments.map(([a, b], i) => {
    const bar = make(
      "div",
      {
        class: "trs-segment",
        "data-segment": i,
        title:
          `segment ${i + 1}: frames ${a} to ${b - 1}` +
          (notes[i] ? `, ${notes[i]}` : weights.length ? `, weight ${weights[i].toFixed(2)}` : ""),
      },
      make("span", { text: i + 1 }),
    );
    bar.style[from] = percent(a);
    bar.style[size] = percent(b - a);
    bar.style.setProperty("--trs-lane", lanes[i]);
    if (weights.length) {
      bar.classList.add("trs-weighted");
      bar.style.setProperty("--trs-weight", `${Math.round(100 * weights[i])}%`);
    }
    return bar;
  });
  const track = make("div", { class: "trs-track" }, ...bars);
  const head = make("div", { class: "trs-head" });
  if (small) track.prepend(head);
  else track.append(head); // on a small line the numbers stay readable
  node.append(track);
  if (ticks && n > 1) {
    const every = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 5000].find((s) => n / s <= 7) || n;
    const row = make("div", { class: "trs-ticks", "aria-hidden": true });
    for (let f = 0; f < n; f += every) {
      const tick = make("span", { text: f });
      tick.style.left = percent(f + 0.5);
      row.append(tick);
    }
    node.append(row);
  }
  const at = (event) => {
    const box = track.getBoundingClientRect();
    const x = vertical ? (event.clientY - box.top) / box.height : (event.clientX - box.left) / box.width;
    return Math.min(Math.max(Math.floor(x * n), 0), n - 1);
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button || !n) return;
    node.setPointerCapture(event.pointerId);
    hold(true);
    seek(at(event));
  });
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) seek(at(event));
  });
  node.addEventListener("lostpointercapture", () => hold(false));
  function move(frame, text) {
    head.style[from] = percent(frame + 0.5);
    node.setAttribute("aria-valuenow", frame);
    node.setAttribute("aria-valuetext", text || `frame ${frame + 1} of ${n}`);
    bars.forEach((bar, i) =>
      bar.classList.toggle("trs-now", segments[i][0] <= frame && frame < segments[i][1]),
    );
  }
  return { node, move, bars };
}

// ---- The clock, and the controls that both widgets have

// Moves a position on while `playing`, and calls draw(frame) for every new frame. `confine([a, b])` goes to the
// middle of a range and repeats it; confine(null), or a seek outside of the range, frees it.
function makeClock(model, draw, freed = () => {}) {
  let position = model.get("frame");
  let range = null;
  let before = 0;
  let request = 0;
  let reported = 0;
  let silent = false;
  const n = () => model.get("n_frames");
  const frame = () => Math.max(0, Math.min(Math.floor(position), n() - 1));
  function report() {
    if (silent) return;
    reported = performance.now();
    model.set("frame", frame());
    model.save_changes();
  }
  function tick(now) {
    request = 0;
    if (!model.get("playing")) return;
    const [a, b] = range || [0, n()];
    const shown = frame();
    position += Math.min(Math.max(now - before, 0) / 1000, 0.25) * model.get("fps") * model.get("speed");
    before = now;
    if (position >= b) {
      if (range || model.get("loop")) position = a + ((position - a) % Math.max(b - a, 1));
      else {
        position = b - 1;
        model.set("playing", false);
      }
    }
    if (frame() !== shown) draw(frame());
    if (!model.get("playing")) report();
    else {
      if (now - reported > 250) report();
      request = requestAnimationFrame(tick);
    }
  }
  function start() {
    if (request || !model.get("playing")) return;
    if (!range && !model.get("loop") && frame() === n() - 1) {
      position = 0;
      draw(0);
    }
    before = performance.now();
    request = requestAnimationFrame(tick);
  }
  const onPlaying = () => {
    if (model.get("playing")) start();
    else report();
  };
  const onFrame = () => {
    if (model.get("frame") !== frame()) {
      position = model.get("frame");
      draw(frame());
    }
  };
  model.on("change:playing", onPlaying);
  model.on("change:frame", onFrame);
  return {
    frame,
    start,
    seek(f) {
      if (range && (f < range[0] || f >= range[1])) {
        range = null;
        freed();
      }
      position = Math.max(0, Math.min(f, n() - 1));
      draw(frame());
      report();
    },
    restart() {
      position = model.get("frame");
      draw(frame());
      start();
    },
    // quiet: a look at another place that the kernel is not told about
    confine(to, quiet = false) {
      range = to;
      silent = quiet;
      if (to) position = Math.floor((to[0] + to[1]) / 2);
      draw(frame());
    },
    jump(f) {
      position = f;
      draw(frame());
    },
    end() {
      cancelAnimationFrame(request);
      model.off("change:playing", onPlaying);
      model.off("change:frame", onFrame);
    },
  };
}

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const KEYS = [
  ["space", "play"],
  ["← →", "frame"],
  ["[ ]", "segment"],
  [", .", "speed"],
  ["home end", ""],
];

// Buttons, speed, frame counter, time line, key legend: what both widgets have below their pictures.
function makeControls(model, root, onDraw, extra = {}) {
  const set = (values) => {
    model.set(values);
    model.save_changes();
  };
  let line = null;
  let heldPlaying = null;
  const clock = makeClock(model, draw, extra.freed);
  const toggle = () => set({ playing: !model.get("playing") && model.get("n_frames") > 0 });
  const step = (by) => {
    if (model.get("playing")) set({ playing: false });
    clock.seek(clock.frame() + by);
  };
  const seek = (f) => clock.seek(f);
  const hold = (on) => {
    if (on) {
      heldPlaying = model.get("playing");
      set({ playing: false });
    } else if (heldPlaying) {
      heldPlaying = null;
      set({ playing: true });
    }
  };
  function speedBy(d) {
    const now = model.get("speed");
    const next = d > 0 ? SPEEDS.find((s) => s > now) : SPEEDS.findLast((s) => s < now);
    if (next) set({ speed: next });
  }
  function segmentBy(d) {
    const starts = model.get("segments").map((s) => s[0]);
    const now = clock.frame();
    const next = d > 0 ? starts.find((s) => s > now) : starts.findLast((s) => s < now);
    if (next !== undefined) clock.seek(next);
    else clock.seek(d > 0 ? model.get("n_frames") - 1 : 0);
  }
  const play = makeButton("play", "Play (space)", ICONS.play, toggle);
  const back = makeButton("back", "One frame back (left arrow)", ICONS.back, () => step(-1));
  const forward = makeButton("forward", "One frame on (right arrow)", ICONS.forward, () => step(1));
  const loop = makeButton("loop", "Repeat", ICONS.loop, () => set({ loop: !model.get("loop") }));
  const speed = make("select", {
    class: "trs-speed",
    "aria-label": "Speed",
    title: "Speed (comma, full stop)",
  });
  speed.addEventListener("change", () => set({ speed: Number(speed.value) }));
  const counter = make("span", { class: "trs-counter" });
  const lineBox = make("div", { class: "trs-line" });
  const legend = make(
    "div",
    { class: "trs-keys", "aria-label": "Keys" },
    ...KEYS.concat(extra.legend || []).map(([keys, what]) =>
      make("span", {}, ...keys.split(" ").map((k) => make("kbd", { text: k })), what),
    ),
  );
  const full = makeButton("full", "Fill the screen (f)", ICONS.full, () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen().catch(() => {}); // a page inside of a page may not be allowed to
  });
  const bar = make("div", { class: "trs-bar" }, back, play, forward, loop, speed, counter, full);
  const node = make("div", { class: "trs-controls" }, bar, lineBox, legend);

  function draw(f) {
    const n = model.get("n_frames");
    const width = String(n).length;
    const seconds = f / model.get("fps");
    root.dataset.frame = f;
    counter.textContent = n
      ? `${String(f + 1).padStart(width, "\u2007")} / ${n}  ·  ${seconds.toFixed(2)} s`
      : "";
    if (line) line.move(f, `frame ${f + 1} of ${n}, ${seconds.toFixed(2)} seconds`);
    onDraw(f);
  }
  function status() {
    const playing = model.get("playing");
    const n = model.get("n_frames");
    const label = playing ? "Pause (space)" : "Play (space)";
    Object.assign(root.dataset, {
      playing,
      frames: n,
      speed: model.get("speed"),
      mode: model.get("mode"),
      loop: model.get("loop"),
    });
    play.innerHTML = playing ? ICONS.pause : ICONS.play;
    play.title = label;
    play.setAttribute("aria-label", label);
    loop.setAttribute("aria-pressed", model.get("loop"));
    for (const b of [play, back, forward]) b.disabled = !n;
    const known = SPEEDS.includes(model.get("speed"))
      ? SPEEDS
      : [...SPEEDS, model.get("speed")].sort((a, b) => a - b);
    speed.replaceChildren(...known.map((s) => make("option", { value: s, text: `${s}×` })));
    speed.value = model.get("speed");
  }
  // After another clip: a new time line, and the clock at its start.
  function rebuild(weights = [], notes = []) {
    const n = model.get("n_frames");
    line = n
      ? makeTimeline({
          n,
          segments: model.get("segments"),
          lanes: model.get("lanes"),
          weights,
          notes,
          label: "Frame",
          ticks: true,
          seek,
          hold,
        })
      : null;
    lineBox.replaceChildren(...(line ? [line.node] : []));
    status();
    clock.restart();
  }
  function shade(weights, notes) {
    const at = clock.frame();
    rebuild(weights, notes);
    clock.jump(at);
  }
  const actions = {
    " ": toggle,
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    ",": () => speedBy(-1),
    ".": () => speedBy(1),
    "[": () => segmentBy(-1),
    "]": () => segmentBy(1),
    Home: () => clock.seek(0),
    End: () => clock.seek(model.get("n_frames") - 1),
    f: () => full.click(),
  };
  function onKey(event) {
    if (!root.contains(event.target)) return;
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    // JupyterLab cuts the cell at "x" and deletes it at "d d": no letter typed here may reach it;
    // Ctrl+S and the like still do.
    root.toggleAttribute("data-lm-suppress-shortcuts", plain && event.key.length === 1);
    if (!plain) return;
    if (event.target.matches("button") && [" ", "Enter"].includes(event.key))
      return event.stopImmediatePropagation();
    if (event.target.matches("select") && event.key !== "," && event.key !== ".")
      return event.stopImmediatePropagation();
    const action = (extra.find && extra.find(event)) || actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (model.get("n_frames")) action();
  }
  window.addEventListener("keydown", onKey, true);
  const watched = "change:playing change:speed change:loop change:n_frames change:mode";
  model.on(watched, status);
  return {
    node,
    clock,
    rebuild,
    shade,
    seek,
    hold,
    end() {
      window.removeEventListener("keydown", onKey, true);
      model.off(watched, status);
      clock.end();
    },
  };
}

// ---- One clip

function drawProfile(box, data, edges) {
  const columns = edges
    .slice(1)
    .map((e, i) => `${e - edges[i]}fr`)
    .join(" ");
  const top = Math.max(...data.change, 1e-12);
  const change = make(
    "div",
    {
      class: "trs-change",
      role: "img",
      "aria-label": "Change from segment to segment: " + data.change.map((c) => c.toFixed(2)).join(", "),
    },
    ...data.change.map((c, i) => {
      const bar = make("div", {
        title: `segment ${i + 1}: cosine distance ${c.toFixed(3)} to the one before`,
      });
      bar.style.height = `${Math.max((100 * c) / top, 2)}%`;
      return bar;
    }),
  );
  const rows = make("div", {
    class: "trs-rows",
    role: "img",
    "aria-label": `${data.rows.length} feature dimensions over ${data.change.length} segments`,
  });
  for (const row of data.rows)
    for (const value of row) {
      const cell = make("div");
      cell.style.setProperty("--trs-weight", `${Math.round(100 * value)}%`);
      rows.append(cell);
    }
  change.style.gridTemplateColumns = rows.style.gridTemplateColumns = columns;
  box.replaceChildren(
    make("div", { class: "trs-note", text: "change from the segment before (cosine distance)" }),
    change,
    make("div", {
      class: "trs-note",
      text: `the ${data.rows.length} feature dimensions that vary most, low to high`,
    }),
    rows,
  );
}

function renderClip({ model, el }) {
  const heading = make("div", { class: "trs-title" });
  const screen = makeScreen("Frame of the clip");
  const explanation = make("div", { class: "trs-explanation", role: "status" });
  const profile = make("div", { class: "trs-profile" });
  const filmed = makeScreen("The same frame as it was filmed");
  const caption = make("figcaption");
  const original = make("figure", { class: "trs-original", "aria-label": "As it was filmed" }, filmed.node, caption);
  const stage = make("div", { class: "trs-stage" }, screen.node, original, explanation, profile);
  const root = make(
    "div",
    {
      class: "trs-widget trs-player",
      role: "group",
      tabindex: 0,
      "aria-keyshortcuts": "Space ArrowLeft ArrowRight Comma Period Home End f",
    },
    heading,
    stage,
  );
  const controls = makeControls(model, root, (f) => {
    screen.draw(f);
    filmed.draw(f);
  });
  root.append(controls.node);
  const shade = () => {
    if (model.get("weights").length) controls.shade(model.get("weights"), model.get("notes"));
  };
  async function showOriginal() {
    const packed = model.get("original");
    const there = Boolean(packed && packed.byteLength);
    root.dataset.original = there ? "coming" : "none";
    caption.textContent = model.get("original_title");
    if (!there) filmed.clear();
    else if (await filmed.load(packed)) {
      filmed.draw(controls.clock.frame());
      root.dataset.original = "ready";
    }
  }
  async function show() {
    const mode = model.get("mode");
    const title = model.get("title");
    heading.textContent = heading.title = title;
    root.setAttribute("aria-label", `Clip player${title ? ": " + title : ""}`);
    root.dataset.ready = false;
    const text = make("p", { text: mode === "empty" ? "No clip is shown yet." : model.get("error") });
    const icon = make("span");
    icon.innerHTML = ICONS.gone;
    explanation.replaceChildren(...(mode === "explanation" ? [icon] : []), text);
    screen.clear();
    if (mode === "profile") drawProfile(profile, model.get("profile_data"), model.get("edges"));
    else profile.replaceChildren();
    controls.rebuild(model.get("weights"), model.get("notes"));
    showOriginal();
    try {
      if (mode !== "frames" || (await screen.load(model.get("packed")))) root.dataset.ready = true;
    } catch (e) {
      model.set({
        mode: "explanation",
        n_frames: 0,
        playing: false,
        error: `The browser cannot decode the pictures of this clip: ${e.message}`,
      });
      model.save_changes();
      show();
    }
  }
  model.on("change:revision", show);
  model.on("change:original", showOriginal);
  model.on("change:weights", shade);
  el.classList.add("trs-host");
  el.append(root);
  show();
  return () => {
    model.off("change:revision", show);
    model.off("change:original", showOriginal);
    model.off("change:weights", shade);
    controls.end();
    screen.clear();
    filmed.clear();
  };
}

// ---- A clip beside its exemplars

const number = (x, digits) => x.toFixed(digits).replace("-", "\u2212");

function renderComparison({ model, el }) {
  const grid = make("div", { class: "trs-grid" });
  const explanation = make("div", { class: "trs-explanation", role: "status" });
  const readout = make("div", { class: "trs-readout", role: "status" });
  const root = make(
    "div",
    { class: "trs-widget trs-comparison", role: "group", tabindex: 0 },
    explanation,
    make("div", { class: "trs-scroll" }, grid),
  );
  let parts = [];
  let rowLine = null;
  let hovered = null;
  let resume = 0;
  let generation = 0;

  // What each clip shows: the same frame, or, while a cell is looked at, its two segments at the same place.
  const active = () => hovered || (model.get("cell").length ? model.get("cell") : null);
  function drawAll(f) {
    const cell = active();
    const segments = model.get("segments");
    const n = model.get("n_frames");
    parts.forEach((part, k) => {
      const shift = cell && k === cell[0] + 1 ? segments[cell[2]][0] - segments[cell[1]][0] : 0;
      const own = Math.max(0, Math.min(f + shift, n - 1));
      part.screen.draw(own);
      part.box.dataset.frame = own;
      if (part.line) part.line.move(own);
      if (part.map) {
        part.across.style.top = `${(100 * (f + 0.5)) / n}%`;
        part.down.style.left = `${(100 * (own + 0.5)) / n}%`;
      }
    });
    if (rowLine) rowLine.move(f);
  }
  const moveCell = (event) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const map = event.target.closest(".trs-map");
    if (event.key === "Escape" && model.get("cell").length) return () => hold([]);
    if (!by || !map) return null;
    return () => {
      const k = Number(map.dataset.exemplar);
      const s = model.get("segments").length;
      const now = model.get("cell");
      const [i, j] = now.length && now[0] === k ? [now[1] + by[0], now[2] + by[1]] : [0, 0];
      hold([k, Math.min(Math.max(i, 0), s - 1), Math.min(Math.max(j, 0), s - 1)]);
    };
  };
  const controls = makeControls(model, root, drawAll, {
    find: moveCell,
    freed: () => hold([]),
    legend: [
      ["click", "hold a cell"],
      ["esc", "let go"],
    ],
  });
  root.append(readout, controls.node);
  const { clock } = controls;

  function hold(cell) {
    model.set("cell", cell);
    model.save_changes();
  }
  function confine() {
    const cell = active();
    const segments = model.get("segments");
    clock.confine(cell ? segments[cell[1]] : null, Boolean(hovered));
    mark();
  }
  function look(cell) {
    if (String(cell) === String(hovered)) return;
    const left = hovered;
    if (!left) resume = clock.frame();
    hovered = cell;
    confine();
    if (!cell && left && !model.get("cell").length) clock.jump(resume);
  }
  function mark() {
    const cell = active();
    const segments = model.get("segments");
    const names = (i) => `segment ${i + 1} (frames ${segments[i][0]}–${segments[i][1] - 1})`;
    root.querySelectorAll(".trs-picked").forEach((node) => node.classList.remove("trs-picked"));
    if (rowLine && cell) rowLine.bars[cell[1]].classList.add("trs-picked");
    if (cell) {
      const part = parts[cell[0] + 1];
      part.line.bars[cell[2]].classList.add("trs-picked");
      part.box.classList.add("trs-picked");
      part.cells[cell[1]][cell[2]].classList.add("trs-picked");
      const weight = model.get("clips")[cell[0] + 1].attention[cell[1]][cell[2]];
      const title = model.get("clips")[cell[0] + 1].title;
      const looks = `${names(cell[1])} of the clip looks at ${names(cell[2])} of ${title}`;
      readout.textContent = `${looks}: attention ${weight.toFixed(3)}`;
    } else
      readout.textContent =
        parts.length > 1
          ? "Point at a cell of a map to see its two segments; click to hold them and play them against each other. " +
            "Above a map: the exemplar's judged score, the clip's difference ± sigma, and the score that follows."
          : "";
  }

  function makeMap(clip, k, low, high) {
    const edges = model.get("edges");
    const sizes = edges
      .slice(1)
      .map((e, i) => `${e - edges[i]}fr`)
      .join(" ");
    const node = make("div", {
      class: "trs-map",
      tabindex: 0,
      role: "grid",
      "data-exemplar": k,
      "aria-label": `Attention between the segments of the clip (rows) and of ${clip.title} (columns)`,
    });
    node.style.gridTemplate = `${sizes} / ${sizes}`;
    const cells = clip.attention.map((row, i) => {
      const line = make("div", { role: "row", class: "trs-row" });
      const made = row.map((value, j) => {
        const cell = make("div", {
          class: "trs-cell",
          role: "gridcell",
          "data-row": i,
          "data-col": j,
          "aria-label": `segment ${i + 1}, segment ${j + 1}: ${value.toFixed(3)}`,
        });
        cell.style.setProperty(
          "--trs-weight",
          `${Math.round(100 * (high > low ? (value - low) / (high - low) : 0))}%`,
        );
        line.append(cell);
        return cell;
      });
      node.append(line);
      return made;
    });
    const across = make("div", { class: "trs-across" });
    const down = make("div", { class: "trs-down" });
    node.append(across, down);
    const place = (event) => {
      const c = event.target.closest(".trs-cell");
      return c && [k, Number(c.dataset.row), Number(c.dataset.col)];
    };
    node.addEventListener("pointerover", (event) => {
      const c = place(event);
      if (c) look(c);
    });
    node.addEventListener("pointerleave", () => look(null));
    node.addEventListener("click", (event) => {
      const c = place(event);
      if (c) hold(String(c) === String(model.get("cell")) ? [] : c);
    });
    return { node, cells, across, down };
  }

  function makeClip(clip, k, digits) {
    const sign = clip.delta < 0 ? "\u2212" : "+";
    const screen = makeScreen(`Frame of ${clip.title}`);
    const stage = make(
      "div",
      { class: "trs-stage" },
      screen.node,
      clip.missing && make("div", { class: "trs-missing", text: clip.missing }),
    );
    const caption =
      k === 0
        ? make(
            "div",
            { class: "trs-caption" },
            make("div", { class: "trs-title", text: clip.title, title: clip.title }),
            make("div", { class: "trs-subtitle", text: model.get("subtitle") }),
          )
        : make(
            "div",
            { class: "trs-caption" },
            make("div", { class: "trs-title", text: clip.title, title: clip.title }),
            make(
              "div",
              { class: "trs-sum" },
              make("span", {
                class: "trs-score",
                text: number(clip.score, digits),
                title: "judged score of the exemplar",
              }),
              make("span", {
                class: "trs-delta",
                text: `${sign} ${number(Math.abs(clip.delta), digits)} ± ${number(clip.sigma, digits)}`,
                title: "predicted difference of the clip from the exemplar, and its sigma",
              }),
              make("span", {
                class: "trs-implied",
                text: `= ${number(clip.implied, digits)}`,
                title: "score that this exemplar implies for the clip",
              }),
            ),
          );
    const box = make("div", { class: `trs-clip${k ? "" : " trs-query"}`, "data-clip": k }, stage, caption);
    return { screen, box };
  }

  async function show() {
    const clips = model.get("clips");
    const mode = model.get("mode");
    const n = model.get("n_frames");
    const mine = ++generation;
    const geometry = {
      n,
      segments: model.get("segments"),
      lanes: model.get("lanes"),
      seek: controls.seek,
      hold: controls.hold,
      small: true,
    };
    root.dataset.ready = false;
    root.dataset.clips = clips.length;
    root.setAttribute(
      "aria-label",
      `Comparison of ${model.get("title") || "a clip"} with ${Math.max(clips.length - 1, 0)} exemplars`,
    );
    const icon = make("span");
    icon.innerHTML = ICONS.gone;
    explanation.replaceChildren(
      ...(mode === "explanation" ? [icon] : []),
      make("p", { text: mode === "empty" ? "No clips are compared yet." : model.get("error") }),
    );
    parts.forEach((p) => p.screen.clear());
    hovered = null;
    rowLine = null;
    const judged = clips.slice(1);
    const all = judged.flatMap((c) => c.attention.flat());
    const low = Math.min(...all);
    const high = Math.max(...all);
    const digits = model.get("digits");
    parts = clips.map((clip, k) => makeClip(clip, k, digits));
    grid.replaceChildren(...parts.map((p) => p.box));
    grid.style.setProperty("--trs-clips", clips.length);
    if (judged.length && geometry.segments.length) {
      rowLine = makeTimeline({ ...geometry, vertical: true, label: "Segments of the clip" });
      const scale = make(
        "div",
        { class: "trs-scale" },
        make("span", { text: low.toFixed(2) }),
        make("i"),
        make("span", { text: high.toFixed(2) }),
      );
      grid.append(
        make(
          "div",
          { class: "trs-axis" },
          make(
            "div",
            { class: "trs-note" },
            make("b", { text: "Attention" }),
            make("span", { text: "rows: segments of this clip" }),
            make("span", { text: "columns: segments of the exemplar" }),
            scale,
          ),
          rowLine.node,
        ),
      );
      judged.forEach((clip, k) => {
        const map = makeMap(clip, k, low, high);
        Object.assign(parts[k + 1], map, { map: map.node });
        grid.append(map.node);
      });
      grid.append(make("div", { class: "trs-corner" }));
      judged.forEach((clip, k) => {
        const columns = clip.attention[0].map((_, j) => clip.attention.reduce((sum, row) => sum + row[j], 0));
        const top = Math.max(...columns, 1e-12);
        parts[k + 1].line = makeTimeline({
          ...geometry,
          weights: columns.map((c) => c / top),
          label: `Segments of ${clip.title}`,
        });
        grid.append(parts[k + 1].line.node);
      });
    }
    controls.rebuild();
    confine();
    const packed = model.get("packed");
    try {
      await Promise.all(
        parts.map((part, k) => {
          const [a, b] = clips[k].bytes;
          return part.screen.load(b > a ? new DataView(packed.buffer, packed.byteOffset + a, b - a) : null);
        }),
      );
      if (mine === generation) root.dataset.ready = true;
    } catch (e) {
      if (mine === generation) readout.textContent = `The browser cannot decode the pictures: ${e.message}`;
    }
  }
  model.on("change:revision", show);
  model.on("change:cell", confine);
  el.classList.add("trs-host");
  el.append(root);
  show();
  return () => {
    model.off("change:revision", show);
    model.off("change:cell", confine);
    controls.end();
    parts.forEach((p) => p.screen.clear());
  };
}

export default {
  render: (context) => (context.model.get("view") === "comparison" ? renderComparison : renderClip)(context),
};
