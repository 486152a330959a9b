from django.urls import path

from accounts.members.api import member_paths

from .checkout import api as checkout
from .coupons import api as coupons
from .flashsale import api as flashsale
from .privileges.api import GiveBackView, PrivilegesView, UseView
from .redemptions import api as redemptions
from .rentals import api as rentals
from .revival import api as revival
from .shelf import api as shelf
from .topups import api as topups

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
    *member_paths("coupons", coupons.CouponsView),
    *member_paths("coupons/claimable", coupons.ClaimableView),
    path("coupons/validate", coupons.ValidateView.as_view()),
    path("coupons/<slug:coupon>", coupons.CouponView.as_view()),
    path("coupons/<slug:coupon>/use", coupons.UseView.as_view()),
    path("coupons/<slug:coupon>/give-back", coupons.GiveBackView.as_view()),
    *member_paths("redemptions", redemptions.RedemptionsView),
    *member_paths("redemptions/<uuid:redemption>", redemptions.MembersRedemptionView),
    *member_paths("redemptions/<uuid:redemption>/cancel", redemptions.MembersCancelView),
    path("redemptions/<uuid:redemption>", redemptions.RedemptionView.as_view()),
    path("redemptions/<uuid:redemption>/confirm", redemptions.ConfirmView.as_view()),
    path("redemptions/<uuid:redemption>/cancel", redemptions.CancelView.as_view()),
    path("redemptions/<uuid:redemption>/return", redemptions.ReturnView.as_view()),
    *member_paths("revival", revival.RevivalView),
    *member_paths("revival/redemptions", revival.ReviveView),
    path("reward-categories", shelf.CategoriesView.as_view()),
    path("rewards", shelf.RewardsView.as_view()),
    path("rewards/<slug:reward>", shelf.RewardView.as_view()),
    *member_paths("rewards", shelf.MembersRewardsView),
    *member_paths("rewards/<slug:reward>", shelf.MembersRewardView),
    *member_paths("privileges", PrivilegesView),
    *member_paths("privileges/<uuid:privilege>/use", UseView),
    *member_paths("privileges/<uuid:privilege>/give-back", GiveBackView),
    *member_paths("rentals", rentals.RentalsView),
    *member_paths("rentals/<uuid:rental>", rentals.RentalView),
    *member_paths("rentals/<uuid:rental>/renew", rentals.RenewView),
    *member_paths("rentals/<uuid:rental>/end", rentals.EndView),
    path("flash-sales", flashsale.SalesView.as_view()),
    *member_paths("flash-sales", flashsale.MembersSalesView),
    *member_paths("flash-sales/<int:sale>/ticket", flashsale.TicketView),
    *member_paths("flash-sales/<int:sale>/redemptions", flashsale.RedeemInSaleView),
    *member_paths("top-ups", topups.TopUpsView),
    path("top-ups/<uuid:top_up>/give-back", topups.TopUpBackView.as_view()),
]
