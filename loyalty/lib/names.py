"""What people call something, in Chinese and in English. Whoever reads sees it in their own language."""

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _


def told(chinese: str, english: str) -> str:
    """The one of the two that suits the reader's language; Chinese where there is no reader."""
    return chinese if (get_language() or "zh").startswith("zh") else english


class Named(models.Model):
    name_zh = models.CharField(_("name, Chinese"), max_length=60)
    name_en = models.CharField(_("name, English"), max_length=60)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return told(self.name_zh, self.name_en)


class Described(Named):
    """With a text besides, of the length that its subclass gives it: `text_zh` and `text_en`."""

    class Meta:
        abstract = True

    @property
    def text(self) -> str:
        return told(self.text_zh, self.text_en)
