from .activity.api import PurchasesView
from .members.api import TokenView, member_paths
from .referrals.api import ReferralsView

urlpatterns = [*member_paths("token", TokenView), *member_paths("purchases", PurchasesView), *member_paths("referrals", ReferralsView)]
