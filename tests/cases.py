"""Runs field cases: `python -m tests.cases FOLDER` judges each file of FOLDER/cases.csv and says which come out wrong.

In: a folder with `cases.csv` (columns file, kind, what, must, check) and the files. `check` is a conjunction (`&&`) of
`judged`, `error=CODE`, `verdict!=NAME`, `says=REGEX` and `not=REGEX`, the last two on the JSON line. Rows without a
check are shown with what has to come out, for a person. Exit status: 0 where every check holds, else 1.
"""

import argparse
import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

from refundlens.model.detect import Detector
from refundlens.model.photo.image import ImageError


def json_line(detector: Detector, path: Path) -> dict[str, Any]:
    """What `refundlens detect --json` prints for one file."""
    try:
        return {"file": path.name, **detector.detect(path.read_bytes()).public()}
    except ImageError as error:
        return {"file": path.name, "error": {"code": error.code, "message": error.message}}


def holds(check: str, line: dict[str, Any]) -> bool:
    """Whether one condition of a check holds. Raises ValueError for a word that is not known."""
    text = json.dumps(line, ensure_ascii=False)
    if check == "judged":
        return "error" not in line
    name, sign, value = re.fullmatch(r"(\w+?)(!?=)(.*)", check, re.DOTALL).groups()  # type: ignore[union-attr]
    if (name, sign) == ("verdict", "!="):
        return line.get("verdict") != value
    if (name, sign) == ("error", "="):
        return bool(line.get("error", {}).get("code") == value)
    if name in ("says", "not"):
        return (re.search(value, text, re.IGNORECASE) is not None) == (name == "says")
    raise ValueError(f"no such check: {check}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="files whose name starts with this")
    parser.add_argument("--verbose", action="store_true", help="show the reasons of every case")
    options = parser.parse_args()
    with (options.folder / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith(options.only)]
    detector, wrong = Detector(), 0
    for row in rows:
        line = json_line(detector, options.folder / row["file"])
        checks = [part.strip() for part in (row["check"] or "").split("&&") if part.strip()]
        failed = [check for check in checks if not holds(check, line)]
        wrong += bool(failed)
        state = "WRONG" if failed else ("ok" if checks else "look")
        print(f"{state:5} {row['file']}  {line.get('verdict') or line['error']['code']}")
        if failed or not checks or options.verbose:
            print(f"      must: {row['must']}; failed: {failed}")
            print(f"      {line['error']['message'] if 'error' in line else ''}")
            for reason in [*line.get("reasons", []), *line.get("details", {}).get("reasons", [])]:
                print(f"      {reason['code']} ({reason['basis']}): {reason['text']}")
    print(f"{len(rows)} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
