"""A notebook's cells run in this process: what papermill does, without the seconds that a kernel takes to load."""

import json
import os
import signal
from pathlib import Path

NBS = Path(__file__).resolve().parent.parent / "nbs"


def run_cells(notebook, **parameters):
    """Run all cells, with parameters after the cell tagged so. Returns the outputs, raises a cell's error."""
    from execnb.shell import CaptureShell

    shell, outputs = CaptureShell(mpl_format="png"), []
    for cell in json.loads((NBS / notebook).read_text())["cells"]:
        sources = ["".join(cell["source"])] if cell["cell_type"] == "code" else []
        if "parameters" in cell["metadata"].get("tags", []):
            sources += [f"{name} = {value!r}" for name, value in parameters.items()]
        for source in sources:
            outputs += shell.run(source)
            if shell.exc:
                raise shell.exc
    return outputs


def on_the_way(requests):
    """Have this process's runs do or be asked something at a place: {(stage, epoch): pause, stop or kill}.

    A request goes through the run folder, as it does from outside. From outside it would depend on who is quicker, on a
    busy machine the run, and that would be finished."""
    from trs_lab.runs.pause import Control, request

    obey = Control.obey

    def ask_and_obey(self, learner):
        what = requests.pop((learner.stage, learner.epoch), None)
        if what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if what:
            request(self.run, what)
        obey(self, learner)

    Control.obey = ask_and_obey


def run_in(folder, notebook, parameters, requests=None):
    """The same from that folder, for a process of its own; outputs.json and said.txt lie there afterwards."""
    on_the_way(requests or {})
    os.chdir(folder)
    with open("said.txt", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.pop("IN_TEST", None)
    plain = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
    outputs = run_cells(notebook, **plain)
    Path("outputs.json").write_text(json.dumps(outputs))


def train_in(folder, parameters):
    """A run as `train.ipynb` leaves it (tests/test_train.py), without its figures, for a process of its own."""
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    os.chdir(folder)
    with open("said.txt", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    plain = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
    train_run(make_config(**plain, figures=False), threads=1)
