"""Addresses of the owners' pages about sets of galaxies."""

from django.urls import path

from webapp.subjects import views

app_name = "subjects"

urlpatterns = [
    path("", views.sets, name="sets"),
    path("new/", views.new_set, name="new_set"),
    path("<slug:slug>/", views.subject_set, name="set"),
    path("<slug:slug>/upload/", views.upload, name="upload"),
    path("<slug:slug>/batches/<int:pk>/", views.batch, name="batch"),
    path("<slug:slug>/batches/<int:pk>/progress/", views.batch_progress, name="batch_progress"),
    path("<slug:slug>/batches/<int:pk>/problems.csv", views.problems_csv, name="problems_csv"),
    path("<slug:slug>/batches/<int:pk>/import/", views.import_batch, name="import_batch"),
    path("<slug:slug>/batches/<int:pk>/cancel/", views.cancel_batch, name="cancel_batch"),
    path("<slug:slug>/batches/<int:pk>/retry/", views.retry_batch, name="retry_batch"),
]
