"""What an address of the console may hold: anything. Nobody is to read of an error of ours for it."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

NO_IDS = ("nonsense", "0", "00000000-0000-0000-0000-000000000000")


@pytest.fixture
def operator(db, django_user_model):
    client = Client(raise_request_exception=False)
    client.force_login(django_user_model.objects.create_superuser("sample", password="a-sample-password-x"))
    return client


def addresses(no_id):
    for model, page in admin.site._registry.items():
        change = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[no_id])
        yield change
        acts = [name for one in getattr(page, "actions_detail", None) or [] for name in (one["items"] if isinstance(one, dict) else [one])]
        yield from (change.replace("/change/", f"/{getattr(getattr(page, act), 'url_path', act)}/") for act in acts)


@pytest.mark.parametrize("no_id", ["nonsense", "0", "00000000-0000-0000-0000-000000000000"])
def test_an_address_that_names_nothing_is_no_error_on_any_page_nor_by_any_action(operator, no_id):
    answers = {address: operator.get(address).status_code for address in addresses(no_id)}
    assert {address: status for address, status in answers.items() if status >= 500} == {}
