import pytest

from tests.api.conftest import Asking


@pytest.fixture
def api(storefront):
    return Asking(storefront)


@pytest.fixture
def own(member_client):
    return Asking(member_client)
