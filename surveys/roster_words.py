"""The words people write in roster files: column names, languages and reporting lines, in tables that can be extended."""

import re
import unicodedata
from collections.abc import Mapping

REQUIRED_COLUMNS = ("mentor_name", "mentor_email", "mentee_name", "mentee_email")
COLUMNS = (
    "mentor_name",
    "mentor_email",
    "mentor_language",
    "mentor_timezone",
    "mentee_name",
    "mentee_email",
    "mentee_language",
    "mentee_timezone",
    "started_on",
    "reporting_line",
)

# A column name is recognised when it says whose it is (a word of SIDES), perhaps what it holds (a word of FIELDS;
# "Mentor" alone means the name), and besides nothing but FILLERS. A word that no table knows, as in "Mentor ID",
# leaves the column unrecognised, which is safer than a guess. Accents count, because French "mentoré" is the mentee.
SIDES: Mapping[str, tuple[str, ...]] = {
    "mentor": ("mentor", "mentors", "mentorin", "mentorinnen", "mentora", "mentores"),
    "mentee": (
        "mentee", "mentees", "mentoree", "mentorees", "mentoré", "mentorée", "mentorés", "mentorées",
        "mentorado", "mentorada", "mentorizado", "mentorizada", "aprendiz", "tutelado", "tutelada",
        "protégé", "protégée", "protege", "protegee",
    ),
}  # fmt: skip
FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "names", "namen", "fullname", "nom", "noms", "nombre"),
    "given_name": ("first", "firstname", "given", "givenname", "forename", "vorname", "prénom", "prenom"),
    "family_name": (
        "last", "lastname", "family", "familyname", "surname", "nachname", "familienname", "zuname",
        "famille", "apellido", "apellidos",
    ),
    "email": (
        "email", "emails", "mail", "emailaddress", "emailadresse", "mailadresse", "courriel", "mél", "correo",
    ),
    "timezone": ("timezone", "tz", "zeitzone", "fuseau", "huso"),
    "language": ("language", "lang", "locale", "sprache", "langue", "idioma", "lengua"),
}  # fmt: skip
FILLERS = frozenset((
    "reverse", "inverse", "inversé", "inverso", "inversa", "junior", "senior", "work", "business", "professional",
    "survey", "person", "full", "complete", "complet", "completo", "vollständiger", "preferred", "bevorzugte",
    "préférée", "préféré", "preferido", "preferida", "address", "adresse", "adresses", "dirección", "direccion",
    "electrónico", "electronico", "electrónica", "electronica", "électronique", "electronique",
    "the", "of", "for", "s", "der", "des", "die", "das", "für", "in", "innen", "du", "de", "la", "le", "les",
    "l", "d", "del", "el", "los", "pour", "para", "e", "a", "o",
))  # fmt: skip
WHOLE_NAMES: Mapping[str, tuple[str, ...]] = {
    "started_on": (
        "started on", "started", "start", "start date", "date started", "pair since", "since",
        "startdatum", "beginn", "begonnen am", "start am", "seit",
        "date de début", "date de debut", "début", "debut", "depuis",
        "fecha de inicio", "inicio", "desde",
    ),
    "reporting_line": (
        "reporting line", "reporting", "line management", "hierarchy",
        "berichtslinie", "weisungslinie", "führungslinie", "unterstellung",
        "ligne hiérarchique", "ligne hierarchique", "lien hiérarchique", "lien hierarchique",
        "línea jerárquica", "linea jerarquica", "línea de mando", "relación jerárquica", "dependencia jerárquica",
    ),
}  # fmt: skip

LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "en": ("en", "eng", "english", "englisch", "anglais", "inglés", "الإنجليزية", "إنجليزي", "انگریزی", "انگلش"),
    "de": ("de", "deu", "ger", "german", "deutsch", "allemand", "alemán", "الألمانية", "ألماني", "جرمن"),
    "fr": ("fr", "fra", "fre", "french", "français", "französisch", "francés", "الفرنسية", "فرنسي", "فرانسیسی"),
    "es": (
        "es", "spa", "spanish", "español", "castellano", "spanisch", "espagnol", "الإسبانية", "إسباني", "ہسپانوی",
    ),
    "pt": (
        "pt", "por", "portuguese", "português", "portugiesisch", "portugais", "portugués", "البرتغالية", "برتغالي", "پرتگالی",
        "पुर्तगाली", "葡萄牙语",
    ),
    "ar": ("ar", "ara", "arabic", "العربية", "عربي", "عربى", "عربی", "arabisch", "arabe", "árabe"),
    "ur": ("ur", "urd", "urdu", "اردو", "الأردية", "أردية", "ourdou", "ourdu"),
    "hi": ("hi", "hin", "hindi", "हिन्दी", "हिंदी", "الهندية", "ہندی", "印地语"),
    "zh_Hans": (
        "zh", "zho", "chi", "cmn", "zh cn", "zh sg", "zh hans", "zh hans cn", "zh hans sg", "chinese", "simplified chinese",
        "chinese simplified", "chinese china", "chinese mandarin", "mandarin", "chinesisch", "chinois", "chino", "chinês", "mandarim", "الصينية", "چینی", "चीनी", "中文", "简体中文", "中文 简体", "汉语", "普通话",
    ),
}  # fmt: skip

