"""Pictures of the console for `docs/images`, from a running installation: `python tools/screenshots.py [--demo .local/demo.json]`.

Needs `playwright` and a Chromium; logs in as the demo's operators, in Chinese and English. Where no adjustment waits for a second
person, the first operator asks for one; where nothing was simulated, they draft a rule and try it on the last year.
"""

import argparse
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
LANGUAGES = {"zh": "zh-CN", "en": "en-US"}
# A cart of the sample member in the gold tier.
TRIED = "fact=purchase&member=M-1002&channel=web&lines=2&line.0.category=MILK+POWDER&line.0.amount=100&line.1.category=LUXURY&line.1.amount=50"
ZONE = "America/New_York"
SCREEN = {"width": 1360, "height": 850}


def smaller(png: bytes) -> bytes:
    """The same picture in at most 256 colours: a screen of text needs no more, and takes a third of the room."""
    made = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(made, "PNG", optimize=True)
    return made.getvalue()


class Visit:
    """One operator's browser, in one language."""

    def __init__(self, browser: Browser, url: str, locale: str) -> None:
        self.url = url
        # Where the clocks differ, date fields carry a warning.
        about = {"locale": locale, "timezone_id": ZONE, "viewport": SCREEN, "color_scheme": "light"}
        self.page: Page = browser.new_context(**about).new_page()

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}/admin/{path}", wait_until="networkidle")

    def log_in(self, operator: dict[str, str]) -> None:
        self.open("login/")
        self.page.fill("input[name=username]", operator["name"])
        self.page.fill("input[name=password]", operator["password"])
        self.page.click("#login-form button[type=submit]")
        self.page.wait_for_url(f"{self.url}/admin/")

    def save(self, file: Path, *, full: bool = False) -> None:
        self.page.evaluate("document.activeElement && document.activeElement.blur()")
        # What sticks to the bottom of the window would stick to the middle of a picture longer than that.
        height = max(SCREEN["height"], self.page.evaluate("document.documentElement.scrollHeight")) if full else SCREEN["height"]
        self.page.set_viewport_size({**SCREEN, "height": height})
        file.write_bytes(smaller(self.page.screenshot()))
        self.page.set_viewport_size(SCREEN)
        print(f"{file.name}: {file.stat().st_size // 1024} KB")

    def first_link(self, path: str, part: str, within: str = "#result_list a, table a") -> str | None:
        """The address of the first link on a page whose address contains `part`."""
        self.open(path)
        link = self.page.locator(", ".join(f"{one}[href*='{part}']" for one in within.split(", "))).first
        return link.get_attribute("href") if link.count() else None

    def follow(self, path: str, *parts: str) -> None:
        """Open a list, the first thing on it, and from there, one after the other, the first link whose address contains each part."""
        for part in ("/change/", *parts):
            found = self.first_link(path, part, within="a" if part in parts else "#result_list a, table a")
            assert found, f"no link to {part} on {path}"
            path = found.removeprefix("/admin/")
        self.open(path)


def waiting_adjustment(visit: Visit, member: str) -> str:
    """The page of an adjustment that waits, asked for if there is none."""
    waiting = "points/adjustment/?status__exact=waiting"
    found = visit.first_link(waiting, "/points/adjustment/0")
    if found is None:
        visit.open(f"points/adjustment/add/?member={member}")
        visit.page.fill("input[name=points]", "5000")
        visit.page.fill("textarea[name=reason]", "Order lost by the carrier, sent again (sample)")
        visit.page.click("form.console-card button[type=submit]")
        visit.page.click("button[name=confirmed]")
        found = visit.first_link(waiting, "/points/adjustment/0")
    assert found, "the adjustment that was asked for does not wait"
    return found.removeprefix("/admin/")


def simulation(visit: Visit) -> str:
    """The page of a simulation that is done. Where there is none: a draft that gives a fifth more for purchases, tried on the last year."""
    done = ("points/simulation/?status__exact=done", "/points/simulation/0")
    if visit.first_link(*done) is None:
        visit.follow("points/rule/?q=purchase", "/new-version")
        visit.page.fill("input[name='effect.rate']", "1.2")
        visit.page.click("button[name=save]")
        visit.open("points/simulation/add/")
        visit.page.check("input[name=versions]")
        visit.page.select_option("select[name=span]", "days_365")
        visit.page.click("form.console-narrow button[type=submit]")
        visit.page.click("button[name=confirmed]")
    for _second in range(120):
        if found := visit.first_link(*done):
            return found.removeprefix("/admin/")
        visit.page.wait_for_timeout(1000)
    raise AssertionError("the simulation that was asked for is not done: is a worker running?")


