"""Addresses of galaxies and of lists of them."""

from django.urls import path

from webapp.explore import views

app_name = "explore"
ONE = "<slug:slug>/g/<int:subject_id>/"
urlpatterns = [
    path("g/<int:subject_id>/", views.galaxy, name="galaxy"),
    path(f"look/{ONE}", views.galaxy_in, name="galaxy_in"),
    path(f"look/{ONE}map/", views.ask_for_map, name="ask_for_map"),
    path(f"look/{ONE}map/part/", views.map_part, name="map_part"),
    path("look/<slug:slug>/<slug:kind>/", views.galaxies, name="galaxies"),
]
