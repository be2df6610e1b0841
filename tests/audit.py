"""Known faults of the packages in requirements.lock: what pip-audit finds, in a sentence that cannot be misread.

    make audit

pip-audit ends well where it could ask nobody about a package. Here that is said, and counted. The exit status is 0
where every package was looked up and no fault is known but those in ACCEPTED, 1 where others are, and 2 where packages
could not be looked up.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
ACCEPTED = {}  # id of a known fault -> why it does no harm here


def audit(program):
    """What pip-audit says of each package of the lock."""
    how = [
        "--requirement",
        LOCK,
        "--no-deps",
        "--disable-pip",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    done = subprocess.run([program, *map(str, how)], capture_output=True, text=True)
    if not done.stdout.strip():
        raise SystemExit(f"pip-audit ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)["dependencies"]


def sentence(found):
    """(what was found, exit status)"""
    skipped = [p["name"] for p in found if "skip_reason" in p]
    faults = [(p["name"], v["id"]) for p in found for v in p.get("vulns", []) if v["id"] not in ACCEPTED]
    said = f"{len(found) - len(skipped)} of {len(found)} packages were audited, {len(ACCEPTED)} faults are accepted"
    if faults:
        return f"{said}; known: {', '.join(f'{name} {fault}' for name, fault in faults)}", 1
    if skipped:
        return (
            f"{said}; no database knew of the others, so nothing is known of them: {', '.join(skipped[:5])}",
            2,
        )
    return f"{said}; nothing is known of any", 0


def main():
    said, status = sentence(audit(sys.argv[1]))
    print(said)
    sys.exit(status)


if __name__ == "__main__":
    main()
