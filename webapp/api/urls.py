"""Addresses of what programs read."""

from django.urls import path, re_path

from webapp.api import campaigns, catalog, cone, files, galaxies, views, vosi, votes

app_name = "api"
ONE = "api/workflows/<slug:slug>/"
urlpatterns = [
    path("accounts/tokens/", views.tokens, name="tokens"),
    path("accounts/tokens/new/", views.make_token, name="make_token"),
    path("accounts/tokens/<int:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("api/", campaigns.Root.as_view(), name="root"),
    path("api/docs/", views.docs, name="docs"),
    path("api/openapi.json", views.openapi, name="openapi"),
    path("api/exports/", files.Exports.as_view(), name="exports"),
    path("api/exports/<int:export_id>/", files.OneExport.as_view(), name="export"),
    path("api/exports/<int:export_id>/file/", files.ExportFile.as_view(), name="export_file"),
    path("api/exports/<int:export_id>/cancel/", files.Cancelling.as_view(), name="cancel_export"),
    path("api/workflows/", campaigns.Workflows.as_view(), name="workflows"),
    path(ONE, campaigns.OneWorkflow.as_view(), name="workflow"),
    path(f"{ONE}columns/", catalog.Columns.as_view(), name="columns"),
    path(f"{ONE}consensus/", catalog.Catalog.as_view(), name="consensus"),
    path(f"{ONE}consensus/<int:subject_id>/", catalog.Galaxy.as_view(), name="consensus_of"),
    path(f"{ONE}releases/", files.Releases.as_view(), name="releases"),
    path(f"{ONE}models/", campaigns.Models.as_view(), name="models"),
    path(f"{ONE}subjects/", galaxies.Subjects.as_view(), name="subjects"),
    path(f"{ONE}predictions/", galaxies.Predictions.as_view(), name="predictions"),
    path(f"{ONE}classifications/", votes.Classifications.as_view(), name="classifications"),
    re_path(r"^api/(?P<rest>(?s:.+))\Z", campaigns.Nowhere.as_view(), name="nowhere"),
    path("cone/<slug:slug>", cone.search, name="cone"),
    path("cone/<slug:slug>/capabilities", vosi.capabilities, name="cone_capabilities"),
    path("cone/<slug:slug>/availability", vosi.availability, name="cone_availability"),
    path("cone/<slug:slug>/tables", vosi.tables, name="cone_tables"),
]
