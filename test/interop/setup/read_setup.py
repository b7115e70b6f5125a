"""Reads what programs are told with Python's own parsers, and prints what they found as JSON."""

import base64
import hashlib
import json
import plistlib
import sys
import xml.etree.ElementTree as ElementTree

OUTLOOK = "{http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a}"


def autoconfig(text):
    root = ElementTree.fromstring(text)
    servers = root.findall("emailProvider/incomingServer") + root.findall("emailProvider/outgoingServer")
    names = ("hostname", "port", "socketType", "username", "authentication")
    return [[s.get("type")] + [s.findtext(name) for name in names] for s in servers]


def autodiscover(text):
    root = ElementTree.fromstring(text)
    found = root.findall(f"{OUTLOOK}Response/{OUTLOOK}Account/{OUTLOOK}Protocol")
    names = ("Type", "Server", "Port", "LoginName", "SSL", "Encryption")
    return [[p.findtext(OUTLOOK + name) for name in names] for p in found]


def pacc(text):
    digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
    return {"digest": f"v=UAAC1; a=sha256; d={digest}", "imap": json.loads(text)["protocols"]["imap"]["host"]}


given = json.load(sys.stdin)
answers = {name: text.encode("utf-8") for name, text in given.items()}
print(
    json.dumps(
        {
            "autoconfig": autoconfig(answers["autoconfig"]),
            "autodiscover": autodiscover(answers["autodiscover"]),
            "mobileconfig": plistlib.loads(answers["mobileconfig"]),
            "pacc": pacc(answers["pacc"]),
        }
    )
)
