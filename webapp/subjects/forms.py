"""The shape of what owners send."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _


class SetForm(forms.Form):
    """A new set."""

    name = forms.CharField(
        label=_("Name"), max_length=120, help_text=_("Such as the survey and the field.")
    )
    credit = forms.CharField(
        label=_("Credit"),
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Who took the pictures, and under what license."),
    )


class UploadForm(forms.Form):
    """Pictures in a ZIP file, and a manifest if there is one."""

    pictures = forms.FileField(
        label=_("ZIP file of pictures"),
        help_text=_("JPEG, PNG or FITS; each is one galaxy."),
        widget=forms.FileInput(attrs={"accept": ".zip"}),
    )
    manifest = forms.FileField(
        label=_("CSV manifest"),
        required=False,
        help_text=_("One row for each picture, with its name, and whatever is known of it."),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt"}),
    )
    is_dry_run = forms.BooleanField(
        label=_("Only check, store nothing yet"),
        required=False,
        initial=True,
        help_text=_("You see every bad row first, and import with one more click."),
    )
    keeps_good_rows = forms.BooleanField(
        label=_("Import good rows in spite of bad ones"),
        required=False,
        help_text=_("Otherwise a single bad row keeps all of them out."),
    )

    def clean_pictures(self) -> "UploadedFile[bytes]":
        """Return a file that begins as a ZIP file does."""
        return _checked(self.cleaned_data["pictures"], is_zip=True)

    def clean_manifest(self) -> "UploadedFile[bytes] | None":
        """Return a file that does not begin as a ZIP file does, such as a spreadsheet."""
        upload = self.cleaned_data["manifest"]
        return _checked(upload, is_zip=False) if upload else None


def _checked(upload: Any, *, is_zip: bool) -> "UploadedFile[bytes]":
    if upload.size > settings.MAX_UPLOAD_BYTES:
        raise forms.ValidationError(
            _(
                "The file has %(size)s bytes, and at most %(max_upload_bytes)s are accepted: "
                "split it, or use manage.py ingest_subjects on the server."
            )
            % {"size": f"{upload.size:,}", "max_upload_bytes": f"{settings.MAX_UPLOAD_BYTES:,}"}
        )
    start = upload.read(4)
    upload.seek(0)
    if is_zip and start not in (b"PK\3\4", b"PK\5\6"):
        raise forms.ValidationError(
            _("This is no ZIP file by its content: put the pictures into one.")
        )
    if not is_zip and start[:2] == b"PK":
        raise forms.ValidationError(
            _("This is a ZIP file or spreadsheet by its content: save the table as CSV in UTF-8.")
        )
    return upload  # type: ignore[no-any-return]
