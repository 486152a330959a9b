from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User


@pytest.fixture
def operator(client, db) -> Callable[..., User]:
    """Log in an operator with these permissions, in English."""

    def enter(*codenames: str) -> User:
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return user

    return enter
