#!/usr/bin/env python3
"""Runs every check of checks.py over the tree, one TAP point each: lint.py [CHECK]..."""

import os
import sys

sys.dont_write_bytecode = True
import checks

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOWN_FAULTS = 50


def main():
    names = sys.argv[1:]
    known = {check.__name__: check for check in checks.CHECKS}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"lint.py: unknown check {unknown[0]}. Checks: {', '.join(known)}")
    chosen = [known[name] for name in names] or checks.CHECKS
    tree = checks.Tree(ROOT)
    print(f"1..{len(chosen)}")
    failed = 0
    for number, check in enumerate(chosen, 1):
        faults = check(tree)
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {check.__name__}: {check.__doc__}", flush=True)
        for fault in faults[:SHOWN_FAULTS]:
            print("# " + fault)
        if len(faults) > SHOWN_FAULTS:
            print(f"# … and {len(faults) - SHOWN_FAULTS} more")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
