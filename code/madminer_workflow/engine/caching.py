"""Yadage plugin: remember compiled jq programs and JSONPath queries, keep parameters as plain data.

Yadage compiles the same few programs (10 ms each) and queries (29 ms each) thousands of times in
a run, and packtivity writes and reads back JSON whenever it touches a value, in case it is an
object of a type of its own, which no workflow here has. Loaded with the import.
"""

from __future__ import annotations

import functools
import os

import jq
import jsonpath_rw

# The callers look both up in their modules at every call.
jq.jq = functools.cache(jq.jq)
jsonpath_rw.parse = functools.cache(jsonpath_rw.parse)

# Packtivity looks at it whenever it takes up data.
os.environ.setdefault("PACKTIVITY_DATAMODEL_IMPL", "purejson")
