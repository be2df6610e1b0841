"""Wrong inputs, each by name: the refusal is ours, and names the file, the field and what was expected."""

import json
import pickle
import struct

import numpy as np
import pandas as pd
import pytest
import torch
from own_errors import said_by
from safetensors.torch import save_file

from trs_lab.data.archives import read_archive
from trs_lab.data.decisions import apply_decisions, read_entries
from trs_lab.data.poses import check_pose
from trs_lab.data.ratings import read_rating_file
from trs_lab.data.readers import read_clips
from trs_lab.data.video import read_clip
from trs_lab.features.backbone import load_i3d
from trs_lab.results.reports import read_goals
from trs_lab.runs.configure import load_config, make_config
from trs_lab.runs.student import load_student
from trs_lab.runs.manifest import read_manifest
from trs_lab.runs.plans import plan_runs, read_plan
from trs_lab.score.intervals import read_left_out
from trs_lab.score.share import read_shared
from trs_lab.score.videos import read_known

CASES = []


def case(case_id, make, *words, **given):
    CASES.append(pytest.param(make, given, words, id=case_id))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- clips.csv --------------------------------------------------------------------------------------------------------

LINES = ["clip_id,score,split", "a,1.5,train", "b,2.5,train", "c,3,test"]


def folder(root, lines=LINES, features={}, files={}, raw=None, **options):
    """A folder of one's own with three clips; features and files are laid over the sound ones."""
    for name in "abc":
        np_file = root / "features" / f"{name}.npy"
        np_file.parent.mkdir(exist_ok=True)
        content = features.get(name, np.ones((4, 3), np.float32))
        np_file.write_bytes(content) if isinstance(content, bytes) else np.save(np_file, content)
    write(root / "clips.csv", raw if raw is not None else "\n".join(lines) + "\n")
    for name, content in files.items():
        write(root / name, content)
    return read_clips("folder", root, **options)


def csv(name, change, *words):
    """LINES with some exchanged: {number of the line: text}."""
    case(f"csv-{name}", folder, "clips.csv", *words, lines=[change.get(i, x) for i, x in enumerate(LINES, 1)])


