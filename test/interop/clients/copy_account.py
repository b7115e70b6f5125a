"""Copies every mailbox of an account to another with imaplib, as imapsync does: octets, flags, keywords and internal dates.

Reads {"from": {...}, "to": {...}} with host, port, user and password from standard input."""

import imaplib
import json
import re
import sys

imaplib._MAXLINE = 10_000_000


def connect(account):
    connection = imaplib.IMAP4(account["host"], account["port"])
    connection.login(account["user"], account["password"])
    return connection


def must(answer):
    kind, data = answer
    if kind != "OK":
        raise SystemExit(f"{kind} {data}")
    return data


def names(connection):
    """Mailboxes as they stand on the wire, quotes and modified UTF-7 included."""
    for line in must(connection.list()):
        attributes, name = re.match(rb'\(([^)]*)\) (?:"[^"]*"|NIL) (.+)', line).groups()
        if b"\\noselect" not in attributes.lower() and b"\\nonexistent" not in attributes.lower():
            yield name.decode("ascii")


def copy_mailbox(source, target, name):
    must(source.select(name, readonly=True))
    copied = 0
    for uid in must(source.uid("SEARCH", "ALL"))[0].split():
        parts = must(source.uid("FETCH", uid, "(FLAGS INTERNALDATE BODY.PEEK[])"))
        text = b" ".join(part[0] if isinstance(part, tuple) else part for part in parts)
        flags = re.search(rb"FLAGS \(([^)]*)\)", text).group(1).decode("ascii")
        date = re.search(rb'INTERNALDATE ("[^"]+")', text).group(1).decode("ascii")
        raw = next(part[1] for part in parts if isinstance(part, tuple))
        kept = " ".join(flag for flag in flags.split() if flag != "\\Recent")
        # imaplib corrects lone CR and LF; there are none.
        must(target.append(name, f"({kept})", date, raw))
        copied += 1
    must(source.close())
    return copied


def main():
    accounts = json.load(sys.stdin)
    source, target = connect(accounts["from"]), connect(accounts["to"])
    there = set(names(target))
    copied = 0
    for name in names(source):
        if name not in there:
            must(target.create(name))
        copied += copy_mailbox(source, target, name)
    source.logout()
    target.logout()
    print("copied", copied)


main()
