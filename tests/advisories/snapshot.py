#!/usr/bin/env python3
"""Writes tests/advisories/snapshot.toml: what the RustSec database says of the crates in Cargo.lock.

Facts only: id, crate, sort, and the versions that are patched or were never affected. Run it when a
dependency is added (the test says so), and every month or so:

    tests/advisories/snapshot.py [CLONE]

CLONE is a clone of https://github.com/rustsec/advisory-db, bare or not; without it, one is made in a
temporary folder. Needs Python 3.11 and git.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

DATABASE = "https://github.com/rustsec/advisory-db"
HERE = Path(__file__).resolve().parent


def git(clone, *arguments):
    command = ["git", "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def advisories(clone, crates):
    for path in git(clone, "ls-tree", "-r", "--name-only", "HEAD", "crates").split():
        if not path.endswith(".md") or path.split("/")[1] not in crates:
            continue
        text = git(clone, "show", f"HEAD:{path}")
        entry = tomllib.loads(re.search(r"```toml\n(.*?)```", text, re.DOTALL).group(1))
        if "withdrawn" not in entry["advisory"]:
            yield entry["advisory"], entry.get("versions", {})


def quoted(items):
    return "[" + ", ".join(f'"{item}"' for item in items) + "]"


def write(clone, out):
    lock = tomllib.loads((HERE.parent.parent / "Cargo.lock").read_text())
    crates = sorted({package["name"] for package in lock["package"] if "source" in package})
    commit, taken = git(clone, "log", "-1", "--format=%H %cs").split()
    out.write("# Written by tests/advisories/snapshot.py: run it, do not edit this.\n")
    out.write(f'database = "{DATABASE}"\ncommit = "{commit}"\ntaken = "{taken}"\n')
    out.write("# The crates that were looked up.\nlooked_up = [\n")
    out.writelines(f'    "{name}",\n' for name in crates)
    out.write("]\n")
    found = sorted(advisories(clone, set(crates)), key=lambda pair: (pair[0]["package"], pair[0]["id"]))
    for advisory, versions in found:
        out.write(f'\n[[advisory]]\nid = "{advisory["id"]}"\ncrate = "{advisory["package"]}"\n')
        out.write(f'sort = "{advisory.get("informational", "vulnerability")}"\n')
        out.write(f'patched = {quoted(versions.get("patched", []))}\n')
        out.write(f'unaffected = {quoted(versions.get("unaffected", []))}\n')
    return len(crates), len(found)


def main():
    with tempfile.TemporaryDirectory() as folder:
        clone = sys.argv[1] if len(sys.argv) > 1 else folder
        if clone == folder:
            subprocess.run(["git", "clone", "--quiet", "--depth", "1", "--bare", DATABASE, folder], check=True)
        with open(HERE / "snapshot.toml", "w", encoding="utf-8") as out:
            crates, found = write(clone, out)
    print(f"{found} advisories of {crates} crates")


if __name__ == "__main__":
    main()
