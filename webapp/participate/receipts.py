"""The page on which a receipt of an erasure can be checked, by whoever has its code; it needs no link and no cookie."""

from flask import Blueprint, make_response, render_template
from flask_wtf import FlaskForm
from werkzeug.wrappers import Response
from wtforms.fields import StringField
from wtforms.validators import InputRequired, Length

from surveys.rights import find_receipt
from webapp.access import csrf
from webapp.database import db
from webapp.i18n import lazy

blueprint = Blueprint("receipts", __name__, url_prefix="/receipt")
# Nothing is changed here and nobody is signed in, so there is nothing to forge.
csrf.exempt(blueprint)


class ReceiptForm(FlaskForm):
    """The code of a receipt."""

    class Meta:
        """No cookie is needed to ask."""

        csrf = False

    code = StringField(
        lazy("Code of the receipt"),
        [
            InputRequired(lazy("Please type the code.")),
            Length(max=100, message=lazy("This is too long.")),
        ],
    )


@blueprint.get("/")
def show_receipt_form() -> str:
    """Show where to type the code."""
    return render_template("participate/receipt.html", form=ReceiptForm(), receipt=None)


@blueprint.post("/")
def check_receipt() -> Response:
    """Say what was erased, and when, or that the code belongs to no receipt."""
    form = ReceiptForm()
    receipt = find_receipt(db(), form.code.data) if form.validate() else None
    if receipt is None and not form.errors:
        form.code.errors = [lazy("No receipt has this code. Please compare it sign by sign.")]
    page = render_template("participate/receipt.html", form=form, receipt=receipt)
    return make_response(page, 200 if receipt is not None else 400)
