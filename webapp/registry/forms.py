"""The shape of what owners send."""

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

MAX_REASON = 500


class ModelFileForm(forms.Form):
    """A model file."""

    file = forms.FileField(
        label=_("Model file"),
        allow_empty_file=True,  # the check refuses it with a better sentence
        help_text=_("ONNX with its card inside, such as model.onnx of a training run."),
        widget=forms.FileInput(attrs={"accept": ".onnx"}),
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        """Return a file that is not too large."""
        upload: UploadedFile[bytes] = self.cleaned_data["file"]
        if (upload.size or 0) > settings.MAX_MODEL_BYTES:
            raise forms.ValidationError(
                _(
                    "The file has %(size)s bytes, and at most %(max_model_bytes)s are accepted: "
                    "export a smaller network."
                )
                % {"size": f"{upload.size:,}", "max_model_bytes": f"{settings.MAX_MODEL_BYTES:,}"}
            )
        return upload


class ReasonForm(forms.Form):
    """Why something is done."""

    why = forms.CharField(
        label=_("Why"),
        max_length=MAX_REASON,
        help_text=_("In a few words; it stands in the campaign's history."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
