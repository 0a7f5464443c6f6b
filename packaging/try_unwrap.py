"""Unwraps the first journal that the sink has, and compares checksums: try_unwrap.py DIRECTORY"""

import hashlib
import pathlib
import sys

from rig.unwrap import Journal

path = sorted(pathlib.Path(sys.argv[1]).glob("*.eml"))[0]
journal = Journal(path.read_bytes())
for name, value in journal.fields:
    print(f"{name}: {value}")
print()
print("\n".join(journal.report))
stated, found = journal.outer("X-TDC-SHA256"), hashlib.sha256(journal.original).hexdigest()
print(f"\nattached original: {len(journal.original)} bytes, {journal.form}\nstated SHA-256    {stated}\ncomputed SHA-256  {found}")
sys.exit(0 if stated == found else 1)
