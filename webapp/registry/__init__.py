"""Networks: the model files that this site knows, and which of them each campaign uses."""
