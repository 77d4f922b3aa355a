"""Addresses of files for scientists."""

from django.urls import URLPattern

app_name = "exports"
urlpatterns: list[URLPattern] = []
