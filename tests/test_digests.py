"""A few small runs come to the figures they always did. `python tests/digests.py FOLDER --renew` writes new ones."""

import json

import digests
import pytest
from films import rendered


@pytest.fixture(scope="module")
def found(process, tmp_path_factory, kept):
    """name -> figures, of runs made now."""
    from trs_lab.dives.dataset import make_dives

    folder = tmp_path_factory.mktemp("kept")
    rendered(kept, make_dives, folder / "dives", 24, seed=11, size=(48, 48), progress=False)
    child = process(target=digests.write_kept, args=(folder, folder / "kept.json"))
    child.start()
    child.join()
    assert child.exitcode == 0
    return json.loads((folder / "kept.json").read_text())


@pytest.fixture(scope="module")
def known():
    return json.loads(digests.KNOWN.read_text())


@pytest.mark.xdist_group("digests")
@pytest.mark.parametrize("name", digests.KEPT)
def test_a_run_comes_to_the_figures_it_always_came_to(name, found, known):
    assert "failed" not in found[name], found[name]
    assert digests.differences(found[name], known[name]) == []


@pytest.mark.xdist_group("digests")
def test_another_learning_rate_would_be_noticed(found, known):
    """By every kind of figure: two per cent are more than rounding."""
    said = digests.differences(found["trs, another rate"], known["trs-features"])
    assert {line.split(":")[0] for line in said} >= {
        "weights",
        "mae",
        "predicted",
        "pseudo_label",
        "sigma",
    }, said


def test_differences_are_of_figures_not_of_rounding():
    known = dict(mae=5.0, weights={"a": 1.0}, predicted=[1.0, 2.0])
    assert digests.differences(dict(known, mae=5.001), known) == []
    assert len(digests.differences(dict(known, mae=5.01), known)) == 1
    assert len(digests.differences(dict(known, mae=float("nan")), known)) == 1
    assert len(digests.differences(dict(known, predicted=[1.0]), known)) == 1
    assert len(digests.differences(dict(known, weights={"b": 1.0}), known)) == 2
    assert len(digests.differences(dict(failed="ConfigError"), known)) == 4
