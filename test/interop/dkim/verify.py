"""Checks every signature of every message in a folder with dkimpy: prints {"file": ["pass" | "fail: why", …]}. Keys stand in records.json."""

import json
import os
import sys

import dkim

folder = sys.argv[1]
with open(os.path.join(folder, "records.json"), encoding="ascii") as file:
    records = {f"{name}.": text.encode() for name, text in json.load(file).items()}


def look_up(name, timeout=5):
    return records.get(name.decode() if isinstance(name, bytes) else name)


def check(message, index):
    try:
        return "pass" if dkim.DKIM(message).verify(idx=index, dnsfunc=look_up) else "fail: differs"
    except dkim.DKIMException as error:
        return f"fail: {error}"


results = {}
for name in sorted(os.listdir(folder)):
    if not name.endswith(".eml"):
        continue
    with open(os.path.join(folder, name), "rb") as file:
        message = file.read()
    results[name] = [check(message, 0), check(message, 1)]
json.dump(results, sys.stdout)
