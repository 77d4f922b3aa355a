"""Who somebody is: users, volunteers with or without an account, roles."""
