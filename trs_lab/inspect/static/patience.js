// A widget of anywidget that needs more than two seconds to load stays deaf: every message to it is dropped, for as long
// as the page is open ("Failed to initialize model", anywidget 0.11). On a busy machine, plotly's five megabytes are
// enough for that. This module (nbs/inspect/parts.ipynb) gives the widgets that come after it ten minutes, and lets
// those that came before hear what is still to be said.

function patient(kind) {
  const { initialize, _handle_comm_msg: handle } = kind;
  if (kind.patient) return;
  kind.patient = true;
  kind.initialize = function (...args) {
    const timeout = AbortSignal.timeout;
    AbortSignal.timeout = () => timeout.call(AbortSignal, 600_000); // the limit is set in this call
    try {
      return initialize.apply(this, args);
    } finally {
      AbortSignal.timeout = timeout;
    }
  };
  kind._handle_comm_msg = async function (...message) {
    try {
      return await handle.apply(this, message);
    } catch (error) {
      if (!String(error).includes("Failed to initialize model")) throw error;
      return Object.getPrototypeOf(kind)._handle_comm_msg.apply(this, message);
    }
  };
}

export default {
  initialize({ model }) {
    // What a module is given stands for the page's own model; that one comes with its changes.
    model.on("change:begun", (self) => patient(Object.getPrototypeOf(self)));
    model.set("begun", true);
  },
};