csv("no_clip_id", {1: "clip,score,split"}, "clip_id", "expected")
csv("no_score", {1: "clip_id,mark,split"}, "missing column score", "target")
csv("unknown_column", {1: "clip_id,score,part"}, "'part'", "split")
csv("column_twice", {1: "clip_id,score,split,score"}, "'score'", "once")
csv("misspelt_column", {1: "clip_id,score,split,usr", 2: "a,1,train,x"}, "'usr'", "user")
csv("quotation_mark", {2: 'a,1.5,"train'}, "line 2", "a quotation mark is opened here and never closed")
csv("quotation_mark_of_two", {2: 'a,1.5,"train', 4: 'c,3,"test"'}, "line 2", "behind the next one (line 4)")
csv("quotation_marks_apart", {2: 'a,1.5,"train', 3: 'b,2.5,train"'}, "line 2", "looks like one of its own")
csv("too_many_cells", {2: "a,1.5,train,x"}, "line 2", "4 cells, expected 3")
csv("too_few_cells", {3: "b,2.5"}, "line 3", "2 cells, expected 3")
csv("empty_name", {2: ",1.5,train"}, "line 2", "'clip_id'", "expected a name")
csv("slash_in_name", {2: "../a,1.5,train"}, "line 2", "'../a'", "without slashes")
csv("backslash_in_name", {2: "x\\a,1.5,train"}, "line 2", "without slashes")
csv("dot_name", {2: "..,1.5,train"}, "line 2", "'..'")
csv("name_twice", {3: "a,2.5,train"}, "line 3", "'a' was there before (line 2)")
csv("split_unknown", {2: "a,1.5,validation"}, "line 2", "'split'", "expected train or test")
csv("split_in_capitals", {2: "a,1.5,Train"}, "line 2", "'Train'", "train or test")
csv("word_for_score", {2: "a,good,train"}, "line 2", "'score'", "'good'", "expected a number")
csv("decimal_comma", {2: 'a,"1,5",train'}, "line 2", "7.5 for 7,5")
csv("thousands_comma", {2: 'a,"1,000",train'}, "line 2", "1000 for 1,000")
csv("underscore", {2: "a,1_5,train"}, "line 2", "'1_5'")
csv("hexadecimal", {2: "a,0x10,train"}, "'0x10'")
csv("arabic_digits", {2: "a,١٢,train"}, "'١٢'")
csv("too_large", {2: "a,1e999,train"}, "'1e999'")
csv("beyond_float32", {2: "a,1e39,train"}, "'a'", "1e+39", "finite number of float32")
csv("infinite", {2: "a,inf,train"}, "'inf'")
csv("nan_as_word", {2: "a,nan,train"}, "'nan'", "nothing where it is not known")
csv(
    "difficulty_word",
    {1: "clip_id,score,split,difficulty", 2: "a,1,train,x", 3: "b,2,train,1", 4: "c,3,test,1"},
    "'x'",
)
csv(
    "difficulty_zero",
    {1: "clip_id,score,split,difficulty", 2: "a,1,train,0", 3: "b,2,train,1", 4: "c,3,test,1"},
    "'difficulty'",
    "above 0",
)
case(
    "csv-one_labelled", folder, "clips.csv", "1 training clip has a score", "at least 2",
    lines=[*LINES[:2], "b,,train", LINES[3]], files={"score_range.json": "[0, 10]"},
)  # fmt: skip
csv("no_training", {2: "a,1,test", 3: "b,2,test"}, "'score'", "at least 2")
csv("all_scores_equal", {2: "a,3,train", 3: "b,3,train"}, "score")
case("csv-empty", folder, "clips.csv", "missing column", raw=b"")
case("csv-header_only", folder, "clips.csv", lines=LINES[:1])
case("csv-zero_bytes", folder, "clips.csv", "zero bytes", raw=b"clip_id,score,split\na,\0,train\n")
case(
    "csv-latin1",
    folder,
    "clips.csv",
    "line 2",
    "UTF-8",
    raw="clip_id,score,split\né,1,train\n".encode("latin1"),
)
case("csv-utf16_cut", folder, "clips.csv", "UTF-16", raw="\ufeffclip_id,score".encode("utf-16-le") + b"\0")
case("csv-a_picture", folder, "clips.csv", raw=b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
case(
    "csv-endless_cell",
    folder,
    "clips.csv",
    "line",
    raw=b'clip_id,score,split\na,1,"' + b"x" * 200_000 + b"\n",
)
case("csv-no_such_clip", folder, "'d'", "features", lines=[*LINES, "d,3,test"])

# -- what stands beside it ---------------------------------------------------------------------------------------------


def npy(header, data=b""):
    """A file of NumPy whose header says this."""
    header = header.encode() + b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def feature(name, content, *words):
    case(f"npy-{name}", folder, "b.npy", *words, features=dict(b=content))


feature("empty_file", b"", "not a readable .npy")
feature("text", b"1 2 3\n", "not a readable .npy")
feature(
    "cut_in_header", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }")[:30], "not a readable"
)
feature(
    "cut_in_data",
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }", b"\0" * 20),
    "not a readable",
)
feature(
    "shape_of_exabytes",
    npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999), }"),
    "not a",
)
feature("negative_shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-4, 3), }", b"\0" * 48))
feature("header_is_code", npy("__import__('os').getcwd()"), "not a readable")
feature("header_unfinished", npy("{'descr': '<f4', ("), "not a readable")
feature(
    "objects",
    npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1])),
    "not a readable",
)
feature("one_axis", np.ones(4, np.float32), "(4,)", "expected (segments, dim)")
feature("several_crops", np.ones((2, 4, 3), np.float32), "(2, 4, 3)", "save the mean")
feature("no_segment", np.ones((0, 3), np.float32), "(0, 3)", "expected (segments, dim)")
feature("no_dimension", np.ones((4, 0), np.float32), "(4, 0)")
feature("complex", np.ones((4, 3), complex), "complex", "real numbers")
feature("words", np.array([["a", "b", "c"]]), "expected real numbers")
feature("nan", np.full((4, 3), np.nan, np.float32), "NaN", "finite")
feature("infinite", np.full((4, 3), np.inf, np.float32), "infinite")
feature("beyond_float32", np.full((4, 3), 1e300), "too large")
feature("other_width", np.ones((4, 5), np.float32), "5 features per segment, expected 3")
for name, clip_ids, said in (
    ("latin1", ["é".encode("latin1")], "is not UTF-8"),
    ("two_forms", ["\u00e9", "e\u0301"], "is there twice, with its accents in two Unicode forms"),
):
    make = lambda p, clip_ids=clip_ids: (
        np.savez(p / "features.npz", clip_id=np.array(clip_ids), features=np.ones((len(clip_ids), 4, 3))),
        read_archive(p / "features.npz"),
    )
    case(f"npz-{name}", make, "features.npz: clip_id", said)
case("npy-is_npz", folder, "b.npy", features=dict(b=b"PK\x05\x06" + b"\0" * 18))


