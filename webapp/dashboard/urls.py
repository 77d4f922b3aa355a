"""Addresses of the owners' pages and parts."""

from django.urls import path

from webapp.dashboard import edits, gold, insight, lists, networks, people, streams, views

app_name = "dashboard"
ONE = "campaigns/<slug:slug>/"
urlpatterns = [
    path("", views.campaigns, name="campaigns"),
    path("new/", views.create, name="create"),
    path(ONE, views.campaign, name="campaign"),
    path(f"{ONE}checklist/", views.checklist_part, name="checklist"),
    path(f"{ONE}progress/", views.progress_part, name="progress"),
    path(f"{ONE}scoring/retry/", views.retry_scoring, name="retry_scoring"),
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
    path(f"{ONE}gold/", gold.gold_list, name="gold"),
    path(f"{ONE}gold/file/", gold.gold_file, name="gold_file"),
    path(f"{ONE}gold/file/store/", gold.store_gold_file, name="store_gold_file"),
    path(f"{ONE}gold/rate/", gold.gold_rate, name="gold_rate"),
    path(f"{ONE}gold/<int:subject_id>/", gold.gold_answers, name="gold_answers"),
    path(f"{ONE}gold/<int:subject_id>/remove/", gold.remove_gold, name="remove_gold"),
    path(f"{ONE}streams/", streams.streams, name="streams"),
    path(f"{ONE}people/", people.people, name="people"),
    path(f"{ONE}people/weigh/", people.weigh, name="weigh"),
    path(f"{ONE}people/weighing/", people.weighing, name="weighing"),
    path(f"{ONE}people/<int:suspicion_id>/exclude/", people.exclude, name="exclude"),
    path(f"{ONE}people/<int:suspicion_id>/keep/", people.keep, name="keep"),
    path(f"{ONE}models/", networks.models, name="models"),
    path(f"{ONE}models/register/", networks.register_model, name="register_model"),
    path(f"{ONE}models/roll-back/", networks.roll_back, name="roll_back"),
    path(f"{ONE}models/<int:pk>/", networks.model, name="model"),
    path(f"{ONE}models/<int:pk>/file/", networks.model_file, name="model_file"),
    path(f"{ONE}models/<int:pk>/promote/", networks.promote, name="promote"),
    path(f"{ONE}models/<int:pk>/archive/", networks.archive, name="archive_model"),
    path(f"{ONE}models/<int:pk>/restore/", networks.restore, name="restore_model"),
    path(f"{ONE}retired/", lists.retired, name="retired"),
    path(f"{ONE}flagged/", lists.flagged, name="flagged"),
    path(f"{ONE}history/", lists.history, name="history"),
]
