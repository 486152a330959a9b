"""The pure pieces of `tools/dev.py`: the data directory, the locks, addresses, settings."""

import gettext
import socket
import stat
from pathlib import Path

import pytest

from tools.compile_messages import compile_file
from tools.stack import archive, checks, environment, running, session
from tools.stack.layout import DataDirectory
from tools.stack.processes import RefusedError

SAFE = stat.S_IRUSR | stat.S_IWUSR


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_secrets_are_made_once_and_are_their_owners_alone(tmp_path):
    data = DataDirectory(tmp_path / "data")
    data.make()
    first = data.secrets
    assert data.secrets == first
    assert len(set(first.values())) == 4
    assert all(len(value) >= 50 for value in first.values())
    assert mode(tmp_path / "data" / "secrets.json") == SAFE
    assert mode(tmp_path / "data") == 0o700


def test_a_directory_made_by_an_earlier_version_gets_the_secret_that_it_lacks(tmp_path):
    data = DataDirectory(tmp_path)
    (tmp_path / "secrets.json").write_text('{"secret_key": "a", "postgres": "b", "valkey": "c"}')
    assert data.secrets == {**data.secrets, "secret_key": "a", "postgres": "b", "valkey": "c"}
    assert data.secrets["vouchers"] == data.secrets["vouchers"] != ""


def test_the_state_is_its_owners_alone_and_empty_where_nobody_wrote_it(tmp_path):
    data = DataDirectory(tmp_path)
    assert data.state == {}
    data.state = {"pid": 1, "birth": "another boot"}
    assert mode(tmp_path / "state.json") == SAFE
    assert data.holder() == {}


def test_only_one_holds_a_data_directory(tmp_path):
    first, second = DataDirectory(tmp_path), DataDirectory(tmp_path)
    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()


@pytest.fixture
def locks(tmp_path, monkeypatch):
    for name in environment.LOCKS:
        (tmp_path / f"{name}.txt").write_text(name)
    monkeypatch.setattr(environment, "REQUIREMENTS", tmp_path)
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    (tmp_path / ".venv").mkdir()
    return tmp_path


def test_an_environment_for_development_is_good_for_serving_too_but_not_the_other_way_round(locks, monkeypatch):
    installed = []
    monkeypatch.setattr(environment, "pip", lambda *args: installed.append(args[-1].rpartition("/")[2]))
    monkeypatch.setattr(environment, "works", lambda _python: True)
    venv = environment.Environment()
    for lock in ("embedded", "dev", "embedded", "dev"):
        venv.ensure(lock)
    assert installed == ["embedded.txt", "dev.txt"]


def test_an_environment_is_filled_again_when_its_lock_changed(locks, monkeypatch):
    installed = []
    monkeypatch.setattr(environment, "pip", lambda *args: installed.append(args[-1].rpartition("/")[2]))
    monkeypatch.setattr(environment, "works", lambda _python: True)
    environment.Environment().ensure("dev")
    (locks / "dev.txt").write_text("changed")
    environment.Environment().ensure("dev")
    environment.Environment().ensure("dev")
    assert installed == ["dev.txt", "dev.txt"]


def test_packages_are_installed_by_hash_and_nothing_beside_them():
    assert environment.hashed("dev")[:2] == ["--require-hashes", "--no-deps"]


@pytest.mark.parametrize(
    "line", ["--index-url x", "--extra-index-url x", "--find-links /x", "a @ https://example.org/a.whl", "b @ file:///b.whl", "--trusted-host x"]
)
def test_a_lock_that_names_a_place_is_found(tmp_path, line):
    (tmp_path / "base.txt").write_text(f"django==5.2 \\\n    --hash=sha256:00\n    # via -r requirements/base.in\n{line}\n")
    assert checks.addresses_in_locks(tmp_path) == [f"base.txt:4: {line}"]


def test_the_projects_own_locks_name_no_place():
    assert checks.addresses_in_locks() == []


