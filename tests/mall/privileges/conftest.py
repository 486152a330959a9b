"""Kinds of privileges, and members who have some."""

from itertools import count

import pytest

from mall.privileges import services
from mall.privileges.models import PrivilegeKind


class Privileges:
    def __init__(self, mall):
        self.mall, self.keys = mall, count(1)

    def kind(self, code="fast", *, term="days", days=30, uses=3, **more):
        about = {"what": "priority_shipping", "name_zh": "优先发货", "name_en": "Priority shipping", "text_zh": "先发", "text_en": "First out.", **more}
        row = PrivilegeKind(code=code, term=term, term_days=days if term == "days" else None, uses=uses, **about)
        return services.keep(kind=row, actor="tests", now=self.mall.now)

    def grant(self, member, kind="fast", *, key="", **more):
        about = {"actor": "operator", "key": key or f"G-{next(self.keys)}", "now": self.mall.now}
        return services.grant(member_id=member.id, kind=kind, **{**about, **more})

    def use(self, row, subject="purchase/A-1"):
        return services.use(member_id=row.member_id, privilege_id=row.id, subject=subject, actor="tests", now=self.mall.now)

    def give_back(self, row, subject="purchase/A-1"):
        return services.give_back(member_id=row.member_id, privilege_id=row.id, subject=subject, now=self.mall.now)

    def end(self, row, reason="tests"):
        return services.end(member_id=row.member_id, privilege_id=row.id, reason=reason, actor="operator", now=self.mall.now)


@pytest.fixture
def privileges(mall):
    return Privileges(mall)


@pytest.fixture
def rich(mall, member):
    mall.give(member, 1_000)
    return member
