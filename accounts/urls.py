from .members.api import TokenView, member_paths

urlpatterns = [*member_paths("token", TokenView)]