def test_the_example_settings_are_those_that_it_fills_in():
    settings = checks.example_settings("# SECRET=commented\nDEBUG=false\nSECRET_KEY=\nPUBLIC_URL=https://points.example.com\n\n")
    assert settings["DEBUG"] == "false"
    assert settings["PUBLIC_URL"] == "https://points.example.com"
    assert len(settings["SECRET_KEY"]) >= 50
    assert "SECRET" not in settings


@pytest.mark.parametrize(
    ("url", "cleaned", "password"),
    [
        ("postgres://u:p%40ss@db:5432/shop", "postgresql://u@db:5432/shop", {"PGPASSWORD": "p@ss"}),
        ("postgres://u@db/shop", "postgresql://u@db/shop", {}),
        ("postgres:///shop", "postgresql:///shop", {}),
        ("postgres://u:p@db/shop?sslmode=require&conn_max_age=60", "postgresql://u@db/shop?sslmode=require", {"PGPASSWORD": "p"}),
        ("psql://u:p@%2Frun%2Fpostgresql/shop", "postgresql://u@%2Frun%2Fpostgresql/shop", {"PGPASSWORD": "p"}),
    ],
)
def test_a_database_address_reaches_the_tools_without_its_password(url, cleaned, password):
    assert archive.for_tools(url) == (cleaned, password)


def test_the_address_of_a_database_beside_keeps_everything_else():
    assert archive.address("postgres://u:p@db:5/shop?sslmode=require", database="copy") == "postgres://u:p@db:5/copy?sslmode=require"


def test_a_backup_is_never_written_over_another(tmp_path):
    (tmp_path / "shop.dump").write_text("earlier")
    with pytest.raises(RefusedError, match="never written over"):
        archive.backup(tmp_path / "shop.dump", url="postgres:///shop", environment=environment.Environment())
    assert (tmp_path / "shop.dump").read_text() == "earlier"


@pytest.mark.parametrize("port", ["0", "65536", "80a", "-1", "8000.0"])
def test_a_port_that_is_none_is_refused(monkeypatch, port):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(RefusedError, match="from 1 to 65535"):
        running.chosen_port()


@pytest.mark.parametrize("port", [None, ""])
def test_the_port_is_8000_unless_chosen(monkeypatch, port):
    monkeypatch.delenv("PORT", raising=False) if port is None else monkeypatch.setenv("PORT", port)
    assert running.chosen_port() == 8000


def test_a_port_that_is_taken_is_refused_with_a_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError, match=f"Port {port} .* make run PORT={port + 1}"):
            session.free_port(port)


def test_what_the_user_has_set_goes_before_the_defaults_of_this_machine(monkeypatch):
    monkeypatch.setenv("SECURE", "true")
    monkeypatch.delenv("LOG_FORMAT", raising=False)
    chosen = session.settings("postgres:///a", "redis://b", secret_key="c", url="http://d", data=DataDirectory(Path("e")))
    assert chosen["SECURE"] == "true"
    assert chosen["LOG_FORMAT"] == "console"
    assert "DEBUG" not in chosen


def test_a_strangers_settings_for_python_and_postgresql_do_not_reach_the_programs(monkeypatch):
    for name in ("PYTHONPATH", "PGSSLMODE", "PGHOST"):
        monkeypatch.setenv(name, "astray")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert "astray" not in session.environment_of({}).values()
    monkeypatch.setenv("DATABASE_URL", "postgres:///elsewhere")
    assert session.environment_of({})["PGSSLMODE"] == "astray"


HEADER = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'


def po(tmp_path, text):
    folder = tmp_path / "zh_Hans" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_text(HEADER + text)
    return folder / "django.po"


def test_a_translation_is_compiled_beside_its_source(tmp_path):
    source = po(tmp_path, 'msgid "points"\nmsgstr "积分"\n')
    compile_file(source)
    with source.with_suffix(".mo").open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("points") == "积分"


def test_a_translation_that_lost_a_placeholder_is_refused(tmp_path):
    source = po(tmp_path, '#, python-format\nmsgid "%(points)s points"\nmsgstr "%(piont)s 积分"\n')
    with pytest.raises(SystemExit, match=r"django\.po:"):
        compile_file(source)
    assert not source.with_suffix(".mo").exists()
