from django.urls import path

from .activity.api import PurchasesView
from .channels.api import AliyunReceiptsView, TencentReceiptsView, WeChatReceiptsView
from .members.api import TokenView, member_paths
from .referrals.api import ReferralsView

urlpatterns = [
    *member_paths("token", TokenView),
    *member_paths("purchases", PurchasesView),
    *member_paths("referrals", ReferralsView),
    path("receipts/aliyun", AliyunReceiptsView.as_view()),
    path("receipts/tencent", TencentReceiptsView.as_view()),
    path("receipts/wechat", WeChatReceiptsView.as_view()),
]
