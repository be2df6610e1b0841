"""Several processes at one folder: one works there, others are refused in words, and nobody reads half a file."""

import json
import time
from pathlib import Path

import pandas as pd
import pytest
from cells import train_in
from conftest import LONG, ended_well, wait_for

BUSY = ("is in use: process ", "already holds a run")  # said while the first is there, and after it


def at_the_same_moment(folder, name, work):
    """Do it when all are ready, and leave what became of it: done, refused with a sentence, or another error."""
    from trs_lab.core.files import TrsLabError

    (folder / f"{name}.ready").touch()
    while not (folder / "go").exists():
        time.sleep(0.002)
    try:
        work()
        said = dict(done=True)
    except TrsLabError as e:
        said = dict(refused=str(e))
    except Exception as e:
        said = dict(error=f"{type(e).__name__}: {e}")
    (folder / f"{name}.json").write_text(json.dumps(said))


def outcomes(folder, children):
    """What became of each, after all were let go at once."""
    for name, child in children.items():
        wait_for(child, (folder / f"{name}.ready").exists)
    (folder / "go").touch()
    for child in children.values():
        child.join(300)
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in children}


def start_training(folder, name, parameters):
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    config = make_config(**parameters)
    at_the_same_moment(folder, name, lambda: train_run(config, threads=1))


def test_of_four_starts_of_a_training_one_runs(process, feature_folder, tmp_path):
    given = LONG | dict(epochs=3, root=str(feature_folder), out_dir=str(tmp_path / "run"))
    given |= dict(cache_dir=str(tmp_path / "cache"))
    names = [f"p{i}" for i in range(4)]
    children = {n: process(target=start_training, args=(tmp_path, n, given)) for n in names}
    for child in children.values():
        child.start()
    found = outcomes(tmp_path, children)
    assert sum("done" in said for said in found.values()) == 1, found
    refused = [said["refused"] for said in found.values() if "done" not in said]
    assert all(any(busy in said for busy in BUSY) for said in refused), refused
    assert (tmp_path / "run" / "summary.json").exists() and (tmp_path / "run" / "model.safetensors").exists()
    assert not [*(tmp_path / "run").rglob("*.tmp")] and not (tmp_path / "run" / "trained_by.json").exists()


@pytest.fixture
def scored_run(train, feature_folder, tmp_path):
    given = dict(
        dataset="folder", root=feature_folder, backbone="none", method="ridge", device="cpu", ratio=0.5
    )
    train(**given, out_dir=tmp_path / "run", cache_dir=tmp_path / "cache", figures=False)
    return tmp_path / "run"


def videos_of(folder, root, names):
    """A folder of features to be scored."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.npy").write_bytes((Path(root) / "features" / f"{name}.npy").read_bytes())
    return folder


def score_at_once(folder, name, run, videos):
    from trs_lab.score.session import open_scorer, score_folder

    scorer = open_scorer(run, device="cpu", folds=0)
    at_the_same_moment(
        folder, name, lambda: score_folder(scorer, videos, folder / "out", part=1, progress=False)
    )


def test_calls_of_score_do_not_lose_each_other_s_rows(process, scored_run, feature_folder, tmp_path):
    """Each of them scores clips of its own into one folder, in turn, or says who is there."""
    of = {f"p{i}": [f"c{3 * i + k:02d}" for k in range(3)] for i in range(3)}
    children = {}
    for name, clips in of.items():
        videos = videos_of(tmp_path / f"new_{name}", feature_folder, clips)
        children[name] = process(target=score_at_once, args=(tmp_path, name, scored_run, videos))
        children[name].start()
    found = outcomes(tmp_path, children)
    done = [name for name, said in found.items() if "done" in said]
    assert done and all("is in use: process " in found[n]["refused"] for n in of if n not in done), found
    kept = json.loads((tmp_path / "out" / "scored.json").read_text())
    assert sorted(kept) == sorted(clip for name in done for clip in of[name])
    assert len(pd.read_csv(tmp_path / "out" / "scores.csv")) == 3
    assert not [*(tmp_path / "out").glob("*.tmp"), *(tmp_path / "out").glob("*.backup*")]


def score_slowly(folder, run, videos):
    """A call that waits in its middle until it is let go."""
    from trs_lab.score.session import open_scorer, score_folder

    scorer = open_scorer(run, device="cpu", folds=0)
    score_part = scorer.score_part

    def waiting(*given):
        (folder / "in the middle").touch()
        while not (folder / "go").exists():
            time.sleep(0.002)
        return score_part(*given)

    scorer.score_part = waiting
    score_folder(scorer, videos, folder / "out", progress=False)


def test_a_call_of_score_is_refused_while_another_scores_there(process, scored_run, feature_folder, tmp_path):
    from trs_lab.core.parameters import ConfigError
    from trs_lab.score.session import open_scorer, score_folder

    videos = videos_of(tmp_path / "new", feature_folder, ["c00", "c01"])
    child = process(target=score_slowly, args=(tmp_path, scored_run, videos))
    child.start()
    wait_for(child, (tmp_path / "in the middle").exists)
    scorer = open_scorer(scored_run, device="cpu", folds=0)
    with pytest.raises(ConfigError, match=rf"is in use: process {child.pid} on .* scores there since 20"):
        score_folder(scorer, videos, tmp_path / "out", progress=False)
    (tmp_path / "go").touch()
    assert ended_well(child)
    assert len(score_folder(scorer, videos, tmp_path / "out", progress=False)) == 2
    (tmp_path / "go").unlink()
    (tmp_path / "in the middle").unlink()
    killed = process(
        target=score_slowly,
        args=(tmp_path, scored_run, videos_of(tmp_path / "more", feature_folder, ["c02"])),
    )
    killed.start()
    wait_for(killed, (tmp_path / "in the middle").exists)
    killed.kill()
    killed.join(300)
    assert len(score_folder(scorer, videos, tmp_path / "out", progress=False)) == 2, "a kill leaves no lock"
    assert not (tmp_path / "out" / ".scored_by.json").exists()


def test_an_inspector_beside_a_training_never_reads_half_a_file(process, feature_folder, tmp_path):
    """Looked at again and again over many epochs, each of which writes the history, the table and the checkpoint."""
    from trs_lab.inspect.monitor import read_curves
    from trs_lab.results.opened_run import RunData
    from trs_lab.runs.pause import read_progress

    run = tmp_path / "run"
    given = LONG | dict(epochs=40, root=feature_folder, out_dir=run, cache_dir=tmp_path / "cache")
    del given["figures"]  # `train_in` says it
    child = process(target=train_in, args=(tmp_path, given))
    child.start()
    wait_for(child, (run / "progress.json").exists)
    data, seen = RunData(run), set()
    while True:
        alive = child.is_alive()
        data.reload()
        assert len(data.overview()) == data.size[0]
        assert not [said for said in data.problems if "damaged" in said], data.problems
        seen.add(data.size[1])
        assert read_curves(run, given["burn_in_epochs"]).epoch.notna().all()
        read_progress(run)
        if not alive:
            break
        time.sleep(0.01)
    assert ended_well(child), (tmp_path / "said.txt").read_text()[-3000:]
    data.reload()
    assert data.finished and data.size[1] == 40
    print(f"{len(seen)} states of 40 epochs were seen")  # pytest -rP shows it; all are not seen by any reader
