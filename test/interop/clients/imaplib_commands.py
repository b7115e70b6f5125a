"""Drives every command that Python's imaplib knows, and checks each result. Settings come as JSON on standard input: host, port, user, password, ca."""

import imaplib
import json
import ssl
import sys
import time

settings = json.load(sys.stdin)
context = ssl.create_default_context(cafile=settings["ca"])
used = set()

MESSAGE = b"From: a@trial.test\r\nSubject: %d by imaplib\r\nMessage-ID: <%d@imaplib>\r\n\r\nbody %d\r\n"


class Recorded(imaplib.IMAP4):
    """Notes which of its methods the trial calls."""

    def __getattribute__(self, name):
        if not name.startswith("_"):
            used.add(name)
        return super().__getattribute__(name)


def equal(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}: {found!r}, not {expected!r}")


def holds(condition, what):
    if not condition:
        raise SystemExit(what)


def ok(answer):
    equal(answer[0], "OK", answer)
    return answer[1]


def refused(command, *arguments):
    """For what we don't announce: BAD, and the connection goes on."""
    try:
        answer = command(*arguments)
    except imaplib.IMAP4.error as error:
        holds("BAD" in str(error), f"{command.__name__}: {error}")
        return
    raise SystemExit(f"{command.__name__}: {answer!r}, not BAD")


def connect():
    return Recorded(settings["host"], settings["port"], timeout=30)


def before_login():
    connection = connect()
    holds("STARTTLS" in connection.capabilities, connection.capabilities)
    ok(connection.capability())
    ok(connection.noop())
    ok(connection.starttls(context))
    holds("AUTH=PLAIN" in connection.capabilities, connection.capabilities)
    plain = f"\0{settings['user']}\0{settings['password']}".encode()
    ok(connection.authenticate("PLAIN", lambda _: plain))
    equal(connection.logout()[0], "BYE", "LOGOUT")
    other = connect()
    ok(other.starttls(context))
    try:
        other.login(settings["user"], "wrong")
        raise SystemExit("LOGIN with a wrong password")
    except imaplib.IMAP4.error as error:
        holds("AUTHENTICATIONFAILED" in str(error), error)
    holds("AUTH=CRAM-MD5" not in other.capabilities, "CRAM-MD5 would need the password itself")
    try:
        other.login_cram_md5(settings["user"], settings["password"])
        raise SystemExit("AUTHENTICATE CRAM-MD5")
    except imaplib.IMAP4.error as error:
        holds("CANNOT" in str(error), error)
    ok(other.login(settings["user"], settings["password"]))
    return other


def utf8(connection):
    ok(connection.enable("UTF8=ACCEPT"))
    holds(connection.utf8_enabled, "UTF8=ACCEPT")
    ok(connection.create('"Grüße"'))
    holds(any("Grüße".encode() in line for line in ok(connection.list())), "LIST in UTF-8")
    ok(connection.delete('"Grüße"'))
    refused(connection.proxyauth, settings["user"])
    equal(connection.logout()[0], "BYE", "LOGOUT")


def mailboxes(connection):
    holds(any(b'"/"' in line and b"INBOX" in line for line in ok(connection.list())), "LIST")
    ok(connection.create("python"))
    equal(connection.create("python")[0], "NO", "CREATE of what is there")
    ok(connection.rename("python", '"with space"'))
    ok(connection.subscribe('"with space"'))
    holds(any(b"with space" in line for line in ok(connection.lsub())), "LSUB")
    ok(connection.unsubscribe('"with space"'))
    holds(not any(b"with space" in (line or b"") for line in ok(connection.lsub())), "LSUB after UNSUBSCRIBE")
    ok(connection.delete('"with space"'))
    equal(connection.delete('"with space"')[0], "NO", "DELETE of nothing")
    equal(ok(connection.namespace()), [b'(("" "/")) NIL NIL'], "NAMESPACE")
    roots, quotas = ok(connection.getquotaroot("INBOX"))
    holds(b"STORAGE" in quotas[0], quotas)
    equal(ok(connection.getquota(roots[0].split()[1].decode())), quotas, "GETQUOTA")
    equal(connection.getquota('"nothing"')[0], "NO", "GETQUOTA of nothing")


