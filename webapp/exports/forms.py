"""What people say of the files they want."""

from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.exports.citation import LICENSES
from webapp.exports.models import Table
from webapp.exports.writers import FORMATS


class ExportForm(forms.Form):
    """A file of a campaign."""

    table = forms.ChoiceField(label=_("What"), choices=Table.choices, initial=Table.CATALOG)
    format = forms.ChoiceField(
        label=_("Format"),
        choices=[(key, one.name) for key, one in FORMATS.items()],
        initial="parquet",
    )
    query = forms.CharField(
        label=_("Filters"),
        required=False,
        max_length=4000,
        help_text=_("As in the address of the catalog page; leave it empty for all galaxies."),
    )
    uses_galaxy_zoo_names = forms.BooleanField(
        label=_("Call the columns as Galaxy Zoo does"), required=False
    )
    allows_formulas = forms.BooleanField(
        label=_("CSV for programs: no apostrophe before what a spreadsheet might run"),
        required=False,
    )
    is_debiased = forms.BooleanField(
        label=_("With fractions corrected for redshift"), required=False
    )


class ReleaseForm(forms.Form):
    """A release of a campaign."""

    title = forms.CharField(label=_("Title"), max_length=200)
    authors = forms.CharField(
        label=_("Authors"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("One a line, as they are to be cited: family name, given names."),
    )
    description = forms.CharField(
        label=_("What it is"), required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    license = forms.ChoiceField(
        label=_("License"), choices=[(key, name) for key, (name, _url) in LICENSES.items()]
    )
    doi = forms.RegexField(
        label=_("DOI"),
        regex=r"^10\.\d{4,9}/\S{1,80}$",
        required=False,
        help_text=_("If one was reserved for it, such as 10.5281/zenodo.123."),
    )


class WithdrawForm(forms.Form):
    """Why a release is withdrawn."""

    reason = forms.CharField(label=_("Why"), max_length=1000)
