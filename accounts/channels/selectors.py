from collections.abc import Mapping

from django.conf import settings

from loyalty.lib.configuration import held

from . import rules
from .models import ChannelSettings
from .rules import Readiness, Setup


def providers() -> dict[str, Readiness]:
    """Each channel and whether it can send now."""
    ready = {"inbox": Readiness(can_send=True)}
    for channel in rules.CHANNELS[1:]:
        used = [row for row in _in_use().values() if row.channel == channel]
        faults = {row.provider: fault(row) for row in used}
        able = [code for code, why_not in faults.items() if not why_not]
        why_not = "" if able else next(iter(faults.values()), "not_in_use")
        ready[channel] = Readiness(can_send=bool(able), why_not=why_not, providers=able)
    return ready


def why_not(*, channel: str, to: str) -> str:
    """Why nothing can be sent to that address now, a code of `rules.WHY_NOT`; empty when it can."""
    if channel == "inbox":
        return ""
    if not rules.well_formed(channel, to):
        return "address_invalid"
    row = next((row for row in _in_use().values() if rules.serves(row.about, channel, to)), None)
    return fault(row) if row else "not_in_use"


def setup_for(*, channel: str, to: str) -> Setup | None:
    """How to reach that address; None where `why_not` says why not."""
    if why_not(channel=channel, to=to):
        return None
    return setup(next(row for row in _in_use().values() if rules.serves(row.about, channel, to)))


def setup(row: ChannelSettings) -> Setup:
    parameters = {each.name: row.parameters.get(each.name) or each.default for each in row.about.parameters}
    templates = {(one.kind, one.language): rules.Template(one.code, one.read_variables() or ()) for one in row.templates.all()}
    return Setup(row.about, parameters, environment(row.about), templates, settings.CHANNEL_CONNECT_SECONDS, settings.CHANNEL_ANSWER_SECONDS)


def parameter(provider: str, name: str) -> str:
    """A public parameter of a provider, in use or not; empty where nobody has said."""
    row = ChannelSettings.objects.filter(provider=provider).first()
    return str(row.parameters.get(name, "")) if row else ""


def fault(row: ChannelSettings) -> str:
    """Why the provider cannot be used as it is set up, whether or not it is in use; empty when it can."""
    return rules.fault_of(row.about, row.parameters, environment(row.about))


def untouched(*, channel: str) -> bool:
    """Whether nobody has set up any provider of that channel yet."""
    return not ChannelSettings.objects.filter(channel=channel).exclude(parameters={}, in_use=False).exists()


def environment(provider: rules.Provider) -> Mapping[str, str]:
    return {name: settings.CHANNELS[name] for name in (*provider.needs, *provider.may)}


def _in_use() -> dict[str, ChannelSettings]:
    def read() -> dict[str, ChannelSettings]:
        rows = ChannelSettings.objects.filter(in_use=True).prefetch_related("templates__settings")
        return {row.provider: row for row in rows}

    return held(ChannelSettings, read)  # type: ignore[arg-type, return-value]
