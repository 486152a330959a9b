"""`run`: the whole installation, from nothing to `Ready`, until somebody asks it to stop."""

import json
import os
import shutil
import sys
import urllib.error
import urllib.request

from .environment import Environment, compile_messages
from .layout import ROOT, DataDirectory, data_dir, write_private
from .processes import RefusedError, Signals, say
from .session import Session, free_port
from .supervisor import Program, end_leftovers, tail


def run(signals: Signals) -> None:
    """Serve on `PORT` until Ctrl-C or TERM."""
    data = DataDirectory(data_dir())
    port = chosen_port()
    if not data.acquire():
        holder = data.holder()
        raise RefusedError(
            f"{data.path} is in use by `{holder.get('verb', 'another command')}` (process {holder.get('pid', 'unknown')})."
            " Stop that first, or run a second copy beside it: make run DATA_DIR=… PORT=…"
        )
    end_leftovers(data)
    free_port(port)
    environment = Environment().ensure("embedded")
    compile_messages(environment)
    session = Session(data, environment, signals, verb="run")
    try:
        say(f"Starting in {data.path}")
        session.open(port=port)
        vouchers = sample_provider(session)
        prepare(session, url=f"http://127.0.0.1:{port}")
        serve(session, port, vouchers)
        announce(data)
        session.supervisor.watch()
    finally:
        if session.supervisor.programs:
            say("Stopping; Ctrl-C again to stop without waiting for what is being done")
        session.supervisor.stop()
        data.release()
    say("Stopped; the data stays")


def chosen_port() -> int:
    port = os.environ.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise RefusedError(f"PORT is {port!r}; it must be a number from 1 to 65535.")
    return int(port)


def sample_provider(session: Session) -> int:
    """The port of the provider of sample vouchers that `serve` starts, once the settings lead to it."""
    port = free_port()
    session.settings |= {"VOUCHER_SECRET_SAMPLE": session.data.secrets["vouchers"], "VOUCHER_URL_SAMPLE": f"http://127.0.0.1:{port}"}
    session.supervisor.note(settings=session.settings)
    return port


def prepare(session: Session, *, url: str) -> None:
    """Bring the database up to date and, the first time, load the demo programme."""
    data = session.data
    log = data.log / "setup.log"
    if session.manage("upgrade", output=log):
        session.signals.check()
        raise RefusedError(f"The database could not be brought up to date.\n{tail(log)}")
    if data.demo.exists():
        known = json.loads(data.demo.read_text())
        if known["url"] != url:
            write_private(data.demo, json.dumps({**known, "url": url}, indent=1, ensure_ascii=False))
        return
    say("Loading the demo programme")
    status = session.manage("load_demo", also={"DEMO_JSON": str(data.demo), "LOYALTY_URL": url})
    session.signals.check()
    if status:
        raise RefusedError("The demo programme could not be loaded; what it says above tells why.")


def serve(session: Session, port: int, vouchers: int) -> None:
    """Start web, worker, beat and the provider of sample vouchers, and wait until `/readyz` is content."""
    data = session.data
    shutil.rmtree(data.metrics)  # of processes that are gone
    data.metrics.mkdir()
    python = str(session.environment.python)
    env = {**session.env, "PROMETHEUS_MULTIPROC_DIR": str(data.metrics)}
    celery = [python, "-m", "celery", "--app", "loyalty.celery"]
    commands = {
        "web": [
            *(python, "-m", "gunicorn", "loyalty.wsgi", "--bind", f"127.0.0.1:{port}", "--no-control-socket"),
            *("--workers", os.environ.get("WEB_CONCURRENCY") or "2", "--threads", "4", "--graceful-timeout", "8"),
        ],
        "worker": [
            *celery,
            "worker",
            "--concurrency",
            os.environ.get("WORKER_CONCURRENCY") or "2",
            "--without-gossip",
            "--without-mingle",
            "--loglevel",
            "INFO",
        ],
        "beat": [*celery, "beat", "--pidfile=", "--loglevel", "INFO"],
        "vouchers": [python, "tools/voucher_provider.py", "--port", str(vouchers), "--file", str(data.vouchers)],
    }
    programs = [Program(name=name, argv=argv, log=data.log / f"{name}.log", cwd=ROOT, env=env) for name, argv in commands.items()]
    for program in programs:
        session.supervisor.start(program)
    last = ""

    def ready() -> bool:
        nonlocal last
        status, last = probe(f"http://127.0.0.1:{port}/readyz")
        return status == 200

    try:
        session.supervisor.wait_for(ready, programs, seconds=120)
    except RefusedError as refusal:
        raise RefusedError(f"{refusal}\n\n/readyz said last: {last or 'nothing'}") from None


def probe(url: str) -> tuple[int, str]:
    """Status and body of a GET on this machine, past any proxy; 0 if nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status, answer.read(2000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(2000).decode(errors="replace")
    except OSError as error:
        return 0, str(error)


def announce(data: DataDirectory) -> None:
    demo = json.loads(data.demo.read_text())
    url = demo["url"]
    operators = "".join(f"\n               {each['name']}  {each['password']}  ({each['role']})" for each in demo["operators"])
    sys.stdout.write(
        f"""
  Admin        {url}/admin/
  API          {url}/api/v1/
  API docs     {url}/api/docs

  Operators{operators}
  Storefront   Authorization: Api-Key {demo["storefront_key"]}

  The same in  {data.demo}
  Logs in      {data.log}

Ready
"""
    )
    sys.stdout.flush()
