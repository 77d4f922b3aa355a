"""Addresses of the pages about this site, of one's own account, and of everybody's roles."""

from django.urls import path

from webapp.accounts import views

app_name = "accounts"
urlpatterns = [
    path("about/", views.about, name="about"),
    path("about/privacy/", views.privacy, name="privacy"),
    path("about/terms/", views.terms, name="terms"),
    path("accounts/email/", views.address, name="address"),  # in front of allauth's
    path("accounts/profile/", views.profile, name="profile"),
    path("accounts/keys/", views.keys, name="keys"),
    path("people/", views.people, name="people"),
    path("people/<int:user_id>/role/", views.change_role, name="change_role"),
]
