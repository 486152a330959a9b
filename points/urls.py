from accounts.members.api import member_paths

from .earning.api import MemberProfile

urlpatterns = [*member_paths("", MemberProfile)]