def earning(visit: Visit, picture: Callable[[str], Path]) -> None:
    """The pages on which earning is steered and explained."""
    for name, path in {"rules": "points/rule/", "calendar": "points/rule/calendar/", "budgets": "points/budget/", "proofs": "points/proof/"}.items():
        visit.open(path)
        visit.save(picture(name))
    for name, path in {"mission-form": "points/mission/add/", "try-it": f"points/decision/try-it/?{TRIED}"}.items():
        visit.open(path)
        visit.save(picture(name), full=True)
    # Gold members, beauty, double in Singles' week, at most 1,000 a day.
    visit.follow("points/rule/?q=beauty", "/new-version")
    visit.page.check("input[name='conditions.tiers'][value=gold]")
    visit.page.select_option("select[name='conditions.festival']", "singles-week")
    visit.page.select_option("select[name='limits.0.per']", "day")
    visit.page.fill("input[name='limits.0.points']", "1000")
    visit.page.click("button[name=preview]")
    visit.page.wait_for_load_state("networkidle")
    visit.save(picture("rule-form"), full=True)
    visit.follow("points/entry/?q=M-1002", "/of-entry/")
    visit.save(picture("explanation"), full=True)
    visit.follow("points/proof/")
    visit.save(picture("proof"))
    visit.open(simulation(visit))
    visit.save(picture("simulation"), full=True)


def mall(visit: Visit, picture: Callable[[str], Path]) -> None:
    """The pages on which rewards are kept, sold and sent."""
    for name, path in {
        "rewards": "mall/reward/",
        "stock-changes": "mall/stockchange/",
        "margins": "mall/reward/margins/",
        "redemptions": "mall/redemption/",
        "flash-sales": "mall/flashsale/calendar/",
        "markdown": "mall/markdown/start-one/",
    }.items():
        visit.open(path)
        visit.save(picture(name))
    found = visit.first_link("mall/reward/?q=blanket", "/change/")
    assert found, "no sample reward"
    page = found.removeprefix("/admin/").partition("?")[0]
    for name, path in {
        "reward-form": page,
        "reward-preview": page.replace("change/", "preview/?member=M-1002"),
        "reward-margin": page.replace("change/", "margin/"),
    }.items():
        visit.open(path)
        visit.save(picture(name), full=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path(os.environ.get("DATA_DIR") or ROOT / ".local") / "demo.json")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--only", choices=["mall"], help="take these alone (default: all)")
    parser.add_argument("--member", default="M-1001", help="the storefront's id of the member to show")
    chosen = parser.parse_args()
    demo = json.loads(chosen.demo.read_text())
    maker, checker = demo["operators"][:2]
    chosen.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chosen.chromium, args=ARGS)
        for short, locale in LANGUAGES.items():

            def picture(name: str, short: str = short) -> Path:
                return chosen.out / f"{name}-{short}.png"

            visit = Visit(browser, demo["url"], locale)
            if not chosen.only:
                visit.open("login/")
                visit.save(picture("login"))
            visit.log_in(maker)
            if chosen.only:
                mall(visit, picture)
                continue
            adjustment = waiting_adjustment(visit, chosen.member)
            visit.open("")
            visit.save(picture("overview"))
            member = visit.first_link(f"accounts/member/?q={chosen.member}", "/accounts/member/0")
            assert member, f"no member {chosen.member}"
            visit.open(member.removeprefix("/admin/"))
            visit.save(picture("member"), full=True)
            visit.open(f"points/entry/?q={chosen.member}")
            visit.save(picture("entries"))
            earning(visit, picture)
            mall(visit, picture)
            second = Visit(browser, demo["url"], locale)
            second.log_in(checker)
            second.open(adjustment)
            second.save(picture("adjustment"))
            second.open(adjustment.replace("change/", "approve/"))
            second.save(picture("approve"))
        browser.close()


if __name__ == "__main__":
    main()
