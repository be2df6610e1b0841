// Plots fill their cell (nbs/inspect/monitor.ipynb): `ready` once a page has drawn them, `empty` if it has lost them.

export default {
  render({ model, el }) {
    let wide = 0;
    const resize = () => window.dispatchEvent(new Event("resize"));
    const watcher = new ResizeObserver(() => {
      if (el.clientWidth !== wide) {
        wide = el.clientWidth;
        resize();
      }
    });
    el.style.width = "100%";
    watcher.observe(el);
    let drawn = false;
    let tries = 0;
    const timer = setInterval(() => {
      const plot = el.closest(".trs-monitor")?.querySelector(".js-plotly-plot");
      if (!plot?.querySelector(".main-svg")) return;
      if (plot.data?.length) {
        if (!drawn) {
          drawn = true;
          Object.assign(plot, { role: "figure", ariaLabel: plot.layout.meta.name });
          plot.querySelectorAll("svg").forEach((svg) => (svg.ariaHidden = "true"));
          resize();
          model.send({ ready: true });
        }
        tries = 0;
      } else if (++tries % 3 === 0) {
        drawn = false;
        model.send({ empty: true });
      }
    }, 500);
    return () => {
      watcher.disconnect();
      clearInterval(timer);
    };
  },
};
