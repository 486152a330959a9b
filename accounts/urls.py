from .activity.api import PurchasesView
from .members.api import TokenView, member_paths

urlpatterns = [*member_paths("token", TokenView), *member_paths("purchases", PurchasesView)]
