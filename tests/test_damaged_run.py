"""A finished run of which one file is missing, cut off or foreign: what opens it says which, and the rest works."""

import json
import shutil
import warnings

import pytest
from fuzz import EXAMPLES, as_json, damaged, exchanged, look
from hypothesis import strategies as st
from own_errors import is_own

from trs_lab.inspect.monitor import read_curves
from trs_lab.results.opened_run import RunData
from trs_lab.results.rows import read_runs
from trs_lab.results.run_folder import Unavailable
from trs_lab.runs.configure import make_config
from trs_lab.runs.folder import check_resumable, resume_learner
from trs_lab.runs.student import load_student
from trs_lab.runs.launch import train_branches
from trs_lab.runs.manifest import make_manifest
from trs_lab.runs.train_run import TrainingRun, as_in_a_fresh_process, train_run

SMALL = dict(
    dataset="folder",
    backbone="none",
    ratio=0.2,
    epochs=2,
    burn_in_epochs=1,
    mixer_depth=1,
    device="cpu",
    figures=False,
    compare_supervised=False,
)
DAMAGE = {
    "missing": None,
    "cut at a third": lambda old: old[: len(old) // 3],
    "a list": lambda old: b"[1, 2]\n",
    "another object": lambda old: b'{"version": 1, "colour": 3}\n',
    "a picture": lambda old: b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
}
FILES = (
    "config.json run.json metrics.csv pseudo_labels.parquet predictions.csv summary.json model.json".split()
)
FILES += "model.safetensors checkpoint.pt progress.json decisions.json".split()


@pytest.fixture(scope="module")
def finished(feature_folder, tmp_path_factory):
    """A run, and a fresh learner of the same that could be resumed."""
    home = tmp_path_factory.mktemp("finished")
    config = make_config(
        **SMALL, root=str(feature_folder), out_dir=str(home / "run"), cache_dir=str(home / "cache")
    )
    train_run(config, threads=1)
    data = RunData.load(home / "run")
    data.decisions.reject(data.arrays.clip_ids[0])
    with as_in_a_fresh_process(1):
        job = TrainingRun(
            make_config(**{**SMALL, "out_dir": str(home / "again"), "root": str(feature_folder)})
        )
        job.open_clips()
        job.make_views()
        job.accelerator.print = lambda *a: None
        fresh, _ = train_branches(job.config, job.run, job.data, job.hidden, job.accelerator, job.control)
        job.close()
    manifest = make_manifest(config, job.visible, job.hidden)
    return home / "run", config, manifest, fresh


def uses(run, config, manifest, learner):
    """What people do with a run; each may refuse."""
    opened = {}

    def open_run():
        opened["run"] = RunData.load(run)
        return opened["run"].problems

    def of_opened(use):
        return lambda: use(opened["run"]) if "run" in opened else None

    first = lambda data: data.arrays.clip_ids[0] if len(data.arrays.clip_ids) else data.table.clip_id[0]
    return dict(
        open=open_run,
        history=of_opened(lambda d: d.history),
        features=of_opened(lambda d: d.features(first(d))),
        exemplars=of_opened(lambda d: d.exemplars(first(d), 2)),
        decisions=of_opened(lambda d: d.decisions.log()),
        report=lambda: read_runs([run]).left_out.reason.tolist(),
        curves=lambda: read_curves(run, config.burn_in_epochs),
        student=lambda: load_student(run),
        compare=lambda: check_resumable(run, config, manifest),
        resume=lambda: resume_learner(learner, run),
    )


def everything_said(run, *others):
    """(sentences, uses that went well); AssertionError for a raw error."""
    said, well = [], set()
    for name, use in uses(run, *others).items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = use()
            said += found if name in ("open", "report") else []
            well.add(name)
        except Exception as e:
            assert is_own(e) or isinstance(e, Unavailable), f"{name}: {type(e).__name__}: {e}"
            said.append(str(e))
    return said, well


# What still works when the file is damaged: nothing that does not read it is lost.
NEEDS = {
    "config.json": {"open", "overview", "history", "report", "compare"},
    "run.json": {"compare", "features", "exemplars", "suggest"},
    "metrics.csv": {"curves"},
    "pseudo_labels.parquet": {"resume", "suggest", "features", "exemplars"},
    "predictions.csv": {"report"},
    "summary.json": {"report"},
    "model.json": {"student"},
    "model.safetensors": {"student"},
    "checkpoint.pt": {"exemplars", "resume"},
    "progress.json": set(),
    "decisions.json": {"decisions", "suggest"},
}


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the run, which may be damaged; it has every file that is asked about."""
    copy = tmp_path / "run"
    shutil.copytree(finished[0], copy)
    assert not [name for name in FILES if not (copy / name).exists()]
    return copy


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_and_the_rest_works(name, finished, copy):
    _, *others = finished
    before, content = everything_said(copy, *others), (copy / name).read_bytes()
    assert not before[0] and len(before[1]) == 10, before
    for what, damage in DAMAGE.items():
        if damage is None:
            (copy / name).unlink()
        else:
            (copy / name).write_bytes(damage(content))
        said, well = everything_said(copy, *others)
        lost = before[1] - well
        assert lost <= NEEDS[name] or name == "config.json", (
            f"{what}: {lost - NEEDS[name]} failed, too: {said}"
        )
        if lost:
            assert any(name in s or "not finished" in s for s in said), f"{what}: nobody names it: {said}"


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_run_that_holds_anything_is_read_or_refused_in_words(name, finished, copy):
    _, *others = finished
    content = (copy / name).read_bytes()
    values = exchanged(json.loads(content)).map(as_json) if name.endswith(".json") else st.nothing()

    def use(changed):
        (copy / name).write_bytes(changed)
        everything_said(copy, *others)

    look(name, damaged(content) | values, use, EXAMPLES // 10, refuses=False)
