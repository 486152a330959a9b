"""What `.env.example`, `docker-compose.yml` and the `Dockerfile` promise, as far as that can be read from them."""

import re
from pathlib import Path

import pytest
import yaml
from django.conf import settings

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
OURS = ("web", "worker", "beat", "migrate")
NOT_DJANGOS = {"POSTGRES_PASSWORD", "VALKEY_PASSWORD", "PORT", "WEB_CONCURRENCY", "WORKER_CONCURRENCY"}


def read_by_the_settings():
    return set(re.findall(r'\benv(?:\.\w+)?\(\s*"([A-Z_]+)"', (ROOT / "loyalty" / "settings.py").read_text())) | set(settings.CHANNELS)


def test_the_example_names_each_setting_that_is_read_and_no_other():
    named = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    by_provider = {name for name in named if name.startswith(("VOUCHER_SECRET_", "VOUCHER_URL_"))}
    assert len(by_provider) == 2
    assert named - NOT_DJANGOS - by_provider == read_by_the_settings()
    assert named >= NOT_DJANGOS


@pytest.mark.parametrize("name", ["SECRET_KEY", "POSTGRES_PASSWORD", "VALKEY_PASSWORD", "METRICS_TOKEN", "SMTP_PASSWORD", "APNS_KEY", "WECHAT_APP_SECRET"])
def test_the_example_leaves_each_secret_to_be_filled_in(name):
    assert re.search(rf"^{name}=$", EXAMPLE, re.MULTILINE)


def test_there_is_one_beat_and_it_cannot_be_scaled():
    beats = [name for name, service in COMPOSE.items() if "beat" in service.get("command", [])]
    assert beats == ["beat"]
    assert COMPOSE["beat"]["container_name"]


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_whatever_serves_waits_for_the_migrations(name):
    assert COMPOSE[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"


def test_only_the_web_is_published_and_only_on_this_machine():
    published = {name: service["ports"] for name, service in COMPOSE.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_neither_write_their_files_nor_gain_rights(name):
    assert COMPOSE[name]["read_only"]
    assert COMPOSE[name]["cap_drop"] == ["ALL"]


def test_the_image_does_not_run_as_root():
    stages = (ROOT / "Dockerfile").read_text().split("\nFROM ")
    assert "\nUSER loyalty\n" in stages[-1]
    assert "HEALTHCHECK" in stages[-1]
