"""What people of the demo's largest cohort wrote when their programme ended; invented, each sentence used once.

The last waves of that cohort are drawn with a generator of their own, so that everything else in the demo stays as it was. Their time is
over and nobody has frozen them yet: comments can be read, and the coordinator still has something to close.
"""

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING

from instruments.answers import AnswerValue
from instruments.model import Form, WaveKind

if TYPE_CHECKING:
    import numpy as np

SEED = 20260402
WORKED, DIFFERENT = "OE1", "OE2"
# (wave, days after the start of the cohort, response rate)
LAST_WAVES = ((WaveKind.T3A, 91, 0.84), (WaveKind.T3B, 98, 0.82))
WRITES, ALLOWS_QUOTES = 0.75, 0.5
FIELDWORK = dt.timedelta(days=10)

COMMENTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {
        WORKED: (
            "We met every two weeks and nobody moved the date. That alone told me it was meant seriously.",
            "I could ask the simplest questions about our tools without feeling stupid.",
            "My idea went to the steering group under my own name.",
            "After the third meeting we talked about how decisions are really made here.",
        ),
        DIFFERENT: (
            "The first two meetings had no aim. A short list of topics would have helped.",
            "Please give mentors time for it. I prepared every meeting in the evening.",
            "I was told that my contract would not be renewed if I went on contradicting in meetings. I do not know whom to tell.",
            "A second partner for a while would show more than one view.",
        ),
    },
    "de": {
        WORKED: (
            "Die festen Termine. Es ist kein einziger ausgefallen.",
            "Ich durfte Fragen stellen, die ich mich im Team nicht traue zu stellen.",
        ),
        DIFFERENT: (
            "Am Anfang fehlte uns ein Thema, wir haben zwei Treffen lang nur geplaudert.",
            "Die Vorbereitung sollte als Arbeitszeit zählen.",
        ),
    },
    "fr": {
        WORKED: (
            "Les rendez-vous réguliers, toujours maintenus.",
            "On m'a écouté jusqu'au bout, et une de mes idées a été reprise.",
        ),
        DIFFERENT: (
            "Il faudrait dire dès le début à quoi servent les rencontres.",
            "Le temps de préparation n'était prévu nulle part.",
        ),
    },
    "es": {
        WORKED: (
            "Las reuniones fijas cada dos semanas funcionaron muy bien.",
            "Pude preguntar sin miedo cosas muy básicas.",
        ),
        DIFFERENT: (
            "Al principio no sabíamos de qué hablar.",
            "Harían falta horas reservadas para preparar las reuniones.",
        ),
    },
    "ar": {
        WORKED: (
            "كانت المواعيد ثابتة ولم يُلغَ أي لقاء.",
            "استطعت أن أسأل أسئلة بسيطة دون حرج.",
        ),
        DIFFERENT: (
            "في البداية لم يكن لدينا موضوع واضح.",
            "نحتاج إلى وقت مخصص للتحضير.",
        ),
    },
    "ur": {
        WORKED: (
            "ملاقاتیں باقاعدگی سے ہوئیں، یہ سب سے اچھی بات تھی۔",
            "میں بلا جھجک سادہ سوال پوچھ سکا۔",
        ),
        DIFFERENT: (
            "شروع میں واضح نہیں تھا کہ بات کس بارے میں کرنی ہے۔",
            "تیاری کے لیے وقت ملنا چاہیے۔",
        ),
    },
}


class Writers:
    """Hands out the sentences, each to one person, in the language in which they answer."""

    def __init__(self) -> None:
        self._left = {
            (locale, item): list(texts) for locale, of in COMMENTS.items() for item, texts in of.items()
        }

    def write(
        self, rng: "np.random.Generator", form: Form, locale: str
    ) -> tuple[dict[str, AnswerValue], frozenset[str]]:
        """What one person writes in a form, and what of it may be quoted."""
        written: dict[str, AnswerValue] = {}
        quotable = set()
        for item_id in form.item_ids:
            left = self._left.get((locale, item_id))
            if left and rng.random() < WRITES:
                written[item_id] = AnswerValue(text=left.pop(0))
                if rng.random() < ALLOWS_QUOTES:
                    quotable.add(item_id)
        return written, frozenset(quotable)
