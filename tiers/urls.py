from accounts.members.api import member_paths

from .standing.api import StandingView

urlpatterns = [*member_paths("standing", StandingView)]
