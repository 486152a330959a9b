"""How a picture is kept, and how anybody sees it."""

import pytest

from mall.pictures import selectors, services
from mall.pictures.models import Picture
from tests.mall.pictures.test_rules import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def kept(now):
    return services.keep(pair=services.read(picture()), actor="tests", now=now)


def test_a_picture_is_served_for_ever_in_both_sizes(kept, client):
    for small in (False, True):
        answer = client.get(selectors.path(kept.digest, small=small))
        assert (answer.status_code, answer["Content-Type"], answer.content) == (200, "image/webp", bytes(kept.small if small else kept.content))
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert not answer.cookies


def test_who_has_it_is_not_sent_it_again(kept, client, django_assert_num_queries):
    path = selectors.path(kept.digest)
    tag = client.get(path)["ETag"]
    with django_assert_num_queries(0):
        again = client.get(path, headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(selectors.path(kept.digest, small=True), headers={"if-none-match": tag}).status_code == 200


@pytest.mark.parametrize("name", ["0" * 64 + ".webp", "0" * 64 + "-small.webp", "0" * 63 + ".webp", "../manage.py", "0" * 64 + ".png"])
def test_what_is_no_picture_is_not_found(client, name):
    answer = client.get(f"/pictures/{name}")
    assert answer.status_code == 404
    assert "immutable" not in answer.get("Cache-Control", "")


def test_pictures_are_only_looked_at(kept, client):
    assert client.post(selectors.path(kept.digest)).status_code == 405
    assert client.head(selectors.path(kept.digest)).status_code == 200


def test_the_same_picture_twice_is_one(kept, now):
    again = services.keep(pair=services.read(picture()), actor="somebody else", now=now)
    assert (again.digest, again.uploaded_by, Picture.objects.count()) == (kept.digest, "tests", 1)


def test_what_is_no_picture_is_refused_with_a_sentence(refuses):
    with refuses(services.PictureUnfit) as refused:
        services.read(b"no picture")
    assert refused.value.message == "这不是 JPEG、PNG 或 WebP 图片，或者图片已损坏。" or refused.value.message.startswith("This is no JPEG")
    assert refused.value.figures == {"fault": "unread"}