def given(name, *words, **options):
    case(f"option-{name}", folder, *words, **options)


given("range_one_number", "score_range.json", "[lowest, highest", files={"score_range.json": "[3]"})
given("range_turned", "score_range.json", files={"score_range.json": "[9, 1]"})
given("range_words", "score_range.json", files={"score_range.json": '["a", "b"]'})
given("range_no_json", "score_range.json", files={"score_range.json": "0-10"})
given("range_infinite", "score_range.json", files={"score_range.json": "[0, Infinity]"})
given("range_too_small", "'score'", "within score_range, 0 to 2", files={"score_range.json": "[0, 2]"})
given("range_null", "score_range.json", files={"score_range.json": "null"})
given("range_object", "score_range.json", "expected [lowest", files={"score_range.json": '{"0": 1, "10": 2}'})
given("range_texts", "score_range.json", "expected [lowest", files={"score_range.json": '["0", "10"]'})
given("range_true", "score_range.json", "expected [lowest", files={"score_range.json": "[false, true]"})
given("range_brackets", "score_range.json", "expected [lowest", files={"score_range.json": "[" * 100_000})
given("media", "'pictures'", "features, frames, videos", media="pictures")
given("media_not_there", "videos", media="videos")
given("fold_word", "fold", "first", fold="first")
given("fold_beyond", "fold", fold="random:5/3")
given("fold_of_one", "random:0/1", fold="random:0/1")
given("user_unknown", "'Z'", fold="user:Z")
given("people_unknown", "user", fold="people:0/2")
given("target", "missing column tes", target="tes")
given("option", "no option 'tasc'", tasc="x")
case("root-missing", lambda p: read_clips("folder", p / "away"), "away", "not a folder")
case("root-none", lambda p: read_clips("folder", None), "root is missing")
case("root-file", lambda p: read_clips("folder", write(p / "x.txt", "")), "x.txt", "not a folder")
case("dataset", lambda p: read_clips("foldre", p), "'foldre'", "'folder'")

# -- JIGSAWS -----------------------------------------------------------------------------------------------------------

META = ["Suturing_B001 N 13 2 2 2 2 2 3", "Suturing_B002 N 12 2 2 2 2 2 2", "Suturing_C001 E 18 3 3 3 3 3 3"]


def jigsaws(root, lines=META, raw=None, pickled=None, splits=None, fold="user:C", task="Suturing"):
    write(root / "meta_file_Suturing.txt", raw if raw is not None else "\n".join(lines))
    for name, content in (("label.pkl", pickled), ("splits.pkl", splits)):
        if content is not None:
            write(root / name, content if isinstance(content, bytes) else pickle.dumps(content))
    return read_clips("jigsaws", root, task=task, fold=fold, require_media=False)


def meta(name, line, *words):
    case(f"meta-{name}", jigsaws, "meta_file_Suturing.txt", *words, lines=[META[0], line, META[2]])


