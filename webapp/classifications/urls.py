"""Addresses of the volunteers' pages and parts."""

from django.urls import path

from webapp.classifications import views

app_name = "classifications"
urlpatterns = [
    path("", views.home, name="home"),
    path("my/", views.my_galaxies, name="my_galaxies"),
    path("c/<slug:slug>/", views.campaign, name="campaign"),
    path("c/<slug:slug>/classify/", views.classify, name="classify"),
    path("c/<slug:slug>/classify/<uuid:handout>/", views.galaxy, name="galaxy"),
    path("c/<slug:slug>/classify/<uuid:handout>/question/", views.question, name="question"),
    path("c/<slug:slug>/submit/", views.submit, name="submit"),
]
