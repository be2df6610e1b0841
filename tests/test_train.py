"""train.ipynb as its users call it: papermill, wrong parameters, kill -9 and resume; and the function behind it."""

import json
import shutil
import signal
import subprocess

import pandas as pd
import pytest
from cells import run_cells
from conftest import LONG, NOTEBOOK, assert_same_run, epochs_done, papermill_command

ARTEFACTS = {
    "config.json",
    "run.json",
    "metrics.csv",
    "pseudo_labels.parquet",
    "predictions.csv",
    "summary.json",
    "model.safetensors",
    "model.json",
    "checkpoint.pt",
    "figures",
}


def test_parameters_cell_is_tagged():
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert [c["metadata"].get("tags") for c in cells if c["metadata"].get("tags")] == [["parameters"]]


@pytest.mark.xdist_group("whole")
def test_run_folder_is_complete(whole_run, summary):
    run = whole_run
    assert ARTEFACTS <= {p.name for p in run.iterdir()}
    assert list((run / "figures").glob("*.png"))
    s = summary(run)
    assert (s["labelled"], s["unlabelled"], s["test"], s["precision"]) == (12, 48, 20, "fp32")
    assert s["student"]["ci95"][0] <= s["student"]["spearman"] <= s["student"]["ci95"][1]
    assert s["supervised"]["spearman"] is not None and s["teacher"]["spearman"] is not None
    history = pd.read_parquet(run / "pseudo_labels.parquet")
    assert len(history) == LONG["epochs"] * 48 and "score" not in history
    metrics = pd.read_csv(run / "metrics.csv")
    assert {"student", "teacher", "reference", "supervised"} <= set(metrics.network)


