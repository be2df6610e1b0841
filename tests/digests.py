"""Small runs of everything that trains, and digests of what they leave behind: a net under a redesign.

    python tests/digests.py FOLDER                         make the data, run the whole list, print a line a run
    python tests/digests.py FOLDER --compare OTHER.json    and say which digests differ from an earlier list
    python tests/digests.py FOLDER --only trs svr          some of the runs
    python tests/digests.py FOLDER --kept                  the few that test_digests.py keeps, as figures: kept.json
    python tests/digests.py FOLDER --renew                 the same, written to tests/digests.json

Digests are of this machine: another processor or another release of torch rounds differently. The kept runs are
compared by figures with a tolerance instead.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from cells import run_cells
from safetensors.torch import load_file

ROOT = Path(__file__).resolve().parent.parent
METHODS = (
    "supervised trs trs_gp pseudo_label mean_teacher vat s4l usdl musdl core svr coreg rankup ucvme hpl tpt "
    "c3d_avg c3d_avg_mtl".split()
)
KNOWN = ROOT / "tests" / "digests.json"
KEPT = ("trs-features", "trs_gp-features", "svr-features", "vat-eps")
RATE = 0.002  # of the kept runs: in three epochs they shall learn something
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def make_features(root, n=80, test=20):
    """A `folder` data set of segment features whose first dimension carries the score; two groups."""
    (root / "features").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    lines = ["clip_id,score,split,group"]
    for i in range(n):
        score = rng.normal(60, 10)
        x = rng.normal(size=(10, 12)).astype(np.float32)
        x[:, 0] += (score - 60) / 10
        np.save(root / "features" / f"c{i:02d}.npy", x)
        lines.append(f"c{i:02d},{score:.3f},{'train' if i < n - test else 'test'},{'ab'[i % 2]}")
    (root / "clips.csv").write_text("\n".join(lines) + "\n")


def make_data(folder):
    """Made once."""
    if not (folder / "features" / "clips.csv").exists():
        make_features(folder / "features")
    if not (folder / "dives").exists():
        make = "import sys; from trs_lab.dives.dataset import make_dives; "
        make += "make_dives(sys.argv[1], 24, seed=11, size=(48, 48), progress=False)"
        subprocess.run([sys.executable, "-c", make, str(folder / "dives")], check=True, env=ENVIRONMENT)
    decided = [
        dict(clip_id="c03", decision="correct", score=71.5),
        dict(clip_id="c11", decision="reject", score=None),
        dict(clip_id="c20", decision="accept", score=55.0),
    ]
    entries = [
        dict(d, id=f"{i:012d}", note="", time="2026-01-01T00:00:00+00:00", previous=None, undone=None)
        for i, d in enumerate(decided)
    ]
    (folder / "decisions.json").write_text(json.dumps(dict(entries=entries)) + "\n")


def runs(folder):
    """name -> parameters of train.ipynb; a list of them is one run that is taken up again."""
    short = dict(epochs=3, burn_in_epochs=3, device="cpu", figures=False, cache_dir=folder / "cache")
    features = dict(short, dataset="folder", root=folder / "features", backbone="none", ratio=0.2)
    dives = dict(
        short,
        dataset="dives",
        root=folder / "dives",
        ratio=0.4,
        frame_height=48,
        frame_width=48,
        crop=32,
        n_weak=2,
        n_strong=1,
    )
    pixels = dict(
        dives,
        finetune=True,
        batch_size=2,
        unlabelled_per_labelled=1,
        eval_batch_size=4,
        epochs=1,
        burn_in_epochs=1,
    )
    listed = {
        name: dict(dives, method=name, burn_in_epochs=0 if name in ("svr", "coreg") else 3)
        for name in METHODS
    }
    listed |= {
        f"{name}-features": dict(features, method=name) for name in ("trs", "trs_gp", "core", "usdl", "svr")
    }
    listed |= {
        "vat-eps": dict(features, method="vat", eps=2.0),
        "decisions": dict(features, decisions=folder / "decisions.json"),
        "validation": dict(
            features, ratio=0.5, validation=0.25, selection="validation", compare_supervised=False
        ),
        "several views": dict(dives, pseudo_views=3, n_strong=0),
        "motion": dict(dives, motion=True),
        "denoise": dict(dives, denoise=True, compare_supervised=False),
        "difficulty": dict(dives, use_difficulty=True),
        "recovery and ranking": dict(features, recover_epochs=2, ranking_weight=0.5, labelled_view="strong"),
        "paper's rules": dict(
            features,
            memory_rule="best",
            fusion="most_confident",
            pseudo_loss="mse",
            exemplar_choice="nearest",
            use_memory=True,
        ),
        "no teacher": dict(features, use_teacher=False, use_strong=False),
        "steps": dict(features, burn_in_steps=60, components=6, schedule="constant"),
        "end to end": dict(pixels, accumulate=2, pseudo_views=1),
        "two processes": dict(features, num_processes=2, dropout=0),
        "resumed": [
            dict(features, schedule="constant", epochs=2),
            dict(features, schedule="constant", epochs=4, resume=True),
        ],
    }
    return listed


def digest(values):
    return hashlib.sha256(values if isinstance(values, bytes) else values.encode()).hexdigest()[:12]


def tables(run):
    """(history, predictions, metrics) without what differs from one call to the next."""
    history = pd.read_parquet(run / "pseudo_labels.parquet")
    metrics = pd.read_csv(run / "metrics.csv").drop(columns=["seconds", "stage"], errors="ignore")
    return history, pd.read_csv(run / "predictions.csv"), metrics


def digests_of(run):
    """Digests of weights, history, predictions and metrics, and two figures for a reader."""
    weights = load_file(run / "model.safetensors")
    history, predictions, metrics = tables(run)
    scored = predictions[predictions.role == "test"]
    return dict(
        weights=digest(b"".join(k.encode() + weights[k].numpy().tobytes() for k in sorted(weights))),
        history=digest(history[sorted(history)].to_csv()),
        predictions=digest(predictions.to_csv()),
        metrics=digest(metrics[sorted(metrics)].to_csv()),
        mae=round(float((scored.score - scored.predicted).abs().mean()), 6),
        weight_sum=round(float(sum(w.double().abs().sum() for w in weights.values())), 5),
    )


def figures_of(run):
    """What another machine would get too, but for rounding: figures of the weights, of each epoch and of the end.

    Scores are taken from their mean, beside which a change of a few hundredths of a point would look like rounding.
    """
    weights = load_file(run / "model.safetensors")
    history, predictions, _ = tables(run)
    scored = predictions[predictions.role == "test"]
    spread = history.groupby("epoch")[["pseudo_label", "student_mean"]].std()
    return dict(
        weights={k: float(w.double().abs().sum()) for k, w in sorted(weights.items())},
        mae=float((scored.score - scored.predicted).abs().mean()),
        mean=float(scored.predicted.mean()),
        predicted=(scored.predicted - scored.predicted.mean()).tolist(),
        sigma=float(scored.sigma.mean()),
        **{name: values.dropna().tolist() for name, values in spread.items()},
    )


def kept_figures(folder):
    """name -> figures of the kept runs, and of one with another learning rate, which must not look the same."""
    listed = {name: dict(p, lr=RATE) for name, p in runs(folder).items() if name in KEPT}
    listed["trs, another rate"] = dict(listed["trs-features"], lr=RATE * 1.02)
    found = {}
    for name, parameters in listed.items():
        run = folder / "kept" / name.replace(" ", "_")
        plain = {k: str(v) if isinstance(v, Path) else v for k, v in parameters.items()}
        try:
            run_cells("train.ipynb", **plain, out_dir=str(run))
            found[name] = figures_of(run)
        except Exception as e:
            found[name] = dict(failed=f"{type(e).__name__}: {e}")
    return found


def papermill(notebook, output, **parameters):
    flags = [str(part) for name, value in parameters.items() for part in ("-p", name, value)]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "papermill",
            "--no-progress-bar",
            str(ROOT / "nbs" / notebook),
            str(output),
            *flags,
        ],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(f"{output}: {done.stderr[-2000:]}")


def make_run(folder, name, attempts):
    run = folder / "runs" / name.replace(" ", "_").replace("'", "")
    run.mkdir(parents=True, exist_ok=True)
    for parameters in attempts if isinstance(attempts, list) else [attempts]:
        papermill("train.ipynb", run / "train.ipynb", **parameters, out_dir=run)
    return digests_of(run)


def make_sweep(folder):
    """Four runs of a sweep, and the rows of its report."""
    sweep, report = folder / "runs" / "sweep", folder / "runs" / "report"
    report.mkdir(parents=True, exist_ok=True)
    papermill(
        "sweep.ipynb",
        folder / "runs" / "sweep.ipynb",
        dataset="folder",
        root=folder / "features",
        methods="supervised trs",
        ratios="0.2 0.4",
        seeds=1,
        folder=sweep,
        jobs=1,
        given=f"backbone=none, epochs=2, burn_in_epochs=2, device=cpu, cache_dir='{folder / 'cache'}'",
    )
    papermill(
        "report.ipynb", report / "report.ipynb", runs=sweep, out_dir=report, page=report / "page", n_boot=200
    )
    rows = pd.read_csv(report / "page" / "rows.csv", dtype=str).drop(
        columns=["digest", "seconds", "settings"]
    )
    return dict(rows=digest(rows.to_csv()), n=len(rows), spearman=rows.spearman.astype(float).sum().round(5))


def differences(found, known, relative=1e-3, small=5e-4):
    """Names of the figures that differ by more than rounding, with both of them."""
    said = []
    for name in sorted(found.keys() | known.keys()):
        ours, theirs = found.get(name), known.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            said += [f"{name}: {line}" for line in differences(ours, theirs, relative, small)]
        elif type(ours) is not type(theirs) or isinstance(ours, str) or np.shape(ours) != np.shape(theirs):
            said += [f"{name}: {ours} instead of {theirs}"] if ours != theirs else []
        elif not np.allclose(ours, theirs, rtol=relative, atol=small):
            said.append(f"{name}: {ours} instead of {theirs}")
    return said


def write_kept(folder, path):
    if not (folder / "features").exists():
        make_features(folder / "features")
    os.environ.pop("IN_TEST", None)
    os.chdir(folder)
    found = kept_figures(folder)
    if path == KNOWN:
        found = {name: found[name] for name in KEPT}
    path.write_text(json.dumps(found, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--compare", type=Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--renew", action="store_true")
    args = parser.parse_args()
    folder = args.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if args.kept or args.renew:
        return write_kept(folder, KNOWN if args.renew else folder / "kept.json")
    make_data(folder)
    jobs = {name: lambda name=name, p=p: make_run(folder, name, p) for name, p in runs(folder).items()} | {
        "sweep and report": lambda: make_sweep(folder)
    }
    jobs = {n: j for n, j in jobs.items() if not args.only or n in args.only}
    found, failed = {}, []
    with ThreadPoolExecutor(args.jobs) as pool:
        for name, future in [(n, pool.submit(j)) for n, j in jobs.items()]:
            try:
                found[name] = future.result()
                print(f"{name:22}", *(f"{k} {v}" for k, v in found[name].items()), flush=True)
            except Exception as e:
                failed.append(name)
                print(f"{name:22} FAILED {e}", flush=True)
    (folder / "digests.json").write_text(json.dumps(found, indent=1) + "\n")
    if args.compare:
        known = json.loads(args.compare.read_text())
        for name in found:
            same = lambda a, b: a == b or (a != a and b != b)  # CoRe has no exemplars before it is asked: NaN
            differing = [k for k in found[name] if not same(known.get(name, {}).get(k), found[name][k])]
            if differing:
                print(f"{name}: differs in {', '.join(differing)}")
                failed.append(name)
        print(f"{len(found) - len(set(failed) & set(found))} of {len(found)} runs have the same digests")
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
