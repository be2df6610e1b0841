"""Which errors are ours: of our class, raised by a line of trs_lab that says `raise`, with a sentence."""

import linecache
import traceback
from pathlib import Path

from trs_lab.core.files import TrsLabError

PACKAGE = Path(__file__).resolve().parent.parent / "trs_lab"


def is_own(error):
    """Whether a line of ours raised it on purpose; `yield` and lookup errors deep in a library are not that."""
    if not isinstance(error, TrsLabError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1]
    line = linecache.getline(last.filename, last.lineno).strip()
    return Path(last.filename).is_relative_to(PACKAGE) and line.startswith("raise") and bool(str(error))


def said_by(call):
    """The sentence with which a call refuses; AssertionError where it does not, or not in our own words."""
    try:
        call()
    except (ValueError, OSError, LookupError, ArithmeticError) as e:
        if not is_own(e):
            raise AssertionError(f"no error of ours, but {type(e).__name__}: {e}") from e
        return str(e)
    raise AssertionError("was not refused")