meta("too_few", "Suturing_B002 N 12 2 2 2", "line 2", "6 whole numbers")
meta("too_many", META[1] + " 2", "line 2")
meta("word", "Suturing_B002 N 12 2 2 2 2 2 x", "line 2", "whole numbers")
meta("half_point", "Suturing_B002 N 12 2 2 2 2 2 2.5", "line 2", "whole numbers")
meta("negative", "Suturing_B002 N 12 2 2 2 2 2 -2", "line 2")
case("meta-latin1", jigsaws, "meta_file_Suturing.txt", "UTF-8", raw="Suturing_É001 N".encode("latin1"))
LABEL = {line.split()[0]: [int(x) for x in line.split()[3:]] for line in META}
case(
    "label-six_out_of_five",
    jigsaws,
    "label.pkl",
    "Suturing_B001",
    "1 to 5",
    pickled=LABEL | {"Suturing_B001": [6] * 6},
)
case(
    "label-five_ratings",
    jigsaws,
    "label.pkl",
    "Suturing_B001",
    "6 numbers",
    pickled=LABEL | {"Suturing_B001": [1] * 5},
)
case("label-words", jigsaws, "label.pkl", "Suturing_B001", pickled=LABEL | {"Suturing_B001": ["a"] * 6})
case("label-none", jigsaws, "label.pkl", "Suturing_B001", pickled=LABEL | {"Suturing_B001": None})
case("label-number_for_trial", jigsaws, "label.pkl", "expected <Task>", pickled=LABEL | {7: [1] * 6})
case(
    "label-other_name", jigsaws, "label.pkl", "'B001'", "<Task>_<Surgeon>", pickled=LABEL | {"B001": [1] * 6}
)
case("label-a_list", jigsaws, "label.pkl", "expected", pickled=[1, 2])
case("label-empty", jigsaws, "label.pkl", pickled=b"")
case("label-cut_off", jigsaws, "label.pkl", "broken", pickled=pickle.dumps(LABEL)[:40])
case("label-code", jigsaws, "label.pkl", "posix.system", pickled=b"cposix\nsystem\n(S'true'\ntR.")
case(
    "label-a_class",
    jigsaws,
    "label.pkl",
    "Path",
    pickled=pickle.dumps(type(__import__("pathlib").Path("/"))("/")),
)
case("label-declared_huge", jigsaws, "label.pkl", pickled=b"\x80\x04\x8d" + struct.pack("<Q", 2**40))
SPLITS = {"Suturing": [["Suturing_B001"], ["Suturing_B002"], ["Suturing_C001"], []]}
case(
    "splits-three_folds",
    jigsaws,
    "splits.pkl",
    "4 folds",
    fold="1",
    splits={"Suturing": SPLITS["Suturing"][:3]},
)
case(
    "splits-trial_missing",
    jigsaws,
    "splits.pkl",
    fold="1",
    splits={"Suturing": [["Suturing_B001"], [], [], []]},
)
case("splits-other_task", jigsaws, "splits.pkl", "'Suturing'", fold="1", splits={"Knots": []})
case("splits-a_list", jigsaws, "splits.pkl", fold="1", splits=[1, 2])
case("splits-numbers", jigsaws, "splits.pkl", fold="1", splits={"Suturing": [1, 2, 3, 4]})
case("splits-not_there", jigsaws, "splits.pkl", fold="1")
case("jigsaws-task", jigsaws, "'Sewing'", "Suturing", task="Sewing")
case("jigsaws-fold", jigsaws, "fold", fold="9")
case("jigsaws-surgeon", jigsaws, "'Q'", "B, C", fold="user:Q")

# -- MTL-AQA -----------------------------------------------------------------------------------------------------------

NUMBERS = "start_frame end_frame position difficulty armstand rotation_type ss_no tw_no final_score".split()
DIVE = dict(zip(NUMBERS, (0, 103, 0, 2.0, 0, 1, 3, 0, 70.0)))
DIVES = {(1, i): dict(DIVE, final_score=60.0 + i) for i in range(4)}
NAME = "final_annotations_dict.pkl"


def mtl(root, dives=DIVES, train=[(1, 0), (1, 1)], test=[(1, 2)], **options):
    for name, content in ((NAME, dives), ("train_split_0.pkl", train), ("test_split_0.pkl", test)):
        write(root / name, content if isinstance(content, bytes) else pickle.dumps(content))
    return read_clips("mtl_aqa", root, require_media=False, **options)


def dive(name, change, *words):
    case(f"mtl-{name}", mtl, NAME, *words, dives=DIVES | {(1, 1): change})


dive("no_score", {k: v for k, v in DIVE.items() if k != "final_score"}, "(1, 1)", "missing final_score")
dive("no_dictionary", [1, 2], "(1, 1)")
dive("score_a_word", DIVE | dict(final_score="good"), "(1, 1)", "final_score", "expected a number")
dive("score_none", DIVE | dict(final_score=None), "(1, 1)", "final_score")
dive("score_a_list", DIVE | dict(final_score=[1]), "(1, 1)", "final_score")
dive("difficulty_word", DIVE | dict(difficulty="hard"), "(1, 1)", "difficulty")
dive("difficulty_zero", DIVE | dict(difficulty=0.0), "difficulty", "above 0")
dive("score_beyond", DIVE | dict(final_score=200.0), "'score'", "104.5")
dive("judges_a_number", DIVE | dict(judge_scores=7), "(1, 1)", "judge_scores")
dive("judges_words", DIVE | dict(judge_scores=["a"]), "(1, 1)", "judge_scores")
dive("judge_nan", DIVE | dict(judge_scores=[float("nan")]), "judge_scores")
case("mtl-key_a_word", mtl, NAME, "expected (video, sample)", dives={"x": DIVE})
case("mtl-key_of_words", mtl, NAME, "expected (video, sample)", dives=DIVES | {("a", "b"): DIVE})
case("mtl-a_list", mtl, NAME, "found list", dives=[DIVE])
case("mtl-no_dives", mtl, NAME, dives={})
case("mtl-cut_off", mtl, NAME, "broken", dives=pickle.dumps(DIVES)[:60])
case("mtl-split_unknown", mtl, "train_split_0.pkl", "(9, 9)", train=[(9, 9), (1, 1)])
case("mtl-split_words", mtl, "train_split_0.pkl", "expected", train=["one", "two"])
case("mtl-split_number", mtl, "train_split_0.pkl", "expected", train=7)
case("mtl-split_triples", mtl, "train_split_0.pkl", train=[(1, 0, 0), (1, 1, 1)])
case("mtl-split_none", mtl, "test_split_0.pkl", "expected", test=None)
case("mtl-in_both_parts", mtl, NAME, "clip_id", test=[(1, 1)])
case("mtl-no_training", mtl, NAME, "at least 2", train=[])
case("mtl-group", mtl, NAME, "'colour'", "position", group_by="colour")
case("mtl-train_size", mtl, "140, 280 or 450", train_size=7)
case("mtl-split_number_unknown", mtl, "train_split_9.pkl", split=9)

