from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, Self
from zoneinfo import ZoneInfo

from loyalty.lib.localtime import add_months, end_of_day, local_date

Kind = Literal["calendar_year", "fiscal_year", "months", "days", "never", "until"]


@dataclass(frozen=True, slots=True)
class ExpiryPolicy:
    """When points expire. `length` is years after the current one, months or days; `first_month` opens the fiscal year.

    Of `until`, a last day that was given, it is that day: 20261231.

    `zone` is for a policy that keeps its own business days, whatever the programme's zone is.
    """

    kind: Kind
    length: int = 0
    first_month: int = 1
    zone: str = ""

    def expires_at(self, available_at: datetime, programme_zone: ZoneInfo) -> datetime | None:
        """The first instant at which points that became available then are gone; None is never.

        1 July + 6 months is good through 1 January; 31 August + 6 months through the last of February.
        """
        zone = ZoneInfo(self.zone) if self.zone else programme_zone
        last = self._last_day(local_date(available_at, zone))
        return None if last is None else end_of_day(last, zone)

    def _last_day(self, start: date) -> date | None:
        match self.kind:
            case "calendar_year":
                return date(start.year + self.length, 12, 31)
            case "fiscal_year":
                opened = start.year if start.month >= self.first_month else start.year - 1
                return date(opened + 1 + self.length, self.first_month, 1) - timedelta(days=1)
            case "months":
                return add_months(start, self.length)
            case "days":
                return start + timedelta(days=self.length)
            case "until":
                return date(self.length // 10_000, self.length // 100 % 100, self.length % 100)
            case "never":
                return None

    @classmethod
    def until(cls, day: date) -> Self:
        """Points that are good through that day, whenever they became available."""
        return cls("until", int(f"{day:%Y%m%d}"))

    def __str__(self) -> str:
        """As lots keep it: `months:12`, `calendar_year:0`, `fiscal_year:1:4`, `days:90@Asia/Shanghai`, `until:20261231`, `never`."""
        parts: list[str] = [self.kind] if self.kind == "never" else [self.kind, str(self.length)]
        if self.kind == "fiscal_year":
            parts.append(str(self.first_month))
        return ":".join(parts) + (f"@{self.zone}" if self.zone else "")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The policy that `str` wrote. ValueError where it did not."""
        policy, _, zone = text.partition("@")
        kind, *numbers = policy.split(":")
        if kind not in ("calendar_year", "fiscal_year", "months", "days", "never", "until"):
            raise ValueError(f"{text!r} is not an expiry policy")
        return cls(kind, *map(int, numbers), zone=zone)  # type: ignore[arg-type, misc]


NEVER = ExpiryPolicy("never")
