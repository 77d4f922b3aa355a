"""Every address of the site."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

from webapp.common import views

admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("", include("webapp.classifications.urls")),
    path("", include("webapp.accounts.urls")),
    path("manage/", include("webapp.dashboard.urls")),
    path("my/account/", include("webapp.dashboard.own_urls")),
    path("", include("webapp.explore.urls")),
    path("", include("webapp.exports.urls")),
    path("imports/", include("webapp.imports.urls")),
    path("", include("webapp.api.urls")),
    path("sets/", include("webapp.subjects.urls")),
    path(".well-known/security.txt", views.security_txt, name="security_txt"),
    path("theme/", views.theme, name="theme"),
    path("language/", views.language, name="language"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/second-factor/", include("allauth.mfa.urls")),
    path("admin/", admin.site.urls),
]

handler500 = "webapp.common.views.server_error"