def messages(connection):
    ok(connection.create("Box"))
    for number in range(1, 6):
        date = imaplib.Time2Internaldate(1_000_000_000 + number)
        ok(connection.append("Box", "(\\Seen $Label)" if number == 1 else None, date, MESSAGE % (number, number, number)))
    equal(ok(connection.status("Box", "(MESSAGES UNSEEN UIDNEXT)")), [b"Box (MESSAGES 5 UNSEEN 4 UIDNEXT 6)"], "STATUS")
    equal(ok(connection.select("Box")), [b"5"], "SELECT")
    holds(connection.response("UIDVALIDITY")[1][0].isdigit(), "UIDVALIDITY")
    holds(b"\\*" in connection.response("PERMANENTFLAGS")[1][0], "PERMANENTFLAGS")
    ok(connection.recent())
    ok(connection.check())
    fetched = ok(connection.fetch("1", "(FLAGS INTERNALDATE RFC822.SIZE BODY[HEADER.FIELDS (SUBJECT)])"))
    holds(fetched[0][1] == b"Subject: 1 by imaplib\r\n\r\n", fetched)
    equal(set(imaplib.ParseFlags(fetched[0][0]) or imaplib.ParseFlags(fetched[1])), {b"\\Seen", b"$Label"}, "FLAGS")
    equal(time.mktime(imaplib.Internaldate2tuple(fetched[0][0])), 1_000_000_001, "INTERNALDATE")
    equal(ok(connection.search(None, "UNSEEN", "SUBJECT", "by")), [b"2 3 4 5"], "SEARCH")
    equal(ok(connection.search("UTF-8", "TEXT", '"body 3"')), [b"3"], "SEARCH in a charset")
    holds(b"\\Flagged" in ok(connection.store("2:3", "+FLAGS", "(\\Flagged)"))[0], "STORE")
    ok(connection.copy("2", "Trash"))
    ok(connection.uid("COPY", "3", "Trash"))
    equal(ok(connection.status("Trash", "(MESSAGES)")), [b"Trash (MESSAGES 2)"], "COPY")
    ok(connection.uid("MOVE", "4", "Trash"))
    equal(connection.response("EXPUNGE")[1], [b"4"], "MOVE")
    ok(connection.store("1", "+FLAGS.SILENT", "\\Deleted"))
    equal(ok(connection.expunge()), [b"1"], "EXPUNGE")
    equal(ok(connection.uid("SEARCH", "ALL")), [b"2 3 5"], "UID SEARCH")
    ok(connection.store("1", "+FLAGS", "\\Deleted"))
    ok(connection.unselect())
    equal(ok(connection.select("Box", readonly=True)), [b"3"], "UNSELECT expunges nothing, EXAMINE")
    equal(connection.store("1", "+FLAGS", "\\Seen")[0], "NO", "STORE in a mailbox that was examined")
    ok(connection.close())
    equal(ok(connection.select("Box")), [b"3"], "CLOSE after EXAMINE expunges nothing")
    ok(connection.close())
    equal(ok(connection.select("Box")), [b"2"], "CLOSE expunges")


def extensions(connection):
    imaplib.Commands["ID"] = ("AUTH", "SELECTED")
    ok(connection.xatom("ID", '("name" "imaplib")'))
    capabilities = connection.capabilities
    for name, command, *arguments in (
        ("SORT", connection.sort, "(DATE)", "UTF-8", "ALL"),
        ("THREAD=REFERENCES", connection.thread, "REFERENCES", "UTF-8", "ALL"),
        ("ACL", connection.getacl, "INBOX"),
        ("ACL", connection.myrights, "INBOX"),
        ("ACL", connection.setacl, "Box", settings["user"], "lr"),
        ("ACL", connection.deleteacl, "Box", "other"),
        ("ANNOTATEMORE", connection.getannotation, "Box", '"/comment"', '"value.priv"'),
        ("ANNOTATEMORE", connection.setannotation, "Box", '"/comment"', '("value.priv" "x")'),
        ("QUOTASET", connection.setquota, '""', "(STORAGE 1)"),
        ("X-PARTIAL", connection.partial, "1", "RFC822", "1", "10"),
    ):
        if name in capabilities:
            ok(command(*arguments))
        else:
            refused(command, *arguments)
    ok(connection.noop())


def main():
    utf8(before_login())
    connection = before_login()
    mailboxes(connection)
    messages(connection)
    extensions(connection)
    equal(connection.logout()[0], "BYE", "LOGOUT")
    plumbing = {"abort", "error", "open", "print_log", "read", "readline", "readonly", "send", "shutdown", "socket"}
    methods = {name for name in dir(imaplib.IMAP4) if not name.startswith("_") and callable(getattr(imaplib.IMAP4, name))}
    equal(sorted(methods - plumbing - used), [], "methods of imaplib that were not tried")
    print("commands tried:", len(methods - plumbing))


main()