REPORTING_LINES: Mapping[str, tuple[str, ...]] = {
    "none": (
        "none", "no", "n", "0", "false", "keine", "nein", "aucune", "aucun", "non", "ninguna", "ninguno", "لا", "نہیں",
    ),
    "direct": (
        "direct", "yes", "y", "1", "true", "direkt", "ja", "directe", "oui", "directa", "directo", "sí", "مباشر",
    ),
    "indirect": (
        "indirect", "indirekt", "indirecte", "indirecta", "indirecto", "غير مباشر", "dotted", "dotted line", "matrix", "skip level",
    ),
}  # fmt: skip


def fold_word(text: str, *, accents: bool = True) -> str:
    """Words of a text in lower case, one space apart, without punctuation and invisible characters."""
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    folded = unicodedata.normalize("NFKC", visible).casefold()
    if not accents:
        folded = "".join(
            letter for letter in unicodedata.normalize("NFKD", folded) if unicodedata.category(letter) != "Mn"
        )
    return " ".join(re.sub(r"[^\w]|_", " ", folded).split())


def _by_word(table: Mapping[str, tuple[str, ...]], *, accents: bool) -> dict[str, str]:
    """A table turned round: folded word -> key."""
    return {fold_word(word, accents=accents): key for key, words in table.items() for word in words}


_SIDE_OF = _by_word(SIDES, accents=True)
_FIELD_OF = _by_word(FIELDS, accents=True)
_WHOLE_NAME_OF = _by_word(WHOLE_NAMES, accents=True)
_LANGUAGE_OF = _by_word(LANGUAGES, accents=False)
_REPORTING_LINE_OF = _by_word(REPORTING_LINES, accents=False)
# German writes side and field as one word: Mentorname, Mentorensprache, Menteemail.
_COMPOUND = re.compile(
    "({})(?:en|s)?({})".format(
        *("|".join(sorted(map(re.escape, words), key=len, reverse=True)) for words in (_SIDE_OF, _FIELD_OF))
    )
)


def recognise_column(name: str) -> str | None:
    """The field a column name stands for ("mentor_email"; also "mentor_given_name"), or None when it is not known."""
    if len(name) > 100:
        return None
    folded = fold_word(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).replace("e mail", "email")
    folded = (
        folded.replace("time zone", "timezone")
        .replace("fuseau horaire", "fuseau")
        .replace("huso horario", "huso")
        .replace("zona horaria", "huso")
    )
    if folded in _WHOLE_NAME_OF:
        return _WHOLE_NAME_OF[folded]
    words: list[str] = []
    for word in folded.split():
        compound = None if word in _SIDE_OF else _COMPOUND.fullmatch(word)
        words.extend(compound.groups() if compound else (word,))
    sides = {_SIDE_OF[word] for word in words if word in _SIDE_OF}
    fields = {_FIELD_OF[word] for word in words if word in _FIELD_OF}
    unknown = [
        word for word in words if word not in _SIDE_OF and word not in _FIELD_OF and word not in FILLERS
    ]
    if fields & {"given_name", "family_name"}:
        fields.discard("name")  # "first name" and "nom de famille" are parts of a name
    if len(sides) != 1 or len(fields) > 1 or unknown:
        return None
    return f"{sides.pop()}_{fields.pop() if fields else 'name'}"


def recognise_language(cell: str) -> str | None:
    """The locale a cell names by code or by name ("de-AT", "German", "اردو"), or None when it names none of ours."""
    plain = re.sub(r"\([^()]*\)", " ", cell)
    code = re.fullmatch(r"\s*([A-Za-z]{2,3})[-_][A-Za-z0-9_-]{2,12}\s*", cell)
    for candidate in (cell, plain, code[1] if code else ""):
        locale = _LANGUAGE_OF.get(fold_word(candidate, accents=False))
        # What is left out here may be the script: "zh-TW" and "Chinese (Traditional)" are not what we have.
        if locale and not (locale == "zh_Hans" and candidate != cell):
            return locale
    return None


def recognise_reporting_line(cell: str) -> str | None:
    """The reporting line a cell names ("none", "direct", "indirect"), or None when it is not known."""
    return _REPORTING_LINE_OF.get(fold_word(cell, accents=False))
