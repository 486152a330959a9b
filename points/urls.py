from accounts.members.api import member_paths

from .cards.api import CardsView
from .earning.api import MemberProfile
from .ledger.api import AccountView, EntriesView, LotsView, SpendView

urlpatterns = [
    *member_paths("", MemberProfile),
    *member_paths("account", AccountView),
    *member_paths("entries", EntriesView),
    *member_paths("lots", LotsView),
    *member_paths("spends", SpendView),
    *member_paths("cards", CardsView),
]
