"""What fuzzers draw: a sound file with some bytes exchanged, or with some of its values replaced by anything.

The draws are the same ones each time. TRS_EXAMPLES is how many a reader gets where nothing else is said."""

import json
import os
import warnings

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from own_errors import is_own

EXAMPLES = int(os.environ.get("TRS_EXAMPLES", 40))
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=set(Phase) - {Phase.explain},
)
settings.load_profile("same")

WORDS = "0 -1 1e999 nan inf null true [] {} '' \" , ; \t \n \r \0 é ١ 𝟙 \ufeff ../ $x$ <b> 1_0 0x1".split(" ")
WORDS.append("9" * 30)
TEXT = st.sampled_from(WORDS) | st.text(max_size=8)
NUMBERS = st.integers(-3, 3) | st.integers() | st.floats() | st.sampled_from([10**12, 2**63, -(2**63)])
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(TEXT, part, max_size=3),
    max_leaves=5,
)
SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0)
ARRAYS = hnp.arrays(hnp.scalar_dtypes(), SHAPES) | hnp.arrays(np.dtype(object), SHAPES, elements=TEXT)
OBJECTS = (
    PLAIN | ARRAYS | st.binary(max_size=8) | st.tuples(PLAIN, PLAIN) | st.sets(st.integers(), max_size=2)
)


def places(value):
    """Keys that lead to each part of nested lists, tuples and dictionaries; the last, (), leads to all of it."""
    parts = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list | tuple)
        else ()
    )
    for key, part in parts:
        yield from ((key, *rest) for rest in places(part))
    yield ()


def put(value, place, new, how):
    """A copy with something else at a place: new instead of what is there, new beside it, or nothing."""
    if not place:
        return new
    key, *rest = place
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    at = next(i for i, (k, _) in enumerate(pairs) if k is key or k == key)
    if rest or how == "instead":
        pairs[at] = key, put(pairs[at][1], rest, new, how)
    elif how == "gone":
        del pairs[at]
    else:
        pairs.insert(at, (str(new)[:9], pairs[at][1]) if isinstance(value, dict) else (key, new))
    return dict(pairs) if isinstance(value, dict) else type(value)(part for _, part in pairs)


@st.composite
def exchanged(draw, value, anything=PLAIN):
    """The value with one to three of its parts replaced, left out, or given anything beside them."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(list(places(value))))
        value = put(value, place, draw(anything), draw(st.sampled_from(["instead", "gone", "beside"])))
    return value


@st.composite
def damaged(draw, content):
    """Bytes, one to three times cut off, flipped, left out, doubled, or with a word or others put in."""
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(content))), draw(st.sampled_from([1, 2, 8, 64]))
        before, piece, after = content[:at], content[at : at + length], content[at + length :]
        put_in = st.sampled_from(WORDS).map(str.encode) | st.binary(min_size=1, max_size=8)
        changes = [
            st.just(after),
            st.just(b""),
            st.just(piece * 2 + after),
            st.integers(0, 7).map(lambda bit: bytes(b ^ 1 << bit for b in piece[:1]) + piece[1:] + after),
            put_in.map(lambda word: word + after),
            put_in.map(lambda word: word + piece + after),
        ]
        content = before + draw(st.one_of(changes))
    return content


def as_json(value):
    return json.dumps(value, default=str).encode()


def look(name, contents, read, examples=EXAMPLES, refuses=True):
    """Read each content; AssertionError, with the smallest that was found, where that raises an error not ours."""
    seen = dict(read=0, refused=0)

    @settings(max_examples=examples)
    @given(contents)
    def look_at(content):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(content)
            seen["read"] += 1
        except Exception as e:
            assert is_own(e), f"{type(e).__name__}: {e}"
            seen["refused"] += 1

    look_at()
    assert bool(seen["refused"]) == refuses, f"{seen}: nothing is looked at"
    print(f"{name}: {seen['read']} read, {seen['refused']} refused")  # pytest -rP shows it
