"""Personal links that can be made again: the token is computed from the invitation's id under a key of the deployment.

Only a digest of the token is in the database, as with a random one. Whoever has the database and the secret key can make every link.
"""

import base64
import hmac

from flask import current_app

from surveys.invitations import MakeToken

PURPOSE = b"viceversa personal link"


def token_maker(secret: str | bytes) -> MakeToken:
    """What makes the token of an invitation under a secret key."""
    key = hmac.digest(secret.encode() if isinstance(secret, str) else secret, PURPOSE, "sha256")

    def make(invitation_id: str) -> str:
        digest = hmac.digest(key, f"link:{invitation_id}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")

    return make


def make_token(invitation_id: str) -> str:
    """The token of an invitation in this app."""
    return token_maker(current_app.config["SECRET_KEY"])(invitation_id)
