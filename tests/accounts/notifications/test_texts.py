"""The texts that come with the programme, and what is refused when one is written."""

from importlib import import_module

import pytest
from django.apps import apps
from django.utils import translation

from accounts.notifications import rules, selectors, services
from accounts.notifications.models import Channel, Language, NotificationKind, Template
from loyalty.audit.models import AuditEntry

from .conftest import NOW

pytestmark = pytest.mark.django_db
KINDS = [
    "points_expiring", "points_expired", "tier_reached", "tier_kept", "tier_fell", "term_ending", "member_dormant", "inactivity_ahead", "points_voided",
    "birthday", "allowance",
]  # fmt: skip


@pytest.fixture
def write():
    def put(text, *, subject="Sample subject", html="", channel="email", kind="birthday"):
        services.write_text(kind=kind, channel=channel, language="en", subject=subject, text=text, html=html, actor="tests", now=NOW)
        return Template.objects.filter(kind=kind, channel=channel, language="en").first()

    return put


@pytest.mark.parametrize("code", KINDS)
@pytest.mark.parametrize("channel", Channel.values)
@pytest.mark.parametrize("language", Language.values)
def test_every_kind_says_something_on_every_channel_in_both_languages(code, channel, language):
    kind = NotificationKind.objects.get(code=code)
    text = Template.objects.get(kind=kind, channel=channel, language=language)
    assert selectors.faults(kind=kind, channel=channel, subject=text.subject, text=text.text, html=text.html) == []
    message = services.example(kind=kind, channel=channel, language=language, subject=text.subject, text=text.text, html=text.html)
    assert "{{" not in message.subject + message.text
    assert "[[" not in message.subject + message.text
    if channel == "sms":
        # With room for the signature that providers put before it.
        assert rules.segments(message.text + "【示例商店】" * (language == "zh-hans")) == 1


def test_expiry_is_sent_again_without_an_answer_and_marketing_never():
    assert dict(NotificationKind.objects.values_list("purpose", "resend_unknown").distinct()) == {"expiry": True, "service": False, "marketing": False}


def test_a_text_says_whatever_its_kind_may_speak_of(write):
    assert write("Dear {{ member_name }}, {{ points }} {{ points_name }}.").text == "Dear {{ member_name }}, {{ points }} {{ points_name }}."
    assert AuditEntry.objects.get(verb="message_text.write").subject == "message/birthday"


@pytest.mark.parametrize(
    ("text", "subject", "sentence"),
    [
        ("{{ tier }}", "Hello", "{{ tier }} is not known here. Known are: {{ points }}, {{ member_name }}"),
        ("Hello", "{{ oops }}", "{{ oops }} is not known here."),
        ("{% now %}", "Hello", "{% now %} is not known here."),
        ("[[Hello", "Hello", "Each [[ needs a ]]"),
        ("Hello", "", "A message of this channel needs a subject."),
        ("", "Hello", "Write what it says."),
    ],
)
def test_what_cannot_be_sent_is_refused_with_a_sentence(write, refuses, text, subject, sentence):
    before = Template.objects.get(kind="birthday", channel="email", language="en").text
    with translation.override("en"), refuses(services.TextRefused) as refused:
        write(text, subject=subject)
    assert refused.value.message.startswith(sentence)
    assert Template.objects.get(kind="birthday", channel="email", language="en").text == before


def test_a_text_of_its_own_html_is_checked_as_well(write, refuses):
    with refuses(services.TextRefused):
        write("Hello", html="<p>{{ oops }}</p>")
    assert write("Hello", html="<style>p { color: red }</style><p>{{ points }}</p>").html.startswith("<style>")


def test_what_was_said_before_stays_in_the_history(write):
    write("First {{ points }}")
    write("Second {{ points }}")
    write("Second {{ points }}")
    said = Template.history.filter(kind="birthday", channel="email", language="en").order_by("history_date", "history_id").values_list("text", flat=True)
    assert [text.splitlines()[0] for text in said] == ["Dear {{ member_name }},", "First {{ points }}", "Second {{ points }}"]


def test_a_text_taken_away_leaves_the_word_to_the_other_language(write):
    assert write("", subject="") is None
    assert selectors.text_for(kind="birthday", channel="email", language="en").language == "zh-hans"
    assert write("Back again", subject="Hello").text == "Back again"


def test_texts_that_operators_changed_stay_when_the_migration_runs_again(write):
    write("Ours {{ points }}")
    import_module("accounts.migrations.0016_notifications").load(apps, None)
    assert Template.objects.get(kind="birthday", channel="email", language="en").text == "Ours {{ points }}"
