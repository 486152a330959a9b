"""Everything that members and operators read can be read in Chinese."""

import re
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import gettext, override

sys.path.insert(0, str(Path(settings.BASE_DIR) / "tools"))
import messages

BLANK = re.compile(r"%\(\w+\)[sd]")


def test_every_message_of_the_code_and_every_borrowed_one_has_a_translation():
    catalogue = messages.catalogue()
    known = {message: catalogue.get(message if isinstance(message, str) else message[0]) for message in messages.in_code()}
    assert not [message for message, found in known.items() if not (found and found.string and all(found.string))]


def test_the_catalogue_has_nothing_that_no_code_uses():
    used = {message if isinstance(message, str) else message[0] for message in messages.in_code()}
    kept = {message.id if isinstance(message.id, str) else message.id[0] for message in messages.catalogue() if message.id}
    assert kept == used


def test_every_translation_fills_the_same_blanks():
    for message in messages.catalogue():
        texts = [message.string] if isinstance(message.string, str) else message.string
        # “The only one” need not say how many; the plural does, and Chinese has one form for both.
        source = message.id if isinstance(message.id, str) else message.id[1]
        for text in texts if message.id else ():
            assert set(BLANK.findall(text)) == set(BLANK.findall(source)), source


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{% translate \"One\" %} {% trans 'Two' %}", ["One", "Two"]),
        ('{{ value|default:_("Three") }}', ["Three"]),
        ("{% blocktranslate with at=moment %}At {{ at }}: 5 %{% endblocktranslate %}", ["At %(at)s: 5 %%"]),
        ("{% blocktranslate count n=n %}{{ n }} point{% plural %}{{ n }} points{% endblocktranslate %}", [("%(n)s point", "%(n)s points")]),
    ],
)
def test_messages_of_templates_are_found_as_django_asks_for_them(template, found):
    assert list(messages.of_template(template)) == found


def test_the_compiled_catalogue_is_in_force():
    with override("zh-hans"):
        assert gettext("There are not enough points available.") == "可用积分不足。"