# -- rhythmic gymnastics -----------------------------------------------------------------------------------------------

COLUMNS = "Video_Name Difficulty_Score Execution_Score Total_Score Penalty Video_length"
ROUTINES = [COLUMNS, "Ball_1 5 6 11 0 95", "Ball_2 4 6 10 0 95"]


def gymnastics(root, train=ROUTINES, test=(COLUMNS, "Ball_3 5 6 11 0 95"), **options):
    for name, lines in (("train.txt", train), ("test.txt", test)):
        write(root / name, lines if isinstance(lines, bytes) else "\n".join(lines))
    return read_clips("rhythmic_gymnastics", root, require_media=False, **options)


def routine(name, line, *words):
    case(f"routine-{name}", gymnastics, "train.txt", *words, train=[*ROUTINES, line])


routine("too_few", "Ball_4 5 6 11 0", "line 4", "5 numbers")
routine("too_many", "Ball_4 5 6 11 0 95 7", "line 4", "5 numbers")
routine("word", "Ball_4 5 six 11 0 95", "line 4")
routine("underscore", "Ball_4 5 6 1_1 0 95", "line 4")
routine("nan", "Ball_4 5 6 nan 0 95", "line 4")
case("routine-infinite", gymnastics, "line 4", train=[*ROUTINES, "Ball_4 5 6 1e999 0 95"])
case("routine-no_header", gymnastics, "train.txt", "line 1", "Video_Name", train=ROUTINES[1:])
case("routine-empty", gymnastics, "train.txt", "line 1", train=b"")
case("routine-latin1", gymnastics, "train.txt", "UTF-8", train=b"\xe9")
case("routine-twice", gymnastics, "Ball_1", "once", train=[*ROUTINES, ROUTINES[1]])
case("routine-beyond", gymnastics, "score_range, 0 to 25", train=[*ROUTINES, "Ball_4 5 6 99 0 95"])
case("routine-apparatus", gymnastics, "'Rope'", "Ball, Clubs", task="Rope")
case("routine-target", gymnastics, "'beauty'", "execution", target="beauty")
case("routine-none_of_it", gymnastics, "expected at least 2", task="Ribbon")

# -- videos ------------------------------------------------------------------------------------------------------------


def film(root, name="x.mp4", content=b"", kind="video", files={}):
    source = write(root / name, content) if kind == "video" else root / name
    for n, c in files.items():
        write(root / name / n, c)
    row = dict(clip_id="x", source=str(source), kind=kind, start=pd.NA, end=pd.NA)
    return read_clip(row, 16, (16, 16), "even")


for suffix, content in dict(
    mp4=b"",
    avi=b"RIFF\xff\xff\xff\xffAVI ",
    gif=b"GIF89a\1\0\1\0\0\0\0",
    mkv=b"\x1aE\xdf\xa3",
    webm=bytes(99),
    mov=b"moov" * 9,
).items():
    case(f"video-damaged_{suffix}", film, f"x.{suffix}", name=f"x.{suffix}", content=content)
case("video-text", film, "x.mp4", content=b"hello " * 99)
case("video-a_web_page", film, "x.mp4", content=b"<!doctype html><title>404</title>")
case("video-a_picture", film, "x.mp4", content=b"\x89PNG\r\n\x1a\n" + bytes(200))
case(
    "video-not_there",
    lambda p: read_clip(
        dict(clip_id="x", source=str(p / "x.mp4"), kind="video", start=pd.NA, end=pd.NA), 16, "even"
    ),
    "x.mp4",
    "no such",
)
case("frames-empty_folder", film, "shots", name="shots", kind="frames", files={"readme.txt": "x"})
case("frames-damaged", film, "1.jpg", name="shots", kind="frames", files={"1.jpg": b"x", "2.jpg": b"y"})
case("frames-kind", film, "kind='sound'", name="shots", kind="sound")

