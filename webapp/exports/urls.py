"""Addresses of files for scientists."""

from django.urls import path

from webapp.exports import releases, views

app_name = "exports"
RELEASE = "releases/<slug:slug>/<int:number>/"
urlpatterns = [
    path("exports/", views.exports, name="list"),
    path("exports/new/<slug:slug>/", views.ask, name="request"),
    path("exports/<int:pk>/", views.export, name="export"),
    path("exports/<int:pk>/part/", views.export_part, name="export_part"),
    path("exports/<int:pk>/cancel/", views.cancel, name="cancel"),
    path("exports/<int:pk>/file/", views.download, name="download"),
    path("releases/", releases.all_releases, name="all_releases"),
    path("releases/<slug:slug>/", releases.releases, name="releases"),
    path("releases/<slug:slug>/new/", releases.make, name="make_release"),
    path(RELEASE, releases.release, name="release"),
    path(f"{RELEASE}part/", releases.release_part, name="release_part"),
    path(f"{RELEASE}withdraw/", releases.withdraw, name="withdraw_release"),
    path(f"{RELEASE}files/<path:name>", releases.release_file, name="release_file"),
]
