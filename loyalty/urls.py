from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from accounts.notifications.api import unsubscribe
from mall.pictures.api import picture

from . import probes

# The storefront's contract. Each app adds its own paths.
api = [path("", include(f"{app}.urls")) for app in ("accounts", "tiers", "points", "mall")]

urlpatterns = [
    path("api/v1/", include(api)),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
    path("unsubscribe/<str:token>", unsubscribe, name="unsubscribe"),
    re_path(r"^pictures/(?P<digest>[0-9a-f]{64})(?P<size>-small|)\.webp$", picture, name="picture"),
    path("healthz", probes.healthz),
    path("readyz", probes.readyz),
    path("metrics", probes.metrics),
]

handler400 = "loyalty.lib.problems.bad_request"
handler404 = "loyalty.lib.problems.not_found"
handler500 = "loyalty.lib.problems.server_error"
