"""Evaluates a million members as the nightly job does, by growth and by quintiles, and says how long it took and how much memory.

    python tools/evaluate.py --members 1000000

Members and what they bought are made by SQL, in a database of its own that must be empty (DATABASE_URL); what it means: docs/BENCHMARKS.md.
"""

import argparse
import os
import resource
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MEMBERS = """
INSERT INTO accounts_member (id, external_id, name, email, phone, language, status, token_version, created_at, registered_at{more_columns})
SELECT gen_random_uuid(), 'sample-' || n, '', '', '', '', 'active', 0, %(now)s, %(now)s{more_values} FROM generate_series(1, %(members)s) n"""

# Some buy once, some every week: the number of orders falls off like real ones do, and so do the amounts. Draws that hang on the member
# are made anew for each.
ENTRIES = """
INSERT INTO tiers_growthentry
       (id, member_id, kind, fact, subject, number, growth, amount_cents, orders, rate, occurred_at, recorded_at, actor, reason)
SELECT gen_random_uuid(), m.id, o.kind, o.kind, o.kind || '/' || o.n, 0, o.amount, CASE o.kind WHEN 'purchase' THEN o.amount * 100 ELSE 0 END,
       CASE o.kind WHEN 'purchase' THEN 1 ELSE 0 END, 100000000, o.at, o.at, '', ''
  FROM accounts_member m
 CROSS JOIN LATERAL (
    SELECT n, CASE WHEN random() < 0.3 THEN 'behaviour' ELSE 'purchase' END AS kind, (10 + 400 * power(random(), 3))::bigint AS amount,
           %(now)s - random() * interval '730 days' AS at
      FROM generate_series(1, (1 + 30 * power(abs(hashtext(m.id::text) %% 1000) / 1000.0, 3))::int) n) o"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--mode", choices=["growth", "rfm_ltv"], action="append", help="only this way of evaluating (default: both)")
    options = parser.parse_args()

    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
    import django

    django.setup()
    from accounts.members.models import Member
    from tiers.evaluation import services
    from tiers.evaluation.models import CutPoints, EvaluationPolicy
    from tiers.growth.models import GrowthEntry
    from tiers.ladder import services as ladder
    from tiers.standing.models import Standing

    now = datetime.now(UTC)  # noqa: TID251 (an edge)
    if Member.objects.exists():
        parser.error("there are members in this database: give it one of its own by DATABASE_URL")
    timed("made", lambda: build(options.members, now))
    print(f"{options.members:,} members, {GrowthEntry.objects.count():,} growth entries")
    thresholds = {"growth": (1_000, 3_000, 10_000), "rfm_ltv": (400, 450, 490)}
    for night, mode in enumerate(options.mode or thresholds):
        EvaluationPolicy(id=1, mode=mode).save()
        for (code, rank), threshold in zip((("bronze", 10), ("silver", 20), ("gold", 30), ("diamond", 40)), (0, *thresholds[mode]), strict=True):
            ladder.keep(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=10_000, threshold=threshold, actor="sample", now=now)
        # The first night of a way finds everybody who reaches a tier; the second one is like any other.
        for which in (2 * night, 2 * night + 1):
            at = now + timedelta(days=which)
            if mode == "rfm_ltv":
                timed(f"{mode}: quintiles of all", lambda at=at: services.compute_cuts(day=services.local_date(at, services.programme.zone(now=at)), now=at))
            members, moved = timed(f"{mode}: night {which + 1}", lambda at=at: whole_night(at))
            print(f"    {members:,} looked at, {moved:,} moved, {Standing.objects.count():,} in a tier, {CutPoints.objects.count()} days with quintiles")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")
    return 0


def build(members: int, now: datetime) -> None:
    from django.db import connection

    from accounts.members.models import Member

    known = {"id", "external_id", "name", "email", "phone", "language", "status", "token_version", "created_at", "registered_at"}
    more = [field for field in Member._meta.concrete_fields if field.column not in known and not field.null and not field.has_db_default()]
    columns, values = "".join(f", {field.column}" for field in more), "".join(f", '{field.get_default()}'" for field in more)
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS.format(more_columns=columns, more_values=values), {"now": now, "members": members})
        cursor.execute("ANALYZE accounts_member")
        cursor.execute(ENTRIES, {"now": now})
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE tiers_growthentry")


def whole_night(now: datetime) -> tuple[int, int]:
    from tiers.evaluation import services

    members = moved = 0
    while True:
        looked = services.look_at_slice(now=now)
        members, moved = members + looked.members, moved + looked.moved
        if looked.over:
            return members, moved


def timed(what, act):
    began = time.perf_counter()
    result = act()
    print(f"{what}: {time.perf_counter() - began:,.1f} s", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