# -- weights and checkpoints -------------------------------------------------------------------------------------------


def weights(root, name="w.pt", saved=None, raw=None):
    path = root / name
    write(path, raw) if raw is not None else torch.save(saved, path)
    return load_i3d(path)


class Sly:
    def __reduce__(self):
        return eval, ("1",)


case("weights-not_there", lambda p: load_i3d(p / "w.pt"), "w.pt", "no I3D weights")
case("weights-empty", weights, "w.pt", "not a readable torch file", raw=b"")
case("weights-text", weights, "w.pt", "not a readable", raw=b"version https://git-lfs.github.com/spec/v1\n")
case("weights-code", weights, "w.pt", "state_dict", saved=Sly())
case("weights-a_number", weights, "w.pt", "expected a state dictionary", saved=3)
case("weights-a_tensor", weights, "w.pt", "expected a state dictionary", saved=torch.ones(2))
case("weights-empty_dictionary", weights, "w.pt", saved={})
case("weights-other_network", weights, "w.pt", saved={"fc.weight": torch.ones(2, 2)})
case("weights-of_words", weights, "w.pt", saved={"Conv3d_1a_7x7.conv3d.weight": "x"})
case("weights-one_axis", weights, "w.pt", saved={"Conv3d_1a_7x7.conv3d.weight": torch.ones(3)})
case(
    "weights-half_a_network",
    weights,
    "w.pt",
    "missing",
    saved={"Conv3d_1a_7x7.conv3d.weight": torch.ones(64, 3, 7, 7, 7)},
)
case("weights-safetensors_empty", weights, "w.safetensors", "not a readable", name="w.safetensors", raw=b"")
case(
    "weights-safetensors_huge",
    weights,
    "w.safetensors",
    "not a readable",
    name="w.safetensors",
    raw=struct.pack("<Q", 2**60),
)


def safetensors(root, meta):
    save_file({"x": torch.ones(2)}, root / "w.safetensors", metadata=meta)
    return load_i3d(root / "w.safetensors")


META_I3D = dict(settings="{}", input_size="64", frames="16", normalisation="[-1,1]")
case("weights-no_settings", safetensors, "w.safetensors", "lacks settings", meta=None)
case("weights-settings_no_json", safetensors, "w.safetensors", "settings", meta=META_I3D | dict(settings="{"))
case(
    "weights-settings_a_list", safetensors, "w.safetensors", "settings", meta=META_I3D | dict(settings="[1]")
)
case(
    "weights-settings_unknown",
    safetensors,
    "w.safetensors",
    "settings",
    meta=META_I3D | dict(settings='{"wide": 3}'),
)
case(
    "weights-settings_huge",
    safetensors,
    "w.safetensors",
    "settings",
    meta=META_I3D | dict(settings='{"width": 1e9}'),
)
case(
    "weights-input_size", safetensors, "w.safetensors", "input_size", meta=META_I3D | dict(input_size="large")
)

# -- parameters --------------------------------------------------------------------------------------------------------


def parameter(name, *words, **params):
    case(f"parameter-{name}", lambda p, **params: make_config(**params), *words, **params)


parameter("unknown", "'epoch'", "'epochs'", epoch=3)
parameter("of_another_method", "option of", method="supervised", memory_rule="best")
parameter("method", "'trss'", "'trs'", method="trss")
parameter("preset", "preset", "'divs'", preset="divs")
parameter("dataset", "preset", "dives", dataset="dive")
parameter("ratio_zero", "ratio", "above 0", ratio=0)
parameter("ratio_nan", "ratio", ratio=float("nan"))
parameter("ratio_text", "ratio", "expected float", ratio="0.1")
parameter("ratio_bool", "ratio", ratio=True)
parameter("seed_negative", "seed", "at least 0", seed=-1)
parameter("seed_huge", "seed", "at most", seed=2**64)
parameter("seed_fraction", "seed", "expected int", seed=1.5)
parameter("epochs_infinite", "epochs", epochs=float("inf"))
parameter("lr_negative", "lr", "above 0", lr=-1e-3)
parameter("dropout_one", "dropout", "at most 0.9", dropout=1.0)
parameter("batch_size_zero", "batch_size", "at least 1", batch_size=0)
parameter("crop_beyond", "crop", "must fit", crop=500)
parameter("n_frames_few", "n_frames", "at least 16", n_frames=3)
parameter("choice", "schedule", "constant, cosine", schedule="linear")
parameter("heads", "reference_heads", "divide", reference_heads=3)
parameter("number_for_path", "out_dir", "-r out_dir", out_dir=20250602)
parameter("options", "options", "by its own name", options="eps=2")
parameter("once_a_parameter", "last_k", "no longer", last_k=3)
parameter("finetune_features", "finetune", "backbone", finetune=True, backbone="none")
parameter("selection", "validation", selection="validation")
parameter("backbone", "backbone", "i3d", backbone="resnet")
parameter("compare", "'trx'", compare="trx")

