from django.urls import path

from .checkout import api as checkout

urlpatterns = [
    path("programme", checkout.ProgrammeView.as_view()),
    path("quotes", checkout.QuoteView.as_view()),
    path("holds", checkout.HoldsView.as_view()),
    path("holds/<uuid:hold>", checkout.HoldView.as_view()),
    path("holds/<uuid:hold>/capture", checkout.CaptureView.as_view()),
    path("holds/<uuid:hold>/release", checkout.ReleaseView.as_view()),
    path("purchases", checkout.PurchasesView.as_view()),
    path("purchases/<str:purchase>/refunds", checkout.RefundsView.as_view()),
    path("purchases/<str:purchase>/delivered", checkout.DeliveredView.as_view()),
    path("purchases/<str:purchase>/claim", checkout.ClaimView.as_view()),
    path("refunds", checkout.ParkedRefundsView.as_view()),
]
