"""Addresses of the volunteers' pages and parts."""

from django.urls import path

from webapp.classifications import asides, demo, mine, queueing, views

app_name = "classifications"
urlpatterns = [
    path("", views.home, name="home"),
    path("my/", mine.my_galaxies, name="my_galaxies"),
    path("my/galaxy/<uuid:classification>/", mine.my_galaxy, name="my_galaxy"),
    path("my/statistics/", mine.my_statistics, name="my_statistics"),
    path("my/certificate/", mine.certificate, name="certificate"),
    path("my/data.csv", mine.my_data, name="my_data"),
    path("favorites/<int:subject_id>/", mine.favorite, name="favorite"),
    path("c/<slug:slug>/", views.campaign, name="campaign"),
    path("c/<slug:slug>/classify/", views.classify, name="classify"),
    path("c/<slug:slug>/classify/<uuid:handout>/", views.galaxy, name="galaxy"),
    path("c/<slug:slug>/classify/<uuid:handout>/question/", views.question, name="question"),
    path("c/<slug:slug>/submit/", views.submit, name="submit"),
    path("c/<slug:slug>/demo/", demo.demo, name="demo"),
    path("c/<slug:slug>/demo/<int:subject_id>/", demo.galaxy, name="demo_galaxy"),
    path("c/<slug:slug>/demo/<int:subject_id>/question/", demo.question, name="demo_question"),
    path("c/<slug:slug>/skip/", asides.skip, name="skip"),
    path("c/<slug:slug>/report/", asides.report, name="report"),
    path("c/<slug:slug>/change/", asides.change, name="change"),
    path("c/<slug:slug>/tell/", asides.tell, name="tell"),
    path("c/<slug:slug>/queue/", queueing.store, name="queue"),
    path("c/<slug:slug>/ahead/", queueing.ahead, name="ahead"),
    path("questions/<int:tree>/", queueing.questions, name="questions"),
    path("queue/token/", queueing.token, name="token"),
]
