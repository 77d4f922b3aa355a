"""Addresses of other projects' exports."""

from django.urls import path

from webapp.imports import views

app_name = "imports"
urlpatterns = [
    path("", views.imports, name="list"),
    path("new/", views.bring, name="bring"),
    path("<int:pk>/", views.show, name="import"),
    path("<int:pk>/part/", views.part, name="import_part"),
    path("<int:pk>/cancel/", views.cancel, name="cancel"),
    path("<int:pk>/refused.csv", views.refused, name="refused"),
    path("<int:pk>/trees/<int:version>.json", views.tree, name="tree"),
]
