from datetime import date

import pytest

from points.proofs.rules import grades_as_lines, grades_from_lines, host_of, may_be_opened, month_of, shows_picture


@pytest.mark.parametrize(
    "address",
    [
        "https://pictures.example.com/post.jpg",
        "https://example.com",
        "HTTPS://Example.COM/a?b=c#d",
        "https://example.com:8443/a",
        "https://xn--fiq228c.example/图片.png",
        "https://a-b.example.co/" + "x" * (500 - len("https://a-b.example.co/")),
    ],
)
def test_a_public_https_address_may_be_opened(address):
    assert may_be_opened(address, schemes=("https",))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "javascript:alert(1)",
        "JavaScript:alert(1)//https://example.com",
        "java\nscript:alert(1)",
        "data:text/html;base64,PHNjcmlwdD4=",
        "data:image/png;base64,AAAA",
        "vbscript:x",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "http://example.com/a",
        "//example.com/a.jpg",
        "/a.jpg",
        "example.com/a.jpg",
        " https://example.com",
        "https://example.com ",
        "https:example.com",
        "https:/example.com",
        "https:\\\\example.com",
        "https://example.com\\@evil.example",
        "https://name:password@example.com/",
        "https://example.com@evil.example/",
        "https://localhost/a",
        "https://router/restart",
        "https://127.0.0.1/a",
        "https://10.0.0.1:8080/a",
        "https://2130706433/a",
        "https://0x7f.0x0.0x0.0x1/",
        "https://[::1]/a",
        "https://-example.com/",
        "https://example..com/",
        "https://.com/",
        "https://例子.example/a",
        'https://example.com/"onerror="x',
        "https://example.com/<script>",
        "https://example.com/a b",
        "https://example.com/a\x00b",
        "https://example.com/a\u2028",
        "https://example.com:999999/",
        "https://example.com/" + "x" * 481,
    ],
)
def test_whatever_else_a_stranger_sends_is_no_link(address):
    assert not may_be_opened(address, schemes=("https",))


def test_http_may_be_opened_only_where_it_is_let_in():
    assert may_be_opened("http://example.com/a", schemes=("https", "http"))
    assert not may_be_opened("javascript:alert(1)", schemes=("https", "http"))


@pytest.mark.parametrize(
    ("address", "picture"),
    [
        ("https://example.com/a.jpg", True),
        ("https://example.com/a.b.JPEG?size=2", True),
        ("https://example.com/a.webp#x", True),
        ("https://example.com/a.svg", False),
        ("https://example.com/a.html", False),
        ("https://example.com/?a.jpg", False),
        ("https://example.com/jpg", False),
        ("https://example.com", False),
    ],
)
def test_a_picture_is_known_by_the_end_of_its_path(address, picture):
    assert shows_picture(address) is picture


def test_the_host_is_what_pictures_are_allowed_by():
    assert host_of("https://Pictures.Example.com:8443/a.jpg") == "pictures.example.com"


@pytest.mark.parametrize(
    ("day", "first", "after"),
    [
        (date(2026, 3, 1), date(2026, 3, 1), date(2026, 4, 1)),
        (date(2026, 3, 31), date(2026, 3, 1), date(2026, 4, 1)),
        (date(2026, 12, 31), date(2026, 12, 1), date(2027, 1, 1)),
    ],
)
def test_a_month_ends_where_the_next_begins(day, first, after):
    assert month_of(day) == (first, after)


def test_grades_are_read_one_a_line_in_both_languages():
    grades = grades_from_lines("合格 | Good\n\n  优秀|Excellent \n特别\n| Best")
    assert grades == [{"zh": "合格", "en": "Good"}, {"zh": "优秀", "en": "Excellent"}, {"zh": "特别", "en": "特别"}, {"zh": "Best", "en": "Best"}]
    assert grades_from_lines(grades_as_lines(grades)) == grades


@pytest.mark.parametrize("text", ["", " \n ", "|", "a\n | \nb", "\n".join("abcdefghij")])
def test_no_grade_a_nameless_one_and_more_than_nine_are_refused(text):
    with pytest.raises(ValueError, match="grade"):
        grades_from_lines(text)
