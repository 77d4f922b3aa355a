"""Addresses of the owners' pages and parts."""

from django.urls import path

from webapp.dashboard import edits, insight, lists, views

app_name = "dashboard"
ONE = "campaigns/<slug:slug>/"
urlpatterns = [
    path("", views.campaigns, name="campaigns"),
    path("new/", views.create, name="create"),
    path(ONE, views.campaign, name="campaign"),
    path(f"{ONE}checklist/", views.checklist_part, name="checklist"),
    path(f"{ONE}progress/", views.progress_part, name="progress"),
    path(f"{ONE}launch/", views.launch, name="launch"),
    path(f"{ONE}pause/", views.pause, name="pause"),
    path(f"{ONE}resume/", views.resume, name="resume"),
    path(f"{ONE}finish/", views.finish, name="finish"),
    path(f"{ONE}duplicate/", views.duplicate, name="duplicate"),
    path(f"{ONE}test-votes/", views.test_votes, name="test_votes"),
    path(f"{ONE}sets/", edits.sets, name="sets"),
    path(f"{ONE}sets/<slug:subject_set>/unlink/", edits.unlink, name="unlink"),
    path(f"{ONE}rule/", edits.rule, name="rule"),
    path(f"{ONE}texts/", edits.texts, name="texts"),
    path(f"{ONE}tree/", edits.tree, name="tree"),
    path(f"{ONE}tree/confirm/", edits.confirm_tree, name="confirm_tree"),
    path(f"{ONE}owners/", edits.owners, name="owners"),
    path(f"{ONE}owners/<int:user_id>/remove/", edits.remove_owner, name="remove_owner"),
    path(f"{ONE}insight/", insight.insight, name="insight"),
    path(f"{ONE}retired/", lists.retired, name="retired"),
    path(f"{ONE}flagged/", lists.flagged, name="flagged"),
    path(f"{ONE}history/", lists.history, name="history"),
]