@pytest.mark.xdist_group("whole")
def test_notebook_and_function_leave_the_same_run(train, long, whole_run, tmp_path):
    run = tmp_path / "run"
    train(**{**long, "epochs": 2, "method": "mean_teacher", "seed": 9}, out_dir=tmp_path / "before")
    summary = train(**long, out_dir=run)
    assert_same_run(run, whole_run)
    for name in ("predictions.csv", "model.safetensors"):
        assert (run / name).read_bytes() == (whole_run / name).read_bytes(), name
    made_later = {"wall_s"}
    theirs = json.loads((whole_run / "summary.json").read_text())
    ours = json.loads((run / "summary.json").read_text())
    assert {k: v for k, v in ours.items() if k not in made_later} == {
        k: v for k, v in theirs.items() if k not in made_later
    }
    assert ours["student"]["spearman"] == summary["student"]["spearman"]
    metrics = [pd.read_csv(r / "metrics.csv").drop(columns="seconds") for r in (run, whole_run)]
    pd.testing.assert_frame_equal(*metrics)
    assert {p.name for p in run.iterdir()} == {p.name for p in whole_run.iterdir()}


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(ratio=0), "above 0 and at most 1"),
        (dict(ratio=1.5), "above 0 and at most 1"),
        (dict(ratio="abc"), "'abc'"),
        (dict(dataset="dive"), "dives"),
        (dict(root="/nowhere/at/all"), "/nowhere/at/all"),
        (dict(n_segments=10**8), "needs at least .* n_segments=100000000"),
    ],
)
def test_wrong_parameters_are_refused(train, tiny, tmp_path, wrong, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train(**{**tiny, **wrong}, out_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists(), "a refused run leaves no folder"


def test_lost_tag_is_refused(tiny, tmp_path):
    notebook = json.loads(NOTEBOOK.read_text())
    for cell in notebook["cells"]:
        cell["metadata"].pop("tags", None)
    stripped = tmp_path / "stripped.ipynb"
    stripped.write_text(json.dumps(notebook))
    command = [
        str(stripped) if part == str(NOTEBOOK) else part
        for part in papermill_command(tmp_path / "out.ipynb", **tiny)
    ]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    assert done.returncode != 0 and "lost its papermill tag" in done.stderr


@pytest.mark.xdist_group("whole")
def test_killed_run_resumes_to_the_same_result(started, train, long, whole_run, tmp_path):
    killed = tmp_path / "killed"
    process = started("train.ipynb", {("semi_supervised", 3): "kill"}, **long, out_dir=killed)
    process.join()
    assert process.exitcode == -signal.SIGKILL and epochs_done(killed / "pseudo_labels.parquet") == 3
    assert not (killed / "summary.json").exists()
    train(**long, out_dir=killed, resume=True)
    assert_same_run(killed, whole_run)


def test_command_says_what_is_wrong(papermill_cli, tiny, tmp_path):
    done = papermill_cli(**tiny, ration=0.2, out_dir=tmp_path / "run")
    assert done.returncode != 0 and "did you mean 'ratio'" in done.stderr, done.stderr[-1500:]


def test_end_to_end(train, small_dives, tmp_path, summary):
    """The backbone trained with the rest: its weights move, and the saved student answers as the run did."""
    run = tmp_path / "run"
    train(
        dataset="dives",
        root=small_dives,
        finetune=True,
        ratio=0.3,
        frame_height=48,
        frame_width=48,
        crop=32,
        epochs=1,
        burn_in_epochs=1,
        batch_size=2,
        unlabelled_per_labelled=1,
        eval_batch_size=4,
        accumulate=2,
        cache_dir=tmp_path / "cache",
        out_dir=run,
        device="cpu",
    )
    assert len(pd.read_parquet(run / "pseudo_labels.parquet")) == summary(run)["unlabelled"]

    import torch

    from trs_lab.runs.configure import load_config
    from trs_lab.runs.prepare import load_clips, make_views
    from trs_lab.runs.student import load_student
    from trs_lab.learn.device import make_accelerator

    config = load_config(run / "config.json")
    data = make_views(config, load_clips(config)[0], make_accelerator(config))
    before = {k: v.clone() for k, v in data.encoder.state_dict().items()}
    student = load_student(run, data.encoder)
    after = student.network.encoder.state_dict()
    moved = [k for k in before if not torch.equal(before[k], after[k])]
    assert moved and not any("running" in k for k in moved), "weights move, BatchNorm statistics are frozen"
    scores, _ = student.predict(data.views.clean(torch.arange(4)))
    predictions = pd.read_csv(run / "predictions.csv")
    assert abs(scores - predictions.predicted[:4]).max() < 1e-2


CHANGES = {
    "scores times ten": (lambda t: t.assign(score=t.score * 10), "score .* there, .* here"),
    "a clip fewer": (lambda t: t[t.clip_id != "c07"], "c07 is missing"),
}


@pytest.fixture(scope="module")
def begun(feature_folder, tmp_path_factory):
    """A data set of its own, and a short run of it that was trained half way."""
    from trs_lab.runs.configure import make_config
    from trs_lab.runs.train_run import train_run

    root = tmp_path_factory.mktemp("begun")
    shutil.copytree(feature_folder, root / "clips")
    parameters = dict(
        dataset="folder",
        root=str(root / "clips"),
        backbone="none",
        ratio=0.2,
        burn_in_epochs=1,
        schedule="constant",
        device="cpu",
        compare_supervised=False,
        out_dir=str(root / "run"),
    )
    train_run(make_config(**parameters, epochs=2), threads=1)
    return root, dict(parameters, epochs=3, resume=True)


@pytest.mark.parametrize("change", CHANGES)
def test_resume_with_other_clips_is_refused(train, begun, change):
    """Memories, history and networks are of the clips that the run was begun with."""
    root, parameters = begun
    table = root / "clips" / "clips.csv"
    original, before = table.read_text(), (root / "run" / "checkpoint.pt").read_bytes()
    alter, said = CHANGES[change]
    try:
        alter(pd.read_csv(table)).to_csv(table, index=False)
        with pytest.raises(ValueError, match=said):
            train(**parameters)
    finally:
        table.write_text(original)
    assert (root / "run" / "checkpoint.pt").read_bytes() == before


def test_resume_with_another_file_of_features_is_refused(train, begun):
    root, parameters = begun
    file = root / "clips" / "features" / "c09.npy"
    original = file.read_bytes()
    try:
        file.write_bytes((file.parent / "c10.npy").read_bytes())
        with pytest.raises(ValueError, match="the file of c09 has changed"):
            train(**parameters)
    finally:
        file.write_bytes(original)


def test_same_data_elsewhere_is_resumed(train, begun, tmp_path):
    """What counts is what the clips are, not where they lie, nor the order of the lines in clips.csv."""
    root, parameters = begun
    shutil.copytree(root, tmp_path / "moved")
    moved = tmp_path / "moved"
    table = moved / "clips" / "clips.csv"
    pd.read_csv(table).sort_values("score").to_csv(table, index=False)
    train(**{**parameters, "root": moved / "clips", "out_dir": moved / "run"})
    assert pd.read_parquet(moved / "run" / "pseudo_labels.parquet").epoch.max() == 2


TESTS = {  # scores of the test clips -> why there is no correlation
    (): "no test clip was judged",
    (60.0,): "a correlation needs at least 3 clips, got 1",
    (60.0, 60.0, 60.0, 60.0): "all judged scores are equal",
}


def test_a_test_that_says_nothing_is_said_to_be_undefined(feature_folder, tmp_path, summary, capfd):
    """Of the notebook with its pictures: a finished run never fails for one, and each says why it has no number."""
    table = pd.read_csv(feature_folder / "clips.csv")
    for i, (scores, why) in enumerate(TESTS.items()):
        root, run = tmp_path / f"clips{i}", tmp_path / f"run{i}"
        root.mkdir()
        (root / "features").symlink_to(feature_folder / "features")
        test = table[table.split == "test"].head(len(scores)).assign(score=scores)
        pd.concat([table[table.split == "train"].head(20), test]).to_csv(root / "clips.csv", index=False)
        how = dict(dataset="folder", backbone="none", method="ridge", ratio=0.5, device="cpu")
        outputs = run_cells("train.ipynb", **how, root=str(root), out_dir=str(run))
        said = "".join("".join(o.get("text", "")) for o in outputs) + capfd.readouterr().out
        found = summary(run)
        assert found["undefined"] == f"undefined, because {why}"
        assert f"Spearman undefined, because {why}" in said and "could not be drawn" not in said
        drawn = {p.stem for p in (run / "figures").glob("*.png")}
        assert (found["student"] is None) != ({"comparison", "predictions", "calibration"} <= drawn)
    report = run_cells("report.ipynb", runs=str(run), out_dir=str(tmp_path / "report"))
    assert "so there are no curves" in "".join(str(output) for output in report)
    assert (tmp_path / "report" / "report.md").exists()


def test_more_epochs_of_a_cosine_schedule_are_refused(train, tiny, tmp_path):
    """The learning rate of the epochs that are done would have been another."""
    short = dict(tiny, ratio=0.2, epochs=1, burn_in_epochs=1, schedule="cosine", out_dir=tmp_path / "run")
    train(**short)
    with pytest.raises(ValueError, match="epochs .1 there, 2 here., by which schedule='cosine' goes"):
        train(**{**short, "epochs": 2}, resume=True)