# -- files of a run ----------------------------------------------------------------------------------------------------


def run_file(run_id, file, call, content, *words):
    case(f"run-{run_id}", lambda p: call(write(p / file, content)), file, *words)


for name, content in dict(
    empty="", cut='{"dataset": "fol', a_list="[1]", a_number="3", null="null", foreign='{"colour": 3}',
    wrong_type='{"epochs": "many"}', latin1=b'{"root": "\xe9"}', options_a_list='{"options": [1]}',
    options_unknown='{"options": {"eps": 3}}', method_a_number='{"method": 3}', code='{"method": "os:system"}',
).items():  # fmt: skip
    run_file(f"config_{name}", "config.json", load_config, content)
for name, content in dict(
    empty="", a_list="[1]", null="null", other_version='{"version": 0}', cut='{"version": 3'
).items():
    run_file(f"manifest_{name}", "run.json", lambda f: read_manifest(f.parent), content)
for name, content in dict(empty="", cut='{"config": {', a_list="[]", nothing="{}", null="null").items():
    student = lambda f: (write(f.parent / "model.safetensors", b""), load_student(f.parent))
    run_file(f"model_{name}", "model.json", student, content)
case("run-no_model", lambda p: load_student(p), "model.json", "not finished")
for name, content, word in (
    ("no_toml", "[[grid", "plan.toml"),
    ("empty", "", "plan.toml"),
    ("seeds_many", 'dataset = "dives"\n[[grid]]\nseeds = 1000000000\n', "seeds"),
    ("seeds_negative", 'dataset = "dives"\n[[grid]]\nseeds = [-1]\n', "seeds"),
    ("seeds_word", 'dataset = "dives"\n[[grid]]\nseeds = "some"\n', "seeds"),
    ("ratios_word", 'dataset = "dives"\n[[grid]]\nratios = "half"\n', "ratio"),
    ("unknown", 'dataset = "dives"\n[[grid]]\nratos = 0.1\n', "'ratos'"),
    ("grid_a_number", 'dataset = "dives"\ngrid = 3\n', "grid"),
    ("latin1", b'dataset = "\xe9"\n', "plan.toml"),
    ("given_a_number", 'dataset = "dives"\n[[grid]]\ngiven = 3\n', "given"),
    ("variants_a_list", 'dataset = "dives"\nvariants = [1]\n[[grid]]\n', "variants"),
    ("variant_a_number", 'dataset = "dives"\n[[grid]]\n[variants]\nsmall = 3\n', "variants"),
    ("no_methods", 'dataset = "dives"\n[[grid]]\nmethods = []\n', "methods"),
):
    run_file(f"plan_{name}", "plan.toml", lambda f: plan_runs(read_plan(f), str(f)), content, word)

# -- ratings ---------------------------------------------------------------------------------------------------------


def rated(name, line, *words):
    text = f"clip_id,score,rater,when,note\na,1,ann,,\n\n{line}\n"
    make = lambda p: read_rating_file(write(p / "ratings.ann.csv", text))
    case(f"ratings-{name}", make, "ratings.ann.csv: line 4", *words)


rated("underscore", "a,1_0,ann,,", "'score'", "'1_0'")
rated("nan", "a,nan,ann,,", "'nan'")
rated("other_digits", "a,١٢,ann,,", "'١٢'")
rated("too_few", "a,1", "2 cells, expected 5")
rated("quotation_mark", 'a,1,ann,,"' + "x" * 200_000, "quotation mark")
rated("quotation_mark_inside", 'a,1,ann,,"the "late" entry"', "quotation mark", "twice")

# -- what a program writes -------------------------------------------------------------------------------------------

SCORED = dict(
    made=dict(fold=dict(a=0), apart="clips"), table=dict(score=[1], predicted=["x"], per=[1], fold=[0])
)
for name, content in dict(list="[1]", table="{}", words=json.dumps(SCORED)).items():
    make = lambda p, content=content: read_left_out(write(p / "left_out.json", content).parent)
    case(f"left_out-{name}", make, "left_out.json is damaged")
