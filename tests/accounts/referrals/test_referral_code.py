import threading

import pytest
from django.db import connection

from accounts.referrals import rules, selectors, services
from accounts.referrals.models import ReferralCode


@pytest.mark.django_db
def test_a_code_is_made_when_it_is_first_asked_for_and_stays(member, now):
    first = services.code_of(member_id=member.id, seed=b"one", now=now)
    assert services.code_of(member_id=member.id, seed=b"two", now=now) == first == rules.code(b"one")
    assert selectors.owner(first) == member


@pytest.mark.django_db
def test_a_code_that_is_somebodys_already_is_not_given_again(member, other_member, now):
    taken = services.code_of(member_id=member.id, seed=b"one", now=now)
    given = services.code_of(member_id=other_member.id, seed=b"one", now=now)
    assert given == rules.code(b"one", 1) != taken
    assert (selectors.owner(taken), selectors.owner(given)) == (member, other_member)


@pytest.mark.django_db
def test_while_members_cannot_invite_there_is_no_code_and_the_one_there_was_comes_back(member, terms, now):
    code = services.code_of(member_id=member.id, seed=b"one", now=now)
    terms(active=False)
    assert services.code_of(member_id=member.id, seed=b"one", now=now) is None
    terms(active=True)
    assert services.code_of(member_id=member.id, seed=b"two", now=now) == code


@pytest.mark.django_db(transaction=True)
def test_sixteen_first_questions_at_once_get_one_code(member, now):
    start, given = threading.Barrier(16), []

    def ask(number):
        try:
            start.wait(20)
            given.append(services.code_of(member_id=member.id, seed=bytes([number]), now=now))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(given) == 16
    assert set(given) == {ReferralCode.objects.get().code}
