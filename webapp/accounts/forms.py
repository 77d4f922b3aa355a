"""What allauth's forms ask beyond their own fields."""

from allauth.account.forms import SignupForm


class SignUpForm(SignupForm):  # type: ignore[misc]
    """Sign-up."""