case("known-no_clip_id", lambda p: read_known(write(p / "clips.csv", "name\na\n")), "clips.csv", "clip_id")
case("known-latin1", lambda p: read_known(write(p / "clips.csv", b"clip_id\n\xe9\n")), "clips.csv", "UTF-8")
case("known-empty", lambda p: read_known(write(p / "clips.csv", "")), "clips.csv", "found nothing")
case("goals-no_toml", lambda p: read_goals(write(p / "goals.toml", "[[goal")), "goals.toml")
case("known-misspelt", lambda p: read_known(write(p / "k.csv", "clip_id,usr\na,u\n")), "k.csv", "is it user?")
for name, line in dict(
    ratio="ratio = -1", ratio_true="ratio = true", goal_nan="ratio = 0.1\nat_least = nan", word='ratio = "a"'
).items():
    goal = f'[[goal]]\ndata = "dives"\n{line}\n'
    case(
        f"goals-{name}",
        lambda p, goal=goal: read_goals(write(p / "g.toml", goal)),
        "g.toml, goal 1",
        "a number",
    )
case("goals-a_number", lambda p: read_goals(write(p / "goals.toml", "goal = 3")), "goals.toml", "[[goal]]")
case("shared-no_model", lambda p: read_shared(p), "model.json")
case("shared-a_run", lambda p: (write(p / "model.json", "{}"), read_shared(p)), "not of an exported model")
case(
    "pose-infinite_as_held",
    lambda p: check_pose(np.full((4, 3, 2), 1e39), "x.npy"),
    "x.npy",
    "frame 0, joint 0",
)

# -- decisions ---------------------------------------------------------------------------------------------------------

TABLE = pd.DataFrame(
    dict(
        clip_id=["a", "b", "t"],
        split=["train", "train", "test"],
        role=["unlabelled", "labelled", "test"],
        score=[np.nan, 5, np.nan],
    )
).assign(judge_scores=None)
TABLE.attrs.update(score_range=(0.0, 10.0), range_source="given")
ENTRY = dict(
    id="1",
    clip_id="a",
    decision="correct",
    score=5.0,
    note="",
    time="2026-01-01",
    previous=None,
    undone=False,
)


def decided(name, content, *words):
    text = content if isinstance(content, (str, bytes)) else json.dumps({"entries": content})
    case(
        f"decisions-{name}",
        lambda p: apply_decisions(TABLE, write(p / "decisions.json", text)),
        "decisions.json",
        *words,
    )


decided("empty", "", "damaged")
decided("cut", json.dumps({"entries": [ENTRY]})[:50], "damaged")
decided("no_entries", "{}", "damaged")
decided("a_list", "[]", "damaged")
decided("a_number", "3", "damaged")
decided("entries_a_number", '{"entries": 3}', "is no list")
decided("latin1", b'{"entries": "\xe9"}', "damaged")
decided("entry_a_number", [3], "entry 0", "expected a decision")
decided("no_clip", [{k: v for k, v in ENTRY.items() if k != "clip_id"}], "entry 0", "'clip_id'")
decided("clip_a_number", [ENTRY | dict(clip_id=7)], "'clip_id'", "expected a text")
decided("half_a_character", [ENTRY | dict(note="\ud83e")], "entry 0", "'note'", "half of a character")
decided("kind", [ENTRY | dict(decision="maybe")], "'maybe'", "accept")
decided("no_score", [ENTRY | dict(score=None)], "clip 'a'", "finite number")
decided("score_a_word", [ENTRY | dict(score="good")], "clip 'a'", "finite number")
decided("score_infinite", '{"entries": [%s]}' % json.dumps(ENTRY).replace("5.0", "Infinity"), "finite number")
decided("score_true", [ENTRY | dict(score=True)], "finite number")
decided("score_beyond", [ENTRY | dict(score=11.0)], "clip 'a'", "11")
decided("score_of_rejected", [ENTRY | dict(decision="reject")], "expected none")
decided("note_a_number", [ENTRY | dict(note=3)], "'note'", "text")
decided("other_run", [ENTRY | dict(clip_id="z")], "'z'")
decided("test_clip", [ENTRY | dict(clip_id="t")], "'t'", "test clip")
decided("conflict_cut", b"<<<<<<< a\n{\n=======\n}\n>>>>>>> b\n", "damaged")
case("decisions-a_folder", lambda p: read_entries(p), "expected")
case(
    "decisions-not_there", lambda p: apply_decisions(TABLE, p / "decisions.json"), "decisions.json", "no file"
)


@pytest.mark.parametrize("make, given, words", CASES)
def test_wrong_input_is_refused_in_words(make, given, words, tmp_path):
    said = said_by(lambda: make(tmp_path, **given))
    missing = [word for word in words if word not in said]
    assert not missing, f"{missing} not in: {said}"
