"""Every method of poplib against a maildrop with 14 messages: poplib_commands.py PORT TLS-PORT USER PASSWORD CA-FILE"""
import poplib
import ssl
import sys

port, tls_port, user, password, ca_file = sys.argv[1:]
context = ssl.create_default_context(cafile=ca_file)


def refused(call, *args):
    try:
        call(*args)
    except poplib.error_proto as error:
        return str(error)
    raise AssertionError(f"{call.__name__}{args} was not refused")


def log_in(server):
    server.user(user)
    assert server.pass_(password).startswith(b"+OK")
    return server


plain = poplib.POP3("localhost", int(port), timeout=30)
assert b"+OK" in plain.getwelcome()
assert "STLS" in plain.capa()
assert plain.stls(context).startswith(b"+OK")
assert "STLS" not in plain.capa()
assert "[AUTH]" in refused(lambda: (plain.user(user), plain.pass_("wrong")))
plain.utf8()
log_in(plain)

count, octets = plain.stat()
assert count == 14
_, sizes, _ = plain.list()
numbers = [tuple(map(int, line.split())) for line in sizes]
assert [n for n, _ in numbers] == list(range(1, 15))
assert sum(size for _, size in numbers) == octets
_, ids, _ = plain.uidl()
assert len({line.split()[1] for line in ids}) == 14
assert plain.uidl(3).split()[1:] == ids[2].split()
for number, size in numbers:
    _, lines, read = plain.retr(number)
    # A message whose last line had no end gets one (poplib counts CRLF for each line).
    assert read in (size, size + 2), (number, read, size)
    _, top, _ = plain.top(number, 0)
    assert lines[: len(top)] == top and top[-1] == b""
    _, more, _ = plain.top(number, 1)
    assert lines[: len(more)] == more
assert plain.noop() == b"+OK"
assert "IMPLEMENTATION" in plain.capa()
plain.dele(2)
plain.dele(5)
assert refused(plain.retr, 2) and refused(plain.dele, 2) and refused(plain.list, 2)
assert plain.stat()[0] == 12
assert plain.rset().startswith(b"+OK")
assert plain.stat() == (count, octets)
plain.dele(1)
assert "[IN-USE]" in refused(log_in, poplib.POP3_SSL("localhost", int(tls_port), context=context, timeout=30))
# Without QUIT nothing goes.
plain.close()

secure = log_in(poplib.POP3_SSL("localhost", int(tls_port), context=context, timeout=30))
_, again, _ = secure.uidl()
assert again == ids
secure.dele(14)
assert secure.quit().startswith(b"+OK")

last = log_in(poplib.POP3_SSL("localhost", int(tls_port), context=context, timeout=30))
assert last.uidl()[1] == ids[:13]
assert refused(last.apop, user, password)
assert refused(last.rpop, user)
assert last.quit().startswith(b"+OK")
print("ok")
