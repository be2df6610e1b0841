"""nbs/docs/how_do_i.md is true: its blocks are run as they stand, from top to bottom, in a folder of films."""

import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from measure import ROOT

from trs_lab.core.parameters import ConfigError

PAGE = (ROOT / "nbs" / "docs" / "how_do_i.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.M | re.S)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [line for language, text in BLOCKS if not language for line in text.splitlines()]
PEOPLE = ("anna", "ben", "carla")


def make_raw(folder):
    """Twelve small films of a square that moves, more or less, and what they are worth; three are for testing."""
    from trs_lab.dives.dataset import write_mp4

    rng, marks = np.random.default_rng(0), {}
    (folder / "raw").mkdir()
    for i in range(12):
        ground = np.kron(rng.integers(0, 90, (4, 4)), np.ones((12, 12)))
        film = np.repeat(ground[None, ..., None], 20, 0).repeat(3, -1)
        for t in range(20):
            at = 18 + round(i * np.sin(t))
            film[t, at : at + 8, 20:28] = 220
        write_mp4(folder / "raw" / f"film_{i}.mp4", film.astype(np.uint8), preset="veryfast")
        marks[f"film_{i}"] = dict(mark=9 - i / 2, who=PEOPLE[i % 3], part="test" if i > 8 else "train")
    (folder / "raw" / "marks.json").write_text(json.dumps(marks))


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """What stands in Python after somebody has followed the page, and the folder where it was done."""
    folder, names = tmp_path_factory.mktemp("how_do_i"), dict(runs=[])
    make_raw(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr("trs_lab.runs.prepare.project_root", lambda: folder)  # no cache in the clone
        for text in PYTHON:
            name = re.match(r"# file: (\w+\.py)\n", text)
            if name:
                (folder / name[1]).write_text(text)
            else:
                exec(compile(text, "how_do_i.md", "exec"), names)
            names["runs"].append(names.get("run"))
        yield names, folder


def runs_of(names):
    return {run.run.name: run for run in names["runs"] if run is not None}


def test_a_new_data_set(followed):
    run = runs_of(followed[0])["first"]
    assert len(run.labelled()) == 9 and run.score_range == (0, 10)
    assert set(run.table.user) == set(PEOPLE)
    assert run.summary["student"]["n"] == 3


def test_a_new_backbone(followed):
    names, _ = followed
    run, scores = runs_of(names)["quarters"], names["scores"].set_index("clip_id").score
    assert run.features("film_1").shape == (10, 24)
    expected = run.predictions.set_index("clip_id").predicted
    np.testing.assert_allclose(scores[expected.index], expected, atol=1e-3)


def test_a_backbone_that_changed_is_refused(followed):
    import my_net
    from trs_lab import Scorer

    text = Path(my_net.__file__).read_text()
    try:
        Path(my_net.__file__).write_text(text + "# another version of it\n")
        importlib.reload(my_net)
        with pytest.raises(ConfigError, match="my_net:Quarters has other weights than in training"):
            Scorer.from_run("runs/quarters")
    finally:
        Path(my_net.__file__).write_text(text)
        importlib.reload(my_net)


def test_a_run_makes_nobody_import_its_backbone(followed, monkeypatch):
    """As in a process that has neither typed its name nor imported it."""
    from trs_lab import Scorer

    monkeypatch.setattr("trs_lab.core.own_code._TRUSTED", set())
    monkeypatch.delitem(sys.modules, "my_net")
    with pytest.raises(ConfigError, match="trust_code=True, or import it yourself"):
        Scorer.from_run("runs/quarters")
    assert "my_net" not in sys.modules
    trusted = Scorer.from_run("runs/quarters", trust_code=True)
    assert len(trusted.score("raw/film_1.mp4", progress=False)) == 1 and "my_net" in sys.modules


def test_a_new_method(followed):
    run = runs_of(followed[0])["pi"]
    metrics = (run.run / "metrics.csv").read_text()
    assert run.config.method == "my_method:Pi" and "loss_unlabelled" in metrics


def test_a_method_that_changed_is_not_resumed(followed):
    import my_method
    from trs_lab.runs.folder import check_resumable
    from trs_lab.runs.manifest import make_manifest
    from trs_lab.runs.prepare import load_clips

    run = runs_of(followed[0])["pi"]
    today = lambda: make_manifest(run.config, *load_clips(run.config))
    check_resumable(run.run, run.config, today())
    text = Path(my_method.__file__).read_text()
    try:
        Path(my_method.__file__).write_text(text + "# another version of it\n")
        with pytest.raises(ConfigError, match="the code of method my_method:Pi has changed"):
            check_resumable(run.run, run.config, today())
    finally:
        Path(my_method.__file__).write_text(text)
    check_resumable(run.run, run.config, today())


def test_a_new_widget(followed):
    inspector = followed[0]["inspector"]
    (part,) = [child for child in inspector.widget.children if type(child).__name__ == "Performer"]
    for clip_id in inspector.data.overview().index[:3]:
        inspector.current = clip_id
        assert inspector.data.row(clip_id)["user"] in part.text.value
    assert re.search(r"[1-9] labelled clips", part.text.value)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page_are_accepted(command, followed):
    from trs_lab.runs.command import programs
    from trs_lab.runs.configure import make_config

    words = shlex.split(command)
    assert words[0] == "trs_lab" and words[1] in programs()
    given = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word == "-p"}
    numbers = {k: float(v) for k, v in given.items() if re.fullmatch(r"[\d.]+", v)}
    config = make_config(**{"dataset": "folder"} | given | numbers)
    assert config.root == "my_set"
