"""Addresses of galaxies and of lists of them."""

from django.urls import path

from webapp.explore import catalogs, views

app_name = "explore"
ONE = "<slug:slug>/g/<int:subject_id>/"
urlpatterns = [
    path("catalog/", catalogs.catalogs, name="catalogs"),
    path("catalog/<slug:slug>/", catalogs.catalog, name="catalog"),
    path("catalog/<slug:slug>/filter/", catalogs.add_filter, name="add_filter"),
    path("catalog/<slug:slug>/views/", catalogs.save_view, name="save_view"),
    path("catalog/<slug:slug>/views/<int:pk>/remove/", catalogs.remove_view, name="remove_view"),
    path("g/<int:subject_id>/", views.galaxy, name="galaxy"),
    path(f"look/{ONE}", views.galaxy_in, name="galaxy_in"),
    path(f"look/{ONE}recipe.json", views.recipe, name="recipe"),
    path(f"look/{ONE}map/", views.ask_for_map, name="ask_for_map"),
    path(f"look/{ONE}map/part/", views.map_part, name="map_part"),
    path("look/<slug:slug>/<slug:kind>/", views.galaxies, name="galaxies"),
]
