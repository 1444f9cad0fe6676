"""What a command says when it cannot do what was asked."""


class TrainingError(Exception):
    """What was asked cannot be done; the message is one sentence that says why and what to do."""
