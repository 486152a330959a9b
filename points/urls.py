from django.urls import path

from accounts.members.api import member_paths

from .cards.api import CardsView
from .checkin.api import CheckInsView
from .earning.api import ClaimOfferView, EventsView, MemberProfile, OffersView
from .explanation.api import ExplanationView
from .ledger.api import AccountView, EntriesView, LotsView, SpendView
from .missions.api import BadgesView, ClaimView, MissionsView
from .proofs.api import ProofsView

urlpatterns = [
    path("events", EventsView.as_view()),
    *member_paths("offers", OffersView),
    *member_paths("offers/<uuid:offer>/claim", ClaimOfferView),
    *member_paths("", MemberProfile),
    *member_paths("account", AccountView),
    *member_paths("entries", EntriesView),
    *member_paths("entries/<uuid:entry>/explanation", ExplanationView),
    *member_paths("lots", LotsView),
    *member_paths("spends", SpendView),
    *member_paths("cards", CardsView),
    *member_paths("check-ins", CheckInsView),
    *member_paths("missions", MissionsView),
    *member_paths("missions/<slug:mission>/claim", ClaimView),
    *member_paths("badges", BadgesView),
    *member_paths("proofs", ProofsView),
]
