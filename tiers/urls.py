from accounts.members.api import member_paths

from .growth.api import GrowthView
from .standing.api import StandingView

urlpatterns = [*member_paths("standing", StandingView), *member_paths("growth", GrowthView)]
