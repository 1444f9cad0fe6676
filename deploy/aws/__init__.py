"""Vigie on AWS: templates, and the one command that puts them there."""
