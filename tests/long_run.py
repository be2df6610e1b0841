"""Does a long run take more and more? Memory, open files and threads of 900 epochs, and of 1,000 selections.

    python tests/long_run.py FOLDER
    python tests/long_run.py FOLDER --epochs 9000 --selections 10000

The training is of 60 clips of features and is looked at from outside; the inspector shows a run of 24 generated dives,
whose videos it decodes. The first tenth counts as warming up. After it memory may grow by 10 MB and 5 %, and nothing
else may grow, or the exit status is 1. The history of a training grows with its epochs: its size is in the table.
"""

import argparse
import contextlib
import gc
import io
import multiprocessing
import sys
import time
from pathlib import Path

import pandas as pd
import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
PARTS = 10  # rows of a table


def looked_at(process):
    """MB of memory, open files and sockets, threads."""
    memory = process.memory_info().rss / 2**20
    return dict(memory_mb=round(memory, 1), handles=process.num_fds(), threads=process.num_threads())


def train(run, parameters):
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        train_run(make_config(**parameters, out_dir=str(run)), threads=1)


def of_training(folder, epochs):
    """A row whenever another tenth of the epochs is done."""
    from kills import make_clips, of_features

    from trs_lab.runs.pause import read_progress

    make_clips(folder / "clips")
    short = dict(epochs=epochs, burn_in_epochs=10, checkpoint_seconds=5, schedule="constant")
    parameters = of_features(folder, "trs_process") | short | dict(cache_dir=str(folder / "cache"))
    child = multiprocessing.get_context("spawn").Process(target=train, args=(folder / "run", parameters))
    child.start()
    process, rows, history = psutil.Process(child.pid), [], folder / "run" / "pseudo_labels.parquet"
    while child.is_alive():
        done = (read_progress(folder / "run") or {}).get("epochs_done") or 0
        if done >= (len(rows) + 1) * epochs // PARTS:
            size = history.stat().st_size / 2**20 if history.exists() else 0
            with contextlib.suppress(psutil.Error):
                rows.append(dict(epochs=done, **looked_at(process), history_mb=round(size, 2)))
        time.sleep(0.05)
    assert child.exitcode == 0, "the training failed"
    return pd.DataFrame(rows)


def of_inspector(folder, selections):
    """A row whenever another tenth of the selections is made."""
    from trs_lab.inspect.inspector import PseudoLabelInspector
    from trs_lab.results.synthetic import small_run

    with contextlib.redirect_stderr(io.StringIO()):
        run = small_run(folder, "inspected", clips=24, method="trs_process", ratio=0.3)
    inspector, rows, me = PseudoLabelInspector(run), [], psutil.Process()
    clips = list(inspector.data.overview().index)
    for i in range(selections):
        inspector.selection = [clips[(i + j) % len(clips)] for j in range(3)]
        inspector.current = clips[i % len(clips)]
        if (i + 1) % (selections // PARTS) == 0:
            gc.collect()
            rows.append(dict(selections=i + 1, **looked_at(me)))
    return pd.DataFrame(rows)


def grown(table):
    """What has grown since the warming up."""
    first, last = table.iloc[0], table.iloc[-1]
    room = dict(memory_mb=10 + 0.05 * first.memory_mb, handles=0, threads=0)
    return [
        f"{name}: {first[name]} to {last[name]}"
        for name, more in room.items()
        if last[name] > first[name] + more
    ]


def main():
    how = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=how)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=900)
    parser.add_argument("--selections", type=int, default=1000)
    given, found = parser.parse_args(), []
    given.folder.mkdir(parents=True, exist_ok=True)
    for table in (of_training(given.folder, given.epochs), of_inspector(given.folder, given.selections)):
        print(table.to_string(index=False), flush=True)
        found += grown(table)
    print("\n".join(found) or "nothing has grown")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
