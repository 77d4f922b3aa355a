"""The shape of what owners send about training; what it means is for the services."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.retraining import configs
from webapp.retraining.models import Plan
from webapp.retraining.services import MOST_NEW


class PlanForm(forms.Form):
    """When a campaign's network is trained again, with which settings, and who promotes it."""

    least_new = forms.IntegerField(
        label=_("Least new classifications"),
        min_value=0,
        max_value=MOST_NEW,
        help_text=_("With fewer since the last run, Retrain is refused: little would change."),
    )
    config_name = forms.ChoiceField(
        label=_("Settings of the training"),
        help_text=_("Files of the folder training/configs on the server."),
    )
    is_weekly = forms.BooleanField(
        label=_("Train every week"),
        required=False,
        help_text=_("If enough has come in by then."),
    )
    after_new = forms.IntegerField(
        label=_("Train after so many new classifications"),
        min_value=1,
        max_value=MOST_NEW,
        required=False,
        help_text=_("Empty: not by itself."),
    )
    promotes_itself = forms.BooleanField(
        label=_("Promote a better model without asking"),
        required=False,
        help_text=_(
            "Better: a lower log-loss on the galaxies held out, surely (all of the 95 % interval), "
            "no question whose fractions fit worse, and the same output twice. Otherwise you "
            "promote by hand."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["config_name"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  for the type checker
        field.choices = [(name, name) for name in configs.names()]

    @staticmethod
    def initial_of(plan: Plan) -> dict[str, Any]:
        """Return what the fields hold for a plan."""
        names = ("least_new", "config_name", "is_weekly", "after_new", "promotes_itself")
        return {name: getattr(plan, name) for name in names}
