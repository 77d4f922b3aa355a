"""Sites of their own, which are hurt on purpose."""
