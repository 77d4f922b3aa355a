"""Addresses of what somebody may do with all that is stored about them."""

from django.urls import path

from webapp.dashboard import own_account

app_name = "own"
urlpatterns = [
    path("data.json", own_account.data, name="data"),
    path("delete/", own_account.delete, name="delete"),
    path("sign-out-everywhere/", own_account.sign_out_everywhere, name="sign_out_everywhere"),
]
