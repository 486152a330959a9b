"""What the pages say to paste into a terminal, pasted: every answer holds what its comment says. Against a real server with the demo programme."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).parents[2]

# For machines without one.
CURL = """#!{python}
import sys, urllib.error, urllib.request
at, rest, sent = "", sys.argv[1:], {{"method": None, "data": None, "headers": {{}}}}
while rest:
    match rest.pop(0):
        case "-sS": pass
        case "-X": sent["method"] = rest.pop(0)
        case "-H": name, _colon, value = rest.pop(0).partition(": "); sent["headers"][name] = value
        case "-d": sent["data"] = rest.pop(0).encode()
        case address: at = address
try:
    answer = urllib.request.urlopen(urllib.request.Request(at, **sent))
except urllib.error.HTTPError as refusal:
    answer = refusal
sys.stdout.write(answer.read().decode())
"""


def commands(page, section=""):
    """The lines of a page that are meant for a shell, in their order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    if section:
        text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for line in block.splitlines() if line.strip()]


def pasted(lines, where, path):
    """What each line answers."""
    script = "".join(f"{line}\nprintf '\\036'\n" for line in lines)
    done = subprocess.run(["sh"], input=script, cwd=where, env={"PATH": path}, capture_output=True, encoding="utf-8", timeout=300, check=True)
    return done.stdout.split("\036")[: len(lines)]


def promised(line):
    """Pairs of a name and a value that the answer must hold: `# earned 100, status granted`."""
    comment = line.rpartition(" # ")[2] if " # " in line else ""
    return [pair.partition(" ")[::2] for pair in comment.split(", ") if pair]


def holds(answer, name, value):
    return any(f'"{name}":{shown}' in answer for shown in (value, json.dumps(value, ensure_ascii=False)))


@pytest.fixture
def shop(live_server, tmp_path, monkeypatch, settings):
    """A folder like a checkout beside a running installation, and the path of its shell."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    (tmp_path / ".local").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("DEMO_JSON", str(tmp_path / ".local" / "demo.json"))
    monkeypatch.setenv("LOYALTY_URL", live_server.url)
    nothing = tmp_path / "nothing.csv"
    nothing.write_text("order_id,customer_id,occurred_at,kind,refers_to,amount,currency,lines,coupons\n0,0,2017-01-01T12:00:00Z,purchase,,1.00,USD,[],[]\n")
    call_command("load_demo", file=nothing)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    if not shutil.which("curl"):
        curl = tmp_path / "bin" / "curl"
        curl.write_text(CURL.format(python=sys.executable))
        curl.chmod(0o755)
    return tmp_path, f"{tmp_path / 'bin'}:/usr/local/bin:/usr/bin:/bin"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("page", "section", "least"), [("README.md", "A storefront's first order", 4), ("docs/COOKBOOK.md", "", 80)])
def test_what_a_page_says_to_paste_answers_what_it_says(shop, page, section, least):
    lines = commands(page, section)
    wrong, checked = [], 0
    for line, answer in zip(lines, pasted(lines, *shop), strict=True):
        for name, value in promised(line):
            checked += 1
            if not holds(answer, name, value):
                wrong.append(f"{line}\n  not {name} {value}: {answer}")
    assert checked >= least
    assert wrong == []
