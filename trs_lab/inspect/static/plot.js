// A plot of plotly, whose five megabytes of JavaScript one widget without a view (`PlotLibrary`, nbs/inspect/parts.ipynb)
// brings for all plots of a page. plotly's own widgets carry a copy each, and a page that is loaded again then has so
// much to read at once that JupyterLab gives up looking for its widgets ("model not found").

const libraries = (globalThis.trsPlotLibraries ??= new Map()); // id of the widget -> promise of what plotly exports

async function load(id, manager) {
  const library = await manager.get_model(id);
  const url = URL.createObjectURL(new Blob([library.get("code")], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function libraryOf(model) {
  const id = model.get("_library");
  if (!libraries.has(id)) libraries.set(id, load(id, model.widget_manager));
  return libraries.get(id);
}

export default () => {
  let plot;
  return {
    async initialize({ model }) {
      plot = (await libraryOf(model))();
      return plot.initialize({ model });
    },
    render({ model, el }) {
      return plot.render({ model, el });
    },
  };
};
